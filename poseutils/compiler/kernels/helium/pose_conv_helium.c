/* CONV_2D: sixteen products of two places and two channels at a time. */
#include "pose_arithmetic.h"

#if POSE_HELIUM

/* sums[place][channel] of two places and two channels: `count` products each, sixteen at a time. */
static inline void dots(const int8_t *x0, const int8_t *x1, const int8_t *w0, const int8_t *w1,
                        int32_t count, int32_t *sums)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int32_t left = count >> 4; left > 0; left--, x0 += 16, x1 += 16, w0 += 16, w1 += 16) {
        const int8x16_t u0 = vldrbq_s8(x0), u1 = vldrbq_s8(x1), v0 = vldrbq_s8(w0),
                        v1 = vldrbq_s8(w1);
        a = vmladavaq_s8(a, u0, v0);
        b = vmladavaq_s8(b, u0, v1);
        c = vmladavaq_s8(c, u1, v0);
        d = vmladavaq_s8(d, u1, v1);
    }
    if ((count & 15) != 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)count & 15);
        const int8x16_t u0 = vldrbq_z_s8(x0, rest), u1 = vldrbq_z_s8(x1, rest),
                        v0 = vldrbq_z_s8(w0, rest), v1 = vldrbq_z_s8(w1, rest);
        a = vmladavaq_s8(a, u0, v0);
        b = vmladavaq_s8(b, u0, v1);
        c = vmladavaq_s8(c, u1, v0);
        d = vmladavaq_s8(d, u1, v1);
    }
    sums[0] = a;
    sums[1] = b;
    sums[TILE] = c;
    sums[TILE + 1] = d;
}

/* Where values fit into one vector they are loaded once for all channels. */
static inline void short_dots(const int8_t *x0, const int8_t *x1, const int8_t *w, int32_t count,
                              int32_t apart, int32_t channels, int32_t *sums)
{
    const mve_pred16_t inside = vctp8q((uint32_t)count);
    const int8x16_t u0 = vldrbq_z_s8(x0, inside), u1 = vldrbq_z_s8(x1, inside);
#pragma GCC unroll 1
    for (; channels > 0; channels--, w += apart, sums++) {
        const int8x16_t v = vldrbq_z_s8(w, inside);
        sums[0] = vmladavq_s8(u0, v);
        sums[TILE] = vmladavq_s8(u1, v);
    }
}

static inline __attribute__((always_inline)) void conv_sums(const int8_t *const *values,
                                                            const int8_t *weights, int32_t count,
                                                            int32_t apart, int32_t channels,
                                                            int32_t *sums)
{
    if (count <= 16) {
        short_dots(values[0], values[1], weights, count, apart, channels, sums);
        return;
    }
    for (; channels > 0; channels -= 2, weights += 2 * apart, sums += 2) {
        dots(values[0], values[1], weights, channels > 1 ? weights + apart : weights, count, sums);
    }
}

void pose_conv_sums(const int8_t *const *values, const int8_t *widened, const int8_t *weights,
                    int32_t count, int32_t apart, int32_t channels, int32_t *sums)
{
    (void)widened;
    conv_sums(values, weights, count, apart, channels, sums);
}

void pose_conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count,
                      int32_t places, int8_t *scratch, int8_t *out)
{
    const int32_t channels = layer->out.channels, apart = padded(count);
    int32_t sums[PLACES * TILE];
    (void)scratch;
    for (int32_t c = 0; c < channels; c += TILE) {
        const int32_t tile = channels - c < TILE ? channels - c : TILE;
        conv_sums(values, layer->weights + c * apart, count, apart, tile, sums);
        pose_requantize_sums(sums, layer->bias, &layer->scale, c, tile, places, out + c,
                             layer->out.step);
    }
}

#endif
