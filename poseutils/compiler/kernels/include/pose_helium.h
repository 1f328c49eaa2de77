/* Four 32-bit values at a time, on Helium. */
#ifndef POSE_HELIUM_H
#define POSE_HELIUM_H

#include "pose_arithmetic.h"

#if POSE_HELIUM

#define LANES 4 /* values in a vector */
typedef int32x4_t lanes;

static inline lanes all_lanes(int32_t value)
{
    return vdupq_n_s32(value);
}

static inline lanes load_lanes(const int8_t *values, int32_t zero)
{
    return vsubq_n_s32(vldrbq_s32(values), zero);
}

static inline void store_lanes(int8_t *values, lanes from, int32_t zero, int32_t low, int32_t high)
{
    const lanes most = vminq_s32(vaddq_n_s32(from, zero), vdupq_n_s32(high));
    vstrbq_s32(values, vmaxq_s32(most, vdupq_n_s32(low)));
}

static inline lanes add_times(lanes x, lanes y, int32_t factor)
{
    return vaddq_s32(x, vmulq_n_s32(y, factor));
}

static inline lanes times(lanes x, lanes y)
{
    return vmulq_s32(x, y);
}

/* In units of 1/2^20. */
static inline lanes raised(lanes x)
{
    return vshlq_n_s32(x, 20);
}

/* pose_multiply of each; VQRDMULH rounds as high_product does, VRSHL halves upwards. */
static inline lanes multiply_lanes(lanes x, lanes multiplier, lanes shift)
{
    const int32x4_t right = vminq_s32(shift, vdupq_n_s32(0));
    const int32x4_t product =
        vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shift, vdupq_n_s32(0))), multiplier);
    /* -1 for what is negative and will be shifted */
    const int32x4_t nudge = vshrq_n_s32(vandq_s32(product, right), 31);
    return vrshlq_s32(vaddq_s32(product, nudge), right);
}

#endif
#endif
