/* Dot products of one vector with rows of weights: sixteen products of four rows at a time. */
#include "pose_arithmetic.h"

#if POSE_HELIUM

static int32_t dot(const int8_t *x, const int8_t *w, int32_t count)
{
    int32_t sum = 0;
    for (; count >= 16; count -= 16, x += 16, w += 16) {
        sum = vmladavaq_s8(sum, vldrbq_s8(x), vldrbq_s8(w));
    }
    if (count > 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)count);
        sum = vmladavaq_s8(sum, vldrbq_z_s8(x, rest), vldrbq_z_s8(w, rest));
    }
    return sum;
}

/* Dot products of one vector with four rows of weights, sixteen products at a time. */
static inline void four_dots(const int8_t *x, const int8_t *w0, const int8_t *w1, const int8_t *w2,
                             const int8_t *w3, int32_t count, int32_t *sums)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int32_t i = 0; i + 16 <= count; i += 16) {
        const int8x16_t values = vldrbq_s8(x);
        a = vmladavaq_s8(a, values, vldrbq_s8(w0));
        b = vmladavaq_s8(b, values, vldrbq_s8(w1));
        c = vmladavaq_s8(c, values, vldrbq_s8(w2));
        d = vmladavaq_s8(d, values, vldrbq_s8(w3));
        x += 16;
        w0 += 16;
        w1 += 16;
        w2 += 16;
        w3 += 16;
    }
    if ((count & 15) != 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)count & 15);
        const int8x16_t values = vldrbq_z_s8(x, rest);
        a = vmladavaq_s8(a, values, vldrbq_z_s8(w0, rest));
        b = vmladavaq_s8(b, values, vldrbq_z_s8(w1, rest));
        c = vmladavaq_s8(c, values, vldrbq_z_s8(w2, rest));
        d = vmladavaq_s8(d, values, vldrbq_z_s8(w3, rest));
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

void pose_dot_rows(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t rows,
                   int32_t *sums)
{
    for (; rows > 1; rows -= 4, w += 4 * apart, sums += 4) {
        const int8_t *const w1 = w + apart, *const w2 = rows > 2 ? w1 + apart : w1;
        four_dots(x, w, w1, w2, rows > 3 ? w2 + apart : w2, count, sums);
    }
    if (rows == 1) {
        sums[0] = dot(x, w, count);
    }
}

int32_t pose_sum(const int8_t *values, int32_t count)
{
    int32_t sum = 0;
    for (; count > 0; count -= 16, values += 16) {
        const mve_pred16_t there = vctp8q((uint32_t)count);
        sum = vaddvaq_p_s8(sum, vldrbq_z_s8(values, there), there);
    }
    return sum;
}

int32_t pose_dot_pairs(const int8_t *x, const int32_t *pairs, int32_t count)
{
    static const uint16_t ORDER[8] = {0, 2, 1, 3, 4, 6, 5, 7};
    const uint16x8_t order = vldrhq_u16(ORDER);
    int32_t sum = 0;
    for (; count >= 8; count -= 8, x += 8, pairs += 4) {
        const int16x8_t weights = vldrhq_s16((const int16_t *)pairs);
        sum = vmladavaq_s16(sum, vldrbq_gather_offset_s16(x, order), weights);
    }
    if (count > 0) {
        const mve_pred16_t rest = vcmphiq_u16(vdupq_n_u16((uint16_t)count), order);
        const int16x8_t weights = vldrhq_z_s16((const int16_t *)pairs, rest);
        sum = vmladavaq_s16(sum, vldrbq_gather_offset_z_s16(x, order, rest), weights);
    }
    return sum;
}

#endif
