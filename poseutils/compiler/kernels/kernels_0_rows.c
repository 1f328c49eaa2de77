
/* ------------------------------------- dot products of one vector with rows of weights */

#if POSE_MVE

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
static inline void four_dots(const int8_t *x, const int8_t *w0, const int8_t *w1,
                             const int8_t *w2, const int8_t *w3, int32_t count, int32_t *sums)
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

/*
 * sums[i] of `rows` rows that lie `apart` values from each other. There is room for a multiple of
 * four sums, as the last row is taken again.
 */
static void row_dots(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t rows,
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

#elif POSE_DSP

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
static inline __attribute__((always_inline)) void dots_of(int32_t rows, const int8_t *x,
                                                          const int8_t *w, int32_t count,
                                                          int32_t apart, int32_t *sums)
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
static __attribute__((noinline)) void fours_of_rows(const int8_t *x, const int8_t *w, int32_t count,
                                                    int32_t apart, int32_t fours, int32_t *sums)
{
    for (; fours > 0; fours--, w += 4 * apart, sums += 4) {
        dots_of(4, x, w, count, apart, sums);
    }
}

static __attribute__((noinline)) void few_rows(const int8_t *x, const int8_t *w, int32_t count,
                                               int32_t apart, int32_t rows, int32_t *sums)
{
    if (rows > 1) {
        dots_of(2, x, w, count, apart, sums);
    }
    if ((rows & 1) != 0) {
        dots_of(1, x, w + (rows - 1) * apart, count, apart, sums + rows - 1);
    }
}

/* sums[i] of `rows` rows that lie `apart` values from each other. */
static void row_dots(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t rows,
                     int32_t *sums)
{
    const int32_t whole = rows & ~3;
    fours_of_rows(x, w, count, apart, whole / 4, sums);
    few_rows(x, w + whole * apart, count, apart, rows - whole, sums + whole);
}

#else

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
static void dot_block(const int8_t *x, const int8_t *w, int32_t count, int32_t apart,
                      int32_t *sums)
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

/* sums[i] of `rows` rows that lie `apart` values from each other. */
static void row_dots(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t rows,
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

#endif
