/* TRANSPOSE_CONV. */
#include "pose_arithmetic.h"

/* The input index whose window puts its tap k on output index `at`; -1 if there is none. */
static int32_t transposed_index(int32_t at, int32_t k, int32_t pad, int32_t stride, int32_t size)
{
    const int32_t distance = at + pad - k;
    const int inside = distance >= 0 && distance % stride == 0 && distance / stride < size;
    return inside ? distance / stride : -1;
}

/* What one input place adds to one output channel. */
static int32_t transposed_dot(const int8_t *values, const int8_t *weights, int32_t count,
                              int32_t zero)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += (values[i] - zero) * weights[i];
    }
    return sum;
}

static int32_t transposed_sum(const pose_transposed_layer *layer, const int8_t *const *rows,
                              const int32_t *columns, int32_t channel)
{
    const pose_window *window = &layer->window;
    const int32_t depth = layer->in.channels;
    const int8_t *weights =
        layer->weights + (ptrdiff_t)channel * window->height * window->width * depth;
    int32_t sum = 0;
    for (int32_t ky = 0; ky < window->height; ky++) {
        for (int32_t kx = 0; kx < window->width; kx++, weights += depth) {
            if (rows[ky] != NULL && columns[kx] >= 0) {
                sum += transposed_dot(rows[ky] + (ptrdiff_t)columns[kx] * layer->in.step, weights,
                                      depth, layer->in_zero);
            }
        }
    }
    return sum;
}

static void transposed_places(const pose_transposed_layer *layer, const int8_t *const *rows,
                              int8_t *out)
{
    int32_t columns[POSE_MAX_TAPS], sums[TILE];
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        for (int32_t kx = 0; kx < layer->window.width; kx++) {
            columns[kx] = transposed_index(x, kx, layer->window.pad_x, layer->window.stride_x,
                                           layer->in.width);
        }
        for (int32_t first = 0; first < layer->out.channels; first += TILE) {
            const int32_t left = layer->out.channels - first, count = left < TILE ? left : TILE;
            for (int32_t c = 0; c < count; c++) {
                sums[c] = transposed_sum(layer, rows, columns, first + c);
            }
            pose_requantize_sums(sums, layer->bias, &layer->scale, first, count, 1, out + first, 0);
        }
    }
}

void pose_transposed_row(const pose_transposed_layer *layer, int32_t y, const int8_t *in,
                         int8_t *out)
{
    const int8_t *rows[POSE_MAX_TAPS];
    for (int32_t ky = 0; ky < layer->window.height; ky++) {
        const int32_t row = transposed_index(y, ky, layer->window.pad_y, layer->window.stride_y,
                                             layer->in.height);
        rows[ky] = row < 0 ? NULL : image_row(&layer->in, in, row);
    }
    transposed_places(layer, rows, out);
}

void pose_transposed(const pose_transposed_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        pose_transposed_row(layer, y, in, out);
    }
}
