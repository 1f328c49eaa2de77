/*
 * Which instruction set the kernels are compiled for: Helium of Cortex-M55 (POSE_HELIUM), the DSP
 * instructions of Cortex-M4 and M7 on pairs of 16 bits (POSE_DSP), or plain C (POSE_PLAIN). The
 * results are the same to the last bit. Files that end in _helium, _dsp or _plain have the same
 * functions, and all but one of them are empty.
 */
#ifndef POSE_SIMD_H
#define POSE_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_BIG_ENDIAN)
/* plain C */
#elif defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define POSE_HELIUM 1
#include <arm_mve.h>
#elif defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FEATURE_UNALIGNED)
#define POSE_DSP 1
#include <arm_acle.h>

/* Four values, the first in the lowest byte. */
static inline int8x4_t pose_load4(const int8_t *values)
{
    int8x4_t word;
    memcpy(&word, values, sizeof word);
    return word;
}

/* The last one to three values of a row, and zeros. */
static inline int8x4_t pose_load_rest(const int8_t *values, int32_t count)
{
    int8x4_t word = 0;
    for (int32_t i = count - 1; i >= 0; i--) {
        word = (int8x4_t)((uint32_t)word << 8 | (uint8_t)values[i]);
    }
    return word;
}

/* Of four values the first and the third, in 16 bits each. */
static inline int16x2_t pose_even(int8x4_t values)
{
    return __sxtb16(values);
}

/* Of four values the second and the fourth; no intrinsic rotates on the way. */
static inline int16x2_t pose_odd(int8x4_t values)
{
    int16x2_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(values));
    return pair;
}

/* The same, each added to a pair. */
static inline int16x2_t pose_add_even(int16x2_t pair, int8x4_t values)
{
    return __sxtab16(pair, values);
}

static inline int16x2_t pose_add_odd(int16x2_t pair, int8x4_t values)
{
    int16x2_t sum;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(sum) : "r"(pair), "r"(values));
    return sum;
}

/* The high half of 2 * a * b, rounded to nearest, halves upwards, of a b from 2^30: 2 * b - 2^32
 * fits into 32 bits, a comes on top. */
static inline int32_t pose_high_product(int32_t a, int32_t b)
{
    int32_t product;
    __asm__("smmlar %0, %1, %2, %1" : "=r"(product) : "r"(a), "r"((uint32_t)b << 1));
    return product;
}
#endif

#ifndef POSE_HELIUM
#define POSE_HELIUM 0
#endif
#ifndef POSE_DSP
#define POSE_DSP 0
#endif
#define POSE_PLAIN (!POSE_HELIUM && !POSE_DSP)

#endif
