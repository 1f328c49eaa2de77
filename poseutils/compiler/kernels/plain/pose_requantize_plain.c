/* From sums of products to 8 bits: a channel at a time. */
#include "pose_arithmetic.h"

#if POSE_PLAIN || POSE_DSP

/* Of two places, which share the loads. What is read here is not written, so that a compiler can
 * vectorize. */
static void requantize_two(const int32_t *restrict sums, const int32_t *restrict sums1,
                           const int32_t *restrict b, const int32_t *restrict m,
                           const int8_t *restrict s, const pose_requantize *scale, int32_t count,
                           int8_t *out, int8_t *out1)
{
    const int32_t zero = scale->zero, low = scale->low, high = scale->high;
    for (int32_t i = 0; i < count; i++) {
        const int32_t multiplier = m[i], shift = s[i];
        const int32_t one = scaled(sum_of(sums[i], b[i]), multiplier, shift);
        const int32_t other = scaled(sum_of(sums1[i], b[i]), multiplier, shift);
        out[i] = (int8_t)clamp(one + zero, low, high);
        out1[i] = (int8_t)clamp(other + zero, low, high);
    }
}

void pose_requantize_sums(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int32_t places, int8_t *out, int32_t apart)
{
    if (scale->even) {
        pose_requantize_even(sums, bias, scale, first, count, places, out, apart);
    } else {
        requantize_two(sums, places > 1 ? sums + TILE : sums, bias + first,
                       scale->multiplier + first, scale->shift + first, scale, count, out,
                       places > 1 ? out + apart : out);
    }
}

void pose_requantize_once(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int8_t *out)
{
    const int32_t *const b = bias + first, *const m = scale->multiplier + first;
    const int8_t *const s = scale->shift + first;
    const int32_t zero = scale->zero, low = scale->low, high = scale->high;
    int32_t i = 0;
    for (; i < count && s[i] < -1; i++) {
        const int32_t upper = (int32_t)(((int64_t)sum_of(sums[i], b[i]) * m[i]) >> 32);
        out[i] = (int8_t)clamp((((upper >> (-2 - s[i])) + 1) >> 1) + zero, low, high);
    }
    for (; i < count; i++) {
        const int64_t product = (int64_t)sum_of(sums[i], b[i]) * m[i];
        const int32_t value = (int32_t)((product + ((int64_t)1 << (30 - s[i]))) >> (31 - s[i]));
        out[i] = (int8_t)clamp(value + zero, low, high);
    }
}

#endif
