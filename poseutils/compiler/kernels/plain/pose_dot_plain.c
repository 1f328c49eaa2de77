/* Dot products of one vector with rows of weights, four rows at a time. */
#include "pose_arithmetic.h"

#if POSE_PLAIN

static int32_t dot(const int8_t *x, const int8_t *w, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

#define BLOCK 4 /* rows that share the loads of a value */

/* Dot products with BLOCK rows of weights. */
static void dot_block(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t *sums)
{
    const int8_t *w1 = w + apart, *w2 = w1 + apart, *w3 = w2 + apart;
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t value = x[i];
        a += value * w[i];
        b += value * w1[i];
        c += value * w2[i];
        d += value * w3[i];
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

void pose_dot_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t rows,
                   int32_t *sums)
{
    int32_t i = 0;
    for (; i + BLOCK <= rows; i += BLOCK) {
        dot_block(x, w + i * apart, count, apart, sums + i);
    }
    for (; i < rows; i++) {
        sums[i] = dot(x, w + i * apart, count);
    }
}

int32_t pose_sum(const int8_t *values, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

int32_t pose_dot_pairs(const int8_t *x, const int32_t *pairs, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t pair = pairs[(i / 4) * 2 + i % 2];
        sum += x[i] * (i % 4 < 2 ? (int16_t)pair : pair >> 16);
    }
    return sum;
}

#endif
