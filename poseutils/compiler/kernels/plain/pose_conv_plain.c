/* CONV_2D: sums of products in plain C. */
#include "pose_arithmetic.h"

#if POSE_PLAIN

void pose_conv_sums(const int8_t *const *values, const int8_t *widened, const int8_t *weights,
                    int32_t count, int32_t apart, int32_t channels, int32_t *sums)
{
    (void)widened;
    for (int32_t place = 0; place < PLACES; place++, sums += TILE) {
        if (place == 0 || values[place] != values[place - 1]) {
            pose_dot_rows(values[place], weights, count, apart, channels, sums);
        }
    }
}

void pose_conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count,
                      int32_t places, int8_t *scratch, int8_t *out)
{
    const int32_t channels = layer->out.channels, apart = padded(count);
    int32_t sums[PLACES * TILE];
    for (int32_t c = 0; c < channels; c += TILE) {
        const int32_t tile = channels - c < TILE ? channels - c : TILE;
        pose_conv_sums(values, scratch, layer->weights + c * apart, count, apart, tile, sums);
        pose_requantize_sums(sums, layer->bias, &layer->scale, c, tile, places, out + c,
                             layer->out.step);
    }
}

#endif
