
/* ---------------------------------------------------------------- sums of products, of CONV_2D */

/* Bytes of one output channel's weights: whole words. */
static int32_t padded(int32_t count)
{
    return (count + 3) & ~3;
}

#if POSE_MVE

/* sums[place][channel] of two places and two channels: `count` products each, sixteen at a time. */
static inline void dots(const int8_t *x0, const int8_t *x1, const int8_t *w0, const int8_t *w1,
                        int32_t count, int32_t *sums)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int32_t left = count >> 4; left > 0; left--, x0 += 16, x1 += 16, w0 += 16, w1 += 16) {
        const int8x16_t u0 = vldrbq_s8(x0), u1 = vldrbq_s8(x1), v0 = vldrbq_s8(w0),
                        v1 = vldrbq_s8(w1);
        a = vmladavaq_s8(a, u0, v0);
        b = vmladavaq_s8(b, u0, v1);
        c = vmladavaq_s8(c, u1, v0);
        d = vmladavaq_s8(d, u1, v1);
    }
    if ((count & 15) != 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)count & 15);
        const int8x16_t u0 = vldrbq_z_s8(x0, rest), u1 = vldrbq_z_s8(x1, rest),
                        v0 = vldrbq_z_s8(w0, rest), v1 = vldrbq_z_s8(w1, rest);
        a = vmladavaq_s8(a, u0, v0);
        b = vmladavaq_s8(b, u0, v1);
        c = vmladavaq_s8(c, u1, v0);
        d = vmladavaq_s8(d, u1, v1);
    }
    sums[0] = a;
    sums[1] = b;
    sums[TILE] = c;
    sums[TILE + 1] = d;
}

/* Where values fit into one vector they are loaded once for all channels. */
static inline void short_dots(const int8_t *x0, const int8_t *x1, const int8_t *w, int32_t count,
                              int32_t channels, int32_t *sums)
{
    const mve_pred16_t inside = vctp8q((uint32_t)count);
    const int8x16_t u0 = vldrbq_z_s8(x0, inside), u1 = vldrbq_z_s8(x1, inside);
    const int32_t apart = padded(count);
#pragma GCC unroll 1
    for (; channels > 0; channels--, w += apart, sums++) {
        const int8x16_t v = vldrbq_z_s8(w, inside);
        sums[0] = vmladavq_s8(u0, v);
        sums[TILE] = vmladavq_s8(u1, v);
    }
}

/* sums[place][channel], biases left out, of `channels` output channels whose weights begin at
 * `weights`. */
static void conv_sums(const int8_t *const *values, const int8_t *scratch, const int8_t *weights,
                      int32_t count, int32_t channels, int32_t *sums)
{
    const int32_t apart = padded(count);
    (void)scratch;
    if (count <= 16) {
        short_dots(values[0], values[1], weights, count, channels, sums);
        return;
    }
    for (; channels > 0; channels -= 2, weights += 2 * apart, sums += 2) {
        dots(values[0], values[1], weights, channels > 1 ? weights + apart : weights, count, sums);
    }
}

#elif POSE_DSP

/* Two places side by side in 16 bits, as SMLAD takes them: of each four values the even and the odd
 * pair, place by place. */
static void widen(const int8_t *const *values, int32_t count, int16x2_t *pairs)
{
    for (int32_t place = 0; place < PLACES; place++) {
        const int8_t *x = values[place];
        int16x2_t *to = pairs + 2 * place;
        for (int32_t left = count; left > 0; left -= 4, x += 4, to += 4) {
            const int8x4_t word = left >= 4 ? pose_load4(x) : pose_load_rest(x, left);
            to[0] = pose_even(word);
            to[1] = pose_odd(word);
        }
    }
}

/* sums[place][channel] of two places and two channels, four products at a time; a function of its
 * own has registers enough. */
static __attribute__((noinline)) void dots(const int16x2_t *pairs, const int16x2_t *end,
                                           const int8_t *w0, const int8_t *w1, int32_t *sums)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (; pairs != end; pairs += 4, w0 += 4, w1 += 4) {
        const int8x4_t u = pose_load4(w0), v = pose_load4(w1);
        const int16x2_t u_even = pose_even(u), u_odd = pose_odd(u), v_even = pose_even(v),
                        v_odd = pose_odd(v);
        a = __smlad(u_even, pairs[0], a);
        b = __smlad(v_even, pairs[0], b);
        a = __smlad(u_odd, pairs[1], a);
        b = __smlad(v_odd, pairs[1], b);
        c = __smlad(u_even, pairs[2], c);
        d = __smlad(v_even, pairs[2], d);
        c = __smlad(u_odd, pairs[3], c);
        d = __smlad(v_odd, pairs[3], d);
    }
    sums[0] = a;
    sums[1] = b;
    sums[TILE] = c;
    sums[TILE + 1] = d;
}

static void conv_sums(const int8_t *const *values, const int8_t *scratch, const int8_t *weights,
                      int32_t count, int32_t channels, int32_t *sums)
{
    const int16x2_t *pairs = (const int16x2_t *)(const void *)scratch;
    const int32_t apart = padded(count);
    (void)values;
    for (; channels > 0; channels -= 2, weights += 2 * apart, sums += 2) {
        dots(pairs, pairs + apart, weights, channels > 1 ? weights + apart : weights, sums);
    }
}

#else

static void conv_sums(const int8_t *const *values, const int8_t *scratch, const int8_t *weights,
                      int32_t count, int32_t channels, int32_t *sums)
{
    (void)scratch;
    for (int32_t place = 0; place < PLACES && (place == 0 || values[place] != values[place - 1]);
         place++, sums += TILE) {
        row_dots(values[place], weights, count, padded(count), channels, sums);
    }
}

#endif
