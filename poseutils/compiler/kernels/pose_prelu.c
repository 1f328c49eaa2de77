/* PRELU: of a slope a channel, of slopes of any shape, and as QDQ networks have it. */
#include "pose_grid.h"

void pose_prelu(const pose_prelu_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++, in += layer->in_step, out += layer->out_step) {
        for (int32_t c = 0; c < layer->channels; c++) {
            const int32_t x = in[c] - layer->in_zero;
            const int32_t y = x >= 0
                                  ? multiply(x, layer->positive_multiplier, layer->positive_shift)
                                  : multiply(x * (layer->slopes[c] - layer->slope_zero),
                                             layer->negative_multiplier, layer->negative_shift);
            out[c] = in_8_bits(y + layer->zero);
        }
    }
}

void pose_prelu_between(const pose_prelu_between_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++, in += layer->in_step, out += layer->out_step) {
        for (int32_t c = 0; c < layer->channels; c++) {
            int8_t y = layer->first[(uint8_t)in[c]];
            if (in[c] < layer->in_zero) {
                const int32_t product =
                    (y - layer->first_zero) * (layer->slopes[c] - layer->slope_zero);
                const int32_t rounded =
                    multiply(product, layer->multiplier, layer->shift) + layer->second_zero;
                y = layer->second[(uint8_t)in_8_bits(rounded)];
            }
            out[c] = y;
        }
    }
}

void pose_prelu_grid(const pose_prelu_grid_layer *layer, const int8_t *in, const int8_t *slopes,
                     int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int32_t x = in[grid_place(grid->a, index)] - layer->in_zero;
        const int32_t slope = slopes[grid_place(grid->b, index)] - layer->slope_zero;
        const int32_t y =
            x >= 0 ? multiply(x, layer->positive_multiplier, layer->positive_shift)
                   : multiply(x * slope, layer->negative_multiplier, layer->negative_shift);
        out[grid_place(grid->out, index)] = in_8_bits(y + layer->zero);
    } while (grid_next(grid->size, index, 4));
}
