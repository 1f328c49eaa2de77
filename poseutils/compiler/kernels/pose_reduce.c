/* MEAN, SUM, REDUCE_MAX, REDUCE_MIN, and ARG_MAX. */
#include "pose_grid.h"

void pose_mean(const pose_mean_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t places = layer->in.height * layer->in.width;
    for (int32_t c = 0; c < layer->in.channels; c++) {
        int32_t sum = 0;
        for (int32_t i = 0; i < places; i++) {
            sum += in[(ptrdiff_t)i * layer->in.step + c] - layer->in_zero;
        }
        out[c] = in_8_bits(multiply_rounded(sum, layer->multiplier, layer->shift, layer->even) +
                           layer->zero);
    }
}

static int32_t reduced(const pose_reduce_layer *layer, const int8_t *in)
{
    int32_t index[4] = {0, 0, 0, 0};
    int32_t sum = 0, least = INT8_MAX, most = INT8_MIN;
    do {
        const int32_t value = in[grid_place(layer->apart, index)];
        sum += value - layer->in_zero;
        least = value < least ? value : least;
        most = value > most ? value : most;
    } while (grid_next(layer->length, index, 4));
    switch (layer->what) {
    case POSE_REDUCE_MAX: return most;
    case POSE_REDUCE_MIN: return least;
    default: break;
    }
    return multiply_rounded(sum, layer->multiplier, layer->shift, layer->even) + layer->zero;
}

void pose_reduce(const pose_reduce_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int32_t value = reduced(layer, in + grid_place(layer->in, index));
        out[grid_place(layer->out, index)] = in_8_bits(value);
    } while (grid_next(layer->size, index, 4));
}

/* The first of the greatest. */
static int32_t first_greatest(const int8_t *values, int32_t count, int32_t stride)
{
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++) {
        best = values[(ptrdiff_t)i * stride] > values[(ptrdiff_t)best * stride] ? i : best;
    }
    return best;
}

void pose_arg_max(const pose_argmax_layer *layer, const int8_t *in, int32_t *out)
{
    for (int32_t o = 0; o < layer->outer; o++) {
        for (int32_t i = 0; i < layer->inner; i++) {
            *out++ = first_greatest(in + (ptrdiff_t)o * layer->length * layer->inner + i,
                                    layer->length, layer->inner);
        }
    }
}
