/* Dot products of one vector with rows of weights: four products of four rows at a time. */
#include "pose_arithmetic.h"

#if POSE_DSP

/* A vector, up to four rows of weights, and their sums. */
typedef struct {
    const int8_t *x, *w0, *w1, *w2, *w3;
    int32_t a, b, c, d;
} some_dots;

/* A sum and four more products, of values and weights. */
static inline int32_t add_four(int32_t sum, int16x2_t even, int16x2_t odd, const int8_t *weights)
{
    const int8x4_t word = pose_load4(weights);
    return __smlad(even, pose_even(word), __smlad(odd, pose_odd(word), sum));
}

/* Makes a load by the pointer wait for the sum: the compiler would run out of registers. */
#define IN_ORDER(sum, pointer) __asm__("" : "+r"(sum), "+r"(pointer))

/* Four products more of each of 1, 2 or 4 rows, one row after the other. */
static inline __attribute__((always_inline)) void four_more(some_dots *dots, int32_t rows)
{
    const int8x4_t values = pose_load4(dots->x);
    const int16x2_t even = pose_even(values), odd = pose_odd(values);
    dots->a = add_four(dots->a, even, odd, dots->w0);
    if (rows > 1) {
        IN_ORDER(dots->a, dots->w1);
        dots->b = add_four(dots->b, even, odd, dots->w1);
    }
    if (rows > 2) {
        IN_ORDER(dots->b, dots->w2);
        dots->c = add_four(dots->c, even, odd, dots->w2);
        IN_ORDER(dots->c, dots->w3);
        dots->d = add_four(dots->d, even, odd, dots->w3);
    }
    dots->x += 4;
    dots->w0 += 4;
    dots->w1 += 4;
    dots->w2 += 4;
    dots->w3 += 4;
}

static inline __attribute__((always_inline)) void all_in_order(some_dots *dots)
{
    IN_ORDER(dots->d, dots->x);
    IN_ORDER(dots->d, dots->w0);
    IN_ORDER(dots->d, dots->w1);
    IN_ORDER(dots->d, dots->w2);
    IN_ORDER(dots->d, dots->w3);
}

/* One product more of each of 1, 2 or 4 rows. */
static inline __attribute__((always_inline)) void one_more(some_dots *dots, int32_t rows)
{
    const int32_t value = *dots->x++;
    dots->a += value * *dots->w0++;
    if (rows > 1) {
        dots->b += value * *dots->w1++;
    }
    if (rows > 2) {
        dots->c += value * *dots->w2++;
        dots->d += value * *dots->w3++;
    }
}

/* sums[i] of 1, 2 or 4 rows that lie `apart` values from each other. */
static inline __attribute__((always_inline)) void
dots_of(int32_t rows, const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t *sums)
{
    const int8_t *const end = x + (count & ~7);
    const int32_t next = rows > 1 ? apart : 0, more = rows > 2 ? apart : 0;
    some_dots dots = {x, w, w + next, w + 2 * more, w + 3 * more, 0, 0, 0, 0};
    while (dots.x != end) {
        four_more(&dots, rows);
        if (rows > 2) {
            all_in_order(&dots);
        }
        four_more(&dots, rows);
    }
    if ((count & 4) != 0) {
        four_more(&dots, rows);
    }
    for (int32_t left = count & 3; left > 0; left--) {
        one_more(&dots, rows);
    }
    sums[0] = dots.a;
    if (rows > 1) {
        sums[1] = dots.b;
    }
    if (rows > 2) {
        sums[2] = dots.c;
        sums[3] = dots.d;
    }
}

/* Functions of their own have registers enough. */
static NOT_INLINE void fours_of_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart,
                                     int32_t fours, int32_t *sums)
{
    for (; fours > 0; fours--, w += 4 * apart, sums += 4) {
        dots_of(4, x, w, count, apart, sums);
    }
}

static NOT_INLINE void few_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart,
                                int32_t rows, int32_t *sums)
{
    if (rows > 1) {
        dots_of(2, x, w, count, apart, sums);
    }
    if ((rows & 1) != 0) {
        dots_of(1, x, w + (rows - 1) * apart, count, apart, sums + rows - 1);
    }
}

void pose_dot_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t rows,
                   int32_t *sums)
{
    const int32_t whole = rows & ~3;
    fours_of_rows(x, w, count, apart, whole / 4, sums);
    few_rows(x, w + whole * apart, count, apart, rows - whole, sums + whole);
}

int32_t pose_sum(const int8_t *values, int32_t count)
{
    const int16x2_t ones = 0x00010001;
    int32_t sum = 0;
    for (; count >= 4; count -= 4, values += 4) {
        const int8x4_t word = pose_load4(values);
        sum = __smlad(pose_even(word), ones, __smlad(pose_odd(word), ones, sum));
    }
    for (; count > 0; count--) {
        sum += *values++;
    }
    return sum;
}

/* A sum and four more products, with the next two pairs of weights; the compiler would load them
 * one by one. */
static inline int32_t add_four_pairs(int32_t sum, int8x4_t values, const int32_t **pairs)
{
    int16x2_t even, odd;
    __asm__("ldrd %0, %1, [%2], #8" : "=&r"(even), "=&r"(odd), "+r"(*pairs) : : "memory");
    return __smlad(pose_even(values), even, __smlad(pose_odd(values), odd, sum));
}

int32_t pose_dot_pairs(const int8_t *x, const int32_t *pairs, int32_t count)
{
    int32_t sum = 0;
    for (; count >= 16; count -= 16, x += 16) {
        sum = add_four_pairs(sum, pose_load4(x), &pairs);
        sum = add_four_pairs(sum, pose_load4(x + 4), &pairs);
        sum = add_four_pairs(sum, pose_load4(x + 8), &pairs);
        sum = add_four_pairs(sum, pose_load4(x + 12), &pairs);
    }
    for (; count >= 4; count -= 4, x += 4) {
        sum = add_four_pairs(sum, pose_load4(x), &pairs);
    }
    return count == 0 ? sum : add_four_pairs(sum, pose_load_rest(x, count), &pairs);
}

#endif
