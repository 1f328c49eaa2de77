/*
 * The vector instructions that pose_kernels.c uses: of Cortex-M55 (POSE_MVE, Helium), of Cortex-M4 and M7 (POSE_DSP, pairs of 16 bits), and
 * of computers with AVX-512 and its VNNI and VBMI (POSE_X86: AMD from Zen 4, Intel from Ice Lake; -march=native says what there is).
 * Elsewhere, and with -DPOSE_PLAIN, the kernels are plain C; the results are the same to the last bit.
 */
#ifndef POSE_SIMD_H
#define POSE_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(POSE_PLAIN) || defined(__ARM_BIG_ENDIAN)
/* plain C */
#elif defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define POSE_MVE 1
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

/* The high half of 2 * a * b, rounded to nearest, halves upwards, of a b from 2^30: 2 * b - 2^32 fits into 32 bits, a comes on top. */
static inline int32_t pose_high_product(int32_t a, int32_t b)
{
    int32_t product;
    __asm__("smmlar %0, %1, %2, %1" : "=r"(product) : "r"(a), "r"((uint32_t)b << 1));
    return product;
}
#elif defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512VNNI__) && defined(__AVX512VBMI__)
#define POSE_X86 1
#include <immintrin.h>

/* The first `count` of 64 bytes, and of 16 values; all where there are more. */
static inline __mmask64 pose_first64(int32_t count)
{
    return count < 64 ? ((__mmask64)1 << count) - 1 : ~(__mmask64)0;
}

static inline __mmask16 pose_first16(int32_t count)
{
    return count < 16 ? (__mmask16)((1u << count) - 1) : (__mmask16)0xffff;
}

/* Four values in one word, the first in its lowest byte. */
static inline int32_t pose_load4(const int8_t *values)
{
    int32_t word;
    memcpy(&word, values, sizeof word);
    return word;
}

/* The last one to four values of a row, and zeros. */
static inline int32_t pose_load_rest(const int8_t *values, int32_t count)
{
    return _mm_cvtsi128_si32(_mm_maskz_loadu_epi8((__mmask16)(pose_first16(count) & 0xf), values));
}

/* Sixteen values in 32 bits, and back; zeros, and nothing, where the mask has none. */
static inline __m512i pose_load16(const int8_t *values, __mmask16 inside)
{
    return _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(inside, values));
}

static inline void pose_store16(int8_t *values, __mmask16 inside, __m512i from)
{
    _mm_mask_storeu_epi8(values, inside, _mm512_cvtepi32_epi8(from));
}
#endif

#endif
