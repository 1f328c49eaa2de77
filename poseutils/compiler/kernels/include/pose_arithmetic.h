/*
 * What the kernels share: fixed-point arithmetic, and functions that several files call. For the
 * kernels alone; an application includes pose_kernels.h.
 */
#ifndef POSE_ARITHMETIC_H
#define POSE_ARITHMETIC_H

#include <stddef.h>
#include <string.h>

#include "pose_kernels.h"
#include "pose_simd.h"

#define PLACES 2 /* of the output that share the loads of a weight, and of what requantizes */
#define TILE 64  /* output channels whose sums are held at a time, in sums[place][channel] */

/* Of a function that has registers enough only by itself. */
#if defined(__GNUC__) || defined(__ICCARM__)
#define NOT_INLINE __attribute__((noinline))
#else
#define NOT_INLINE
#endif

/* ---------------------------------------------------------------- fixed point */

static inline int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* The high half of 2 * a * b, rounded to nearest, halves upwards; a and b are not both the least
 * number. */
static inline int32_t high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^bits, rounded to nearest, halves away from zero; x is neither the least nor the greatest
 * number. */
static inline int32_t shift_right(int32_t x, int32_t bits)
{
    const int32_t nudged = x - (int32_t)((uint32_t)x >> 31);
    return bits == 0 ? x : ((nudged >> (bits - 1)) + 1) >> 1;
}

/* x * multiplier / 2^31 * 2^shift, rounded as the reference kernels round. */
static inline int32_t multiply(int32_t x, int32_t multiplier, int32_t shift)
{
    /* Unsigned, because a sum out of range wraps around in the reference kernels too. */
    const int32_t raised = shift > 0 ? (int32_t)((uint32_t)x << shift) : x;
    return shift_right(high_product(raised, multiplier), shift > 0 ? 0 : -shift);
}

/*
 * The same product rounded once, halves to even, as ONNX's QuantizeLinear rounds. What the
 * multiplier is too short to tell from a half counts as one.
 */
static inline int32_t multiply_even(int32_t x, int32_t multiplier, int32_t shift)
{
    const int64_t product = (int64_t)x * multiplier, one = (int64_t)1 << (31 - shift);
    const int64_t over_half = (product & (one - 1)) - one / 2;
    const int32_t below = (int32_t)(product >> (31 - shift));
    const int32_t unknown = x < 0 ? -(x / 2) : x / 2; /* half a unit of the multiplier, x times */
    const int is_half = over_half <= unknown && over_half >= -unknown;
    return below + (is_half ? below & 1 : over_half > 0);
}

static inline int32_t multiply_rounded(int32_t x, int32_t multiplier, int32_t shift, int32_t even)
{
    return even ? multiply_even(x, multiplier, shift) : multiply(x, multiplier, shift);
}

/* As the reference kernels add: wrapping around. */
static inline int32_t sum_of(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* multiply, faster for what exporters make of a ratio below 1/2: a multiplier of 31 bits and a
 * shift to the right. */
#if POSE_DSP
static inline int32_t scaled(int32_t sum, int32_t multiplier, int32_t shift)
{
    return shift < 0 ? shift_right(pose_high_product(sum, multiplier), -shift)
                     : multiply(sum, multiplier, shift);
}
#else
#define scaled multiply
#endif

static inline int8_t in_8_bits(int32_t x)
{
    return (int8_t)clamp(x, INT8_MIN, INT8_MAX);
}

/* ---------------------------------------------------------------- images and windows */

static inline ptrdiff_t row_bytes(const pose_image *image)
{
    return (ptrdiff_t)image->width * image->step;
}

static inline const int8_t *image_row(const pose_image *image, const int8_t *in, int32_t y)
{
    return in + (y < image->ring ? y : y % image->ring) * row_bytes(image);
}

/* Pointers to the input rows of output row y; NULL above and below the image. */
static inline void window_rows(const pose_window *window, const pose_image *image, const int8_t *in,
                               int32_t y, const int8_t **rows)
{
    for (int32_t k = 0; k < window->height; k++) {
        const int32_t row = y * window->stride_y - window->pad_y + k * window->dilation_y;
        const int inside = row >= 0 && row < image->height;
        rows[k] = inside ? image_row(image, in, row) : NULL;
    }
}

/* Bytes of one output channel's weights: whole words. */
static inline int32_t padded(int32_t count)
{
    return (count + 3) & ~3;
}

/* ---------------------------------------------------------------- pose_requantize*.c */

/* The channels from `first` of up to PLACES places, `apart` values from each other: sums and
 * biases, requantized as `scale` says. */
void pose_requantize_sums(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int32_t places, int8_t *out, int32_t apart);
/* The same, halves to even. */
void pose_requantize_even(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int32_t places, int8_t *out, int32_t apart);
/*
 * Of one place, as the reference kernel of FULLY_CONNECTED rounds: once, halves upwards. The lower
 * half of a product that is shifted by more than 32 bits is not needed.
 */
void pose_requantize_once(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int8_t *out);

/* ---------------------------------------------------------------- pose_dot_*.c */

/* sums[i], the dot product of x with each of `rows` rows of weights, which lie `apart` values from
 * each other. There is room for a multiple of four sums. */
void pose_dot_rows(const int8_t *x, const int8_t *weights, int32_t count, int32_t apart,
                   int32_t rows, int32_t *sums);

int32_t pose_sum(const int8_t *values, int32_t count);

/* The dot product of x with one row of weights in pairs: 16 bits each, of four weights the first
 * and third in one word, the second and fourth in the next; zeros fill up the last four. */
int32_t pose_dot_pairs(const int8_t *x, const int32_t *pairs, int32_t count);

/* ---------------------------------------------------------------- pose_conv_*.c */

/* DSP instructions multiply values of 16 bits: those of PLACES places are widened first. */
#define WIDENS POSE_DSP
void pose_conv_widen(const int8_t *const *values, int32_t count, int8_t *widened);

/* sums[place][channel] of `count` products each, of PLACES places and of `channels` output
 * channels, whose weights lie `apart` values from each other. */
void pose_conv_sums(const int8_t *const *values, const int8_t *widened, const int8_t *weights,
                    int32_t count, int32_t apart, int32_t channels, int32_t *sums);

/* All output channels of up to PLACES places, whose windows' values are all there. */
void pose_conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count,
                      int32_t places, int8_t *scratch, int8_t *out);

/* ---------------------------------------------------------------- pose_depthwise_*.c */

#define MAX_INSIDE 32 /* taps of a window that pose_depthwise_sums takes */

/* What of a window lies inside of the image: for each such tap where the values and the weights of
 * all channels begin. */
typedef struct {
    const int8_t *values, *weights;
} pose_tap;

/* Sums of the channels from `first`. Returns 0 if there are too few of them for the vectors. */
int pose_depthwise_sums(const pose_tap *taps, int32_t inside, int32_t zero, int32_t first,
                        int32_t count, int32_t *sums);

/* ---------------------------------------------------------------- pose_elementwise_*.c */

/* Contiguous values, as many at a time as a vector has. Return how many are done. */
int32_t pose_add_vectors(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t count);
int32_t pose_mul_vectors(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t count);
void pose_look_up(const int8_t *table, const uint8_t *values, int32_t count, int8_t *out);

#endif
