/* RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR. */
#include "pose_arithmetic.h"

/* One value between four, in 1/2^20. Shares lie between -1/2 and 1: 30 bits do. */
static int32_t between(const int8_t *const *corners, int32_t c, int32_t share_y, int32_t share_x)
{
    const int32_t upper = corners[0][c] * (1024 - share_x) + corners[1][c] * share_x;
    const int32_t lower = corners[2][c] * (1024 - share_x) + corners[3][c] * share_x;
    return upper * (1024 - share_y) + lower * share_y;
}

/* In the output's scale; without a multiplier rounded to nearest, halves away from zero. */
static int8_t resized(const pose_resize_layer *layer, int32_t sum)
{
    if (layer->multiplier == 0) {
        return (int8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
    const int32_t steps =
        multiply_even(sum - layer->in_zero * (1 << 20), layer->multiplier, layer->shift);
    return in_8_bits(steps + layer->zero);
}

void pose_resize_bilinear_row(const pose_resize_layer *layer, int32_t y, const int8_t *in,
                              int8_t *out)
{
    const int8_t *const upper = image_row(&layer->in, in, layer->first_y[y]);
    const int8_t *const lower = image_row(&layer->in, in, layer->second_y[y]);
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        const ptrdiff_t left = (ptrdiff_t)layer->first_x[x] * layer->in.step,
                        right = (ptrdiff_t)layer->second_x[x] * layer->in.step;
        const int8_t *const corners[4] = {upper + left, upper + right, lower + left, lower + right};
        for (int32_t c = 0; c < layer->out.channels; c++) {
            out[c] = resized(layer, between(corners, c, layer->share_y[y], layer->share_x[x]));
        }
    }
}

void pose_resize_bilinear(const pose_resize_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        pose_resize_bilinear_row(layer, y, in, out);
    }
}

void pose_resize_nearest_row(const pose_resize_layer *layer, int32_t y, const int8_t *in,
                             int8_t *out)
{
    const int8_t *const row = image_row(&layer->in, in, layer->first_y[y]);
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        memcpy(out, row + (ptrdiff_t)layer->first_x[x] * layer->in.step,
               (size_t)layer->out.channels);
    }
}

void pose_resize_nearest(const pose_resize_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        pose_resize_nearest_row(layer, y, in, out);
    }
}
