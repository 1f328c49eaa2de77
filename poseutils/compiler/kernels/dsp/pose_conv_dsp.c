/* CONV_2D: four products of two places and two channels at a time. */
#include "pose_arithmetic.h"

#if POSE_DSP

/* Two places side by side in 16 bits, as SMLAD takes them: of each four values the even and the odd
 * pair, place by place. */
void pose_conv_widen(const int8_t *const *values, int32_t count, int8_t *widened)
{
    int16x2_t *const pairs = (int16x2_t *)(void *)widened;
    for (int32_t place = 0; place < PLACES; place++) {
        const int8_t *x = values[place];
        int16x2_t *to = pairs + 2 * place;
        for (int32_t left = count; left > 0; left -= 4, x += 4, to += 4) {
            const int8x4_t word = left >= 4 ? pose_load4(x) : pose_load_rest(x, left);
            to[0] = pose_even(word);
            to[1] = pose_odd(word);
        }
    }
}

/* sums[place][channel] of two places and two channels, four products at a time; a function of its
 * own has registers enough. */
static NOT_INLINE void dots(const int16x2_t *pairs, const int16x2_t *end, const int8_t *w0,
                            const int8_t *w1, int32_t *sums)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (; pairs != end; pairs += 4, w0 += 4, w1 += 4) {
        const int8x4_t u = pose_load4(w0), v = pose_load4(w1);
        const int16x2_t u_even = pose_even(u), u_odd = pose_odd(u), v_even = pose_even(v),
                        v_odd = pose_odd(v);
        a = __smlad(u_even, pairs[0], a);
        b = __smlad(v_even, pairs[0], b);
        a = __smlad(u_odd, pairs[1], a);
        b = __smlad(v_odd, pairs[1], b);
        c = __smlad(u_even, pairs[2], c);
        d = __smlad(v_even, pairs[2], d);
        c = __smlad(u_odd, pairs[3], c);
        d = __smlad(v_odd, pairs[3], d);
    }
    sums[0] = a;
    sums[1] = b;
    sums[TILE] = c;
    sums[TILE + 1] = d;
}

void pose_conv_sums(const int8_t *const *values, const int8_t *widened, const int8_t *weights,
                    int32_t count, int32_t apart, int32_t channels, int32_t *sums)
{
    const int16x2_t *pairs = (const int16x2_t *)(const void *)widened;
    const int16x2_t *const end = pairs + padded(count);
    (void)values;
    for (; channels > 0; channels -= 2, weights += 2 * apart, sums += 2) {
        dots(pairs, end, weights, channels > 1 ? weights + apart : weights, sums);
    }
}

void pose_conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count,
                      int32_t places, int8_t *scratch, int8_t *out)
{
    const int32_t channels = layer->out.channels, apart = padded(count);
    int32_t sums[PLACES * TILE];
    pose_conv_widen(values, count, scratch);
    for (int32_t c = 0; c < channels; c += TILE) {
        const int32_t tile = channels - c < TILE ? channels - c : TILE;
        pose_conv_sums(values, scratch, layer->weights + c * apart, count, apart, tile, sums);
        pose_requantize_sums(sums, layer->bias, &layer->scale, c, tile, places, out + c,
                             layer->out.step);
    }
}

#endif
