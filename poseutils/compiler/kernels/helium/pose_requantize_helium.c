/* From sums of products to 8 bits: four channels at a time. */
#include "pose_helium.h"

#if POSE_HELIUM

static NOT_INLINE void requantize_each(const int32_t *sums, const int32_t *bias,
                                       const pose_requantize *scale, int32_t first, int32_t count,
                                       int32_t places, int8_t *out, int32_t apart)
{
    const int32_t *const b = bias + first, *const m = scale->multiplier + first,
                         *const sums1 = places > 1 ? sums + TILE : sums;
    const int8_t *const s = scale->shift + first;
    const int32_t zero = scale->zero, low = scale->low, high = scale->high;
    int8_t *const out1 = places > 1 ? out + apart : out;
    for (int32_t i = 0; i < count; i++) {
        const int32_t one = multiply(sum_of(sums[i], b[i]), m[i], s[i]),
                      other = multiply(sum_of(sums1[i], b[i]), m[i], s[i]);
        out[i] = (int8_t)clamp(one + zero, low, high);
        out1[i] = (int8_t)clamp(other + zero, low, high);
    }
}

void pose_requantize_sums(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int32_t places, int8_t *out, int32_t apart)
{
    if (scale->even) {
        pose_requantize_even(sums, bias, scale, first, count, places, out, apart);
        return;
    }
    const int32_t *b = bias + first, *m = scale->multiplier + first, *sums0 = sums,
                  *sums1 = places > 1 ? sums + TILE : sums;
    const int8_t *s = scale->shift + first;
    const int32_t zero = scale->zero, rest = count & 3;
    const int32_t low = scale->low, high = scale->high;
    int8_t *out0 = out, *out1 = places > 1 ? out + apart : out;
#pragma GCC unroll 1
    for (int32_t left = count >> 2; left > 0;
         left--, sums0 += 4, sums1 += 4, b += 4, m += 4, s += 4, out0 += 4, out1 += 4) {
        const int32x4_t bias4 = vldrwq_s32(b), multiplier = vldrwq_s32(m), shift = vldrbq_s32(s);
        store_lanes(out0, multiply_lanes(vaddq_s32(vldrwq_s32(sums0), bias4), multiplier, shift),
                    zero, low, high);
        store_lanes(out1, multiply_lanes(vaddq_s32(vldrwq_s32(sums1), bias4), multiplier, shift),
                    zero, low, high);
    }
    if (rest != 0) {
        requantize_each(sums + count - rest, bias, scale, first + count - rest, rest, places,
                        out + count - rest, apart);
    }
}

void pose_requantize_once(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int8_t *out)
{
    const int32_t *const b = bias + first, *const m = scale->multiplier + first;
    const int8_t *const s = scale->shift + first;
    const int32_t zero = scale->zero, low = scale->low, high = scale->high;
    int32_t i = 0;
    for (; i + 4 <= count && vmaxvq_s32(INT32_MIN, vldrbq_s32(s + i)) < -1; i += 4) {
        const int32x4_t sum = vaddq_s32(vldrwq_s32(sums + i), vldrwq_s32(b + i));
        const int32x4_t shift = vaddq_n_s32(vldrbq_s32(s + i), 1);
        const int32x4_t scaled4 = vrshlq_s32(vmulhq_s32(sum, vldrwq_s32(m + i)), shift);
        store_lanes(out + i, scaled4, zero, low, high);
    }
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
