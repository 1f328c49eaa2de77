/* The operators of an 8-bit network; see pose_kernels.h. The same file for every network: the linker leaves out what is not called. */
#include "pose_kernels.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "pose_simd.h"

/* ---------------------------------------------------------------- fixed point */

static int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* The high half of 2 * a * b, rounded to nearest, halves upwards; a and b are not both the least number. */
static int32_t high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^bits, rounded to nearest, halves away from zero; x is not the least number. */
static int32_t shift_right(int32_t x, int32_t bits)
{
    if (bits == 0) {
        return x;
    }
    const int32_t nudged = x - (x < 0 ? 1 : 0);
    return (nudged >> bits) + ((nudged >> (bits - 1)) & 1);
}

int32_t pose_multiply(int32_t x, int32_t multiplier, int32_t shift)
{
    /* Unsigned, because a sum out of range wraps around in the reference kernels too. */
    const int32_t raised = shift > 0 ? (int32_t)((uint32_t)x << shift) : x;
    return shift_right(high_product(raised, multiplier), shift > 0 ? 0 : -shift);
}

static int8_t requantized(int32_t sum, int32_t channel, const pose_requantize *scale)
{
    const int32_t scaled = pose_multiply(sum, scale->multiplier[channel], scale->shift[channel]);
    return (int8_t)clamp(scaled + scale->zero, scale->low, scale->high);
}

#if POSE_MVE
/* pose_multiply of four values; VQRDMULH rounds as high_product does, VRSHL halves upwards. */
static int32x4_t multiply4(int32x4_t x, int32x4_t multiplier, int32x4_t shift)
{
    const int32x4_t right = vminq_s32(shift, vdupq_n_s32(0));
    const int32x4_t product = vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shift, vdupq_n_s32(0))), multiplier);
    const int32x4_t nudge = vshrq_n_s32(vandq_s32(product, right), 31); /* -1 for what is negative and will be shifted */
    return vrshlq_s32(vaddq_s32(product, nudge), right);
}

static int32x4_t clamp4(int32x4_t x, int32_t low, int32_t high)
{
    return vmaxq_s32(vminq_s32(x, vdupq_n_s32(high)), vdupq_n_s32(low));
}
#endif
