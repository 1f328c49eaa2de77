/* DEPTHWISE_CONV_2D: four channels at a time. */
#include "pose_arithmetic.h"

#if POSE_DSP

#define LEAST_CHANNELS 4 /* for which depthwise_sums can be used */

static NOT_INLINE void four_channels(const pose_tap *taps, const pose_tap *end, int32_t c,
                                     int16x2_t less_zero, int32_t *sums)
{
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (; taps != end; taps++) {
        const int8x4_t values = pose_load4(taps->values + c),
                       weights = pose_load4(taps->weights + c);
        const int16x2_t x_even = pose_add_even(less_zero, values),
                        x_odd = pose_add_odd(less_zero, values);
        const int16x2_t w_even = pose_even(weights), w_odd = pose_odd(weights);
        s0 = __smlabb(x_even, w_even, s0);
        s1 = __smlabb(x_odd, w_odd, s1);
        s2 = __smlatt(x_even, w_even, s2);
        s3 = __smlatt(x_odd, w_odd, s3);
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* Of a last four that are not whole some are computed again. */
int pose_depthwise_sums(const pose_tap *taps, int32_t inside, int32_t zero, int32_t first,
                        int32_t count, int32_t *sums)
{
    const uint32_t less = (uint32_t)-zero;
    for (int32_t c = 0; c < count && count >= 4; c += 4) {
        const int32_t start = c + 4 <= count ? c : count - 4;
        four_channels(taps, taps + inside, first + start, (int16x2_t)(less << 16 | (less & 0xffff)),
                      sums + start);
    }
    return count >= 4;
}

#endif
