/* DEPTHWISE_CONV_2D: sixteen or eight channels at a time. */
#include "pose_arithmetic.h"

#if POSE_HELIUM

/* Sums of eight channels. */
typedef struct {
    int32x4_t even, odd;
} sums8;

static inline sums8 add_tap(sums8 sums, const int8_t *values, const int8_t *weights, int16_t zero)
{
    const int16x8_t x = vsubq_n_s16(vldrbq_s16(values), zero), w = vldrbq_s16(weights);
    const sums8 added = {vaddq_s32(sums.even, vmullbq_int_s16(x, w)),
                         vaddq_s32(sums.odd, vmulltq_int_s16(x, w))};
    return added;
}

static inline void store8(sums8 sums, int32_t *to)
{
    const int32x4x2_t both = {{sums.even, sums.odd}};
    vst2q_s32(to, both);
}

static NOT_INLINE void eight_channels(const pose_tap *taps, int32_t count, int32_t c, int16_t zero,
                                      int32_t *to)
{
    sums8 sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
    for (; count > 0; count--, taps++) {
        sums = add_tap(sums, taps->values + c, taps->weights + c, zero);
    }
    store8(sums, to);
}

static NOT_INLINE void sixteen_channels(const pose_tap *taps, int32_t count, int32_t c,
                                        int16_t zero, int32_t *to)
{
    sums8 low = {vdupq_n_s32(0), vdupq_n_s32(0)}, high = low;
    for (; count > 0; count--, taps++) {
        const int8_t *x = taps->values + c, *w = taps->weights + c;
        low = add_tap(low, x, w, zero);
        x += 8;
        w += 8;
        /* Else both halves are loaded at once, and there are not registers enough. */
        __asm__ volatile("" : "+l"(x), "+l"(w));
        high = add_tap(high, x, w, zero);
    }
    store8(low, to);
    store8(high, to + 8);
}

/* Of a last eight that are not whole some are computed again. */
int pose_depthwise_sums(const pose_tap *taps, int32_t inside, int32_t zero, int32_t first,
                        int32_t count, int32_t *sums)
{
    const int16_t zero16 = (int16_t)zero;
    int32_t c = 0;
    for (; c + 16 <= count; c += 16) {
        sixteen_channels(taps, inside, first + c, zero16, sums + c);
    }
    for (; c < count && count >= 8; c += 8) {
        const int32_t start = c + 8 <= count ? c : count - 8;
        eight_channels(taps, inside, first + start, zero16, sums + start);
    }
    return count >= 8;
}

#endif
