/* The operators of an 8-bit network; see pose_kernels.h. The same file for every network: the
 * linker leaves out what is not called. */
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

/* The high half of 2 * a * b, rounded to nearest, halves upwards; a and b are not both the least
 * number. */
static int32_t high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^bits, rounded to nearest, halves away from zero; x is neither the least nor the greatest
 * number. */
static int32_t shift_right(int32_t x, int32_t bits)
{
    const int32_t nudged = x - (int32_t)((uint32_t)x >> 31);
    return bits == 0 ? x : ((nudged >> (bits - 1)) + 1) >> 1;
}

int32_t pose_multiply(int32_t x, int32_t multiplier, int32_t shift)
{
    /* Unsigned, because a sum out of range wraps around in the reference kernels too. */
    const int32_t raised = shift > 0 ? (int32_t)((uint32_t)x << shift) : x;
    return shift_right(high_product(raised, multiplier), shift > 0 ? 0 : -shift);
}

int32_t pose_multiply_even(int32_t x, int32_t multiplier, int32_t shift)
{
    const int64_t product = (int64_t)x * multiplier, one = (int64_t)1 << (31 - shift);
    const int64_t over_half = (product & (one - 1)) - one / 2;
    const int32_t below = (int32_t)(product >> (31 - shift));
    const int32_t unknown = x < 0 ? -(x / 2) : x / 2; /* half a unit of the multiplier, x times */
    const int is_half = over_half <= unknown && over_half >= -unknown;
    return below + (is_half ? below & 1 : over_half > 0);
}

/* As the reference kernels add: wrapping around. */
static int32_t sum_of(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

#define PLACES 2 /* of the output that share the loads of a weight, and of what requantizes */
#define TILE 64  /* output channels whose sums are held at a time, in sums[place][channel] */

/* pose_multiply of a sum by what exporters make of a ratio below 1/2 (a multiplier of 31 bits, a
 * shift to the right), and others. */
static inline int32_t scaled(int32_t sum, int32_t multiplier, int32_t shift)
{
#if POSE_DSP
    return shift < 0 ? shift_right(pose_high_product(sum, multiplier), -shift)
                     : pose_multiply(sum, multiplier, shift);
#else
    return pose_multiply(sum, multiplier, shift);
#endif
}

/* The channels from `first` of up to PLACES places, `apart` values from each other: sums and
 * biases, requantized. */
static void requantize_each(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                            int32_t first, int32_t count, int32_t places, int8_t *out,
                            int32_t apart)
{
    const int32_t *const b = bias + first, *const m = scale->multiplier + first,
                         *const sums1 = places > 1 ? sums + TILE : sums;
    const int8_t *const s = scale->shift + first;
    const int32_t zero = scale->zero, low = scale->low, high = scale->high;
    int8_t *const out1 = places > 1 ? out + apart : out;
    for (int32_t i = 0; i < count; i++) {
        const int32_t one = scaled(sum_of(sums[i], b[i]), m[i], s[i]),
                      other = scaled(sum_of(sums1[i], b[i]), m[i], s[i]);
        out[i] = (int8_t)clamp(one + zero, low, high);
        out1[i] = (int8_t)clamp(other + zero, low, high);
    }
}

#if POSE_MVE

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

static void requantize_vectors(const int32_t *sums, const int32_t *bias,
                               const pose_requantize *scale, int32_t first, int32_t count,
                               int32_t places, int8_t *out, int32_t apart)
{
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

#else

#define requantize_vectors requantize_each

#endif

/* As requantize_each, halves to even. */
static void requantize_even(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                            int32_t first, int32_t count, int32_t places, int8_t *out,
                            int32_t apart)
{
    for (int32_t place = 0; place < places; place++, sums += TILE, out += apart) {
        for (int32_t i = 0; i < count; i++) {
            const int32_t c = first + i;
            const int32_t value = pose_multiply_even(sum_of(sums[i], bias[c]), scale->multiplier[c],
                                                     scale->shift[c]);
            out[i] = (int8_t)clamp(value + scale->zero, scale->low, scale->high);
        }
    }
}

static void requantize(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                       int32_t first, int32_t count, int32_t places, int8_t *out, int32_t apart)
{
    if (scale->even) {
        requantize_even(sums, bias, scale, first, count, places, out, apart);
    } else {
        requantize_vectors(sums, bias, scale, first, count, places, out, apart);
    }
}
