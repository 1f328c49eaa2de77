/* GATHER, GATHER_ND, copies and fills: values that move without computing. */
#include "pose_arithmetic.h"

/* Indices that the network computes are held inside of the tensor: a damaged image must not make it
 * read elsewhere. */
void pose_gather(const pose_gather_layer *layer, const void *in, const int32_t *indices, void *out)
{
    const uint8_t *from = in;
    uint8_t *to = out;
    for (int32_t part = 0; part < layer->outer; part++, from += layer->part) {
        const int32_t *chosen = indices;
        for (int32_t i = 0; i < layer->count; i++, chosen += layer->depth, to += layer->slice) {
            ptrdiff_t place = 0;
            for (int32_t d = 0; d < layer->depth; d++) {
                place += (ptrdiff_t)clamp(chosen[d], 0, layer->size[d] - 1) * layer->stride[d];
            }
            memcpy(to, from + place * layer->slice, (size_t)layer->slice);
        }
    }
}

/* The innermost dimension: a run of memory where both strides are 1, else a value at a time. */
static void copy_run(const pose_copy_layer *layer, const uint8_t *from, uint8_t *to)
{
    const int32_t last = layer->dims - 1;
    const size_t bytes = (size_t)layer->bytes;
    if (layer->in[last] == 1 && layer->out[last] == 1) {
        memmove(to, from, bytes * (size_t)layer->size[last]);
        return;
    }
    if (layer->bytes == 1) {
        for (int32_t i = 0; i < layer->size[last]; i++) {
            to[(ptrdiff_t)i * layer->out[last]] = from[(ptrdiff_t)i * layer->in[last]];
        }
        return;
    }
    for (int32_t i = 0; i < layer->size[last]; i++) {
        memcpy(to + (ptrdiff_t)i * layer->out[last] * layer->bytes,
               from + (ptrdiff_t)i * layer->in[last] * layer->bytes, bytes);
    }
}

void pose_copy(const pose_copy_layer *layer, const void *in, void *out)
{
    int32_t index[POSE_MAX_DIMS] = {0};
    int32_t d;
    do {
        ptrdiff_t from = 0, to = 0;
        for (d = 0; d < layer->dims - 1; d++) {
            from += (ptrdiff_t)index[d] * layer->in[d];
            to += (ptrdiff_t)index[d] * layer->out[d];
        }
        copy_run(layer, (const uint8_t *)in + from * layer->bytes,
                 (uint8_t *)out + to * layer->bytes);
        for (d = layer->dims - 2; d >= 0 && ++index[d] == layer->size[d]; d--) {
            index[d] = 0;
        }
    } while (d >= 0);
}

void pose_fill(const pose_rows *rows, int8_t value, int8_t *out)
{
    for (int32_t row = 0; row < rows->rows; row++, out += rows->out_step) {
        memset(out, value, (size_t)rows->channels);
    }
}
