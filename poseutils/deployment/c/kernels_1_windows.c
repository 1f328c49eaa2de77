
/* ---------------------------------------------------------------- windows */

/* Pointers to the input rows of output row y; NULL above and below the image. */
static void window_rows(const pose_window *window, const pose_image *image, const int8_t *in, int32_t y, const int8_t **rows)
{
    for (int32_t k = 0; k < window->height; k++) {
        const int32_t row = y * window->stride_y - window->pad_y + k * window->dilation_y;
        const int inside = row >= 0 && row < image->height;
        rows[k] = inside ? in + (ptrdiff_t)row * image->width * image->step : NULL;
    }
}

static ptrdiff_t row_bytes(const pose_image *image)
{
    return (ptrdiff_t)image->width * image->step;
}

/* ---------------------------------------------------------------- CONV_2D */

#define PLACES 2 /* places of the output that share the loads of a weight */

#if POSE_MVE

/* For two places and two output channels the sums of `count` products, sixteen at a time: to sums[0], [1] and sums[4], [5]. */
static void dots(const int8_t *const *values, const int8_t *w0, const int8_t *w1, int32_t count, int32_t *sums)
{
    const int8_t *x0 = values[0], *x1 = values[1];
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int32_t left = count >> 4; left > 0; left--, x0 += 16, x1 += 16, w0 += 16, w1 += 16) {
        const int8x16_t u0 = vldrbq_s8(x0), u1 = vldrbq_s8(x1), v0 = vldrbq_s8(w0), v1 = vldrbq_s8(w1);
        a = vmladavaq_s8(a, u0, v0);
        b = vmladavaq_s8(b, u0, v1);
        c = vmladavaq_s8(c, u1, v0);
        d = vmladavaq_s8(d, u1, v1);
    }
    if ((count & 15) != 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)count & 15);
        const int8x16_t u0 = vldrbq_z_s8(x0, rest), u1 = vldrbq_z_s8(x1, rest), v0 = vldrbq_z_s8(w0, rest), v1 = vldrbq_z_s8(w1, rest);
        a = vmladavaq_s8(a, u0, v0);
        b = vmladavaq_s8(b, u0, v1);
        c = vmladavaq_s8(c, u1, v0);
        d = vmladavaq_s8(d, u1, v1);
    }
    sums[0] = a;
    sums[1] = b;
    sums[4] = c;
    sums[5] = d;
}

/* All output channels, four at a time; past the last one its weights are read again, and nothing is stored. */
static void conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count, int8_t *const *outs, int8_t *scratch)
{
    const pose_requantize *scale = &layer->scale;
    const int32_t channels = layer->out.channels;
    (void)scratch;
    for (int32_t c = 0; c < channels; c += 4) {
        int32_t sums[4 * PLACES];
        for (int32_t i = 0; i < 4; i += 2) {
            const int32_t first = c + i < channels ? c + i : channels - 1, second = first + 1 < channels ? first + 1 : first;
            dots(values, layer->weights + (ptrdiff_t)first * count, layer->weights + (ptrdiff_t)second * count, count, sums + i);
        }
        const mve_pred16_t inside = vctp32q((uint32_t)(channels - c));
        const int32x4_t bias = vldrwq_z_s32(layer->bias + c, inside), multiplier = vldrwq_z_s32(scale->multiplier + c, inside);
        const int32x4_t shift = vldrbq_z_s32(scale->shift + c, inside);
        for (int32_t i = 0; i < PLACES; i++) {
            const int32x4_t scaled = multiply4(vaddq_s32(vldrwq_s32(sums + 4 * i), bias), multiplier, shift);
            vstrbq_p_s32(outs[i] + c, clamp4(vaddq_n_s32(scaled, scale->zero), scale->low, scale->high), inside);
        }
    }
}

#elif POSE_DSP

/* Two places side by side in 16 bits, as SMLAD takes them: of each four values the even and the odd pair, place by place. */
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

/* For two places and two output channels: adds the sums of `count` products to sums[place][channel]. */
static void dots(const int16x2_t *pairs, const int8_t *w0, const int8_t *w1, int32_t count, int32_t sums[PLACES][2])
{
    int32_t a = sums[0][0], b = sums[0][1], c = sums[1][0], d = sums[1][1];
    for (int32_t left = count; left > 0; left -= 4, pairs += 4, w0 += 4, w1 += 4) {
        const int8x4_t u = left >= 4 ? pose_load4(w0) : pose_load_rest(w0, left), v = left >= 4 ? pose_load4(w1) : pose_load_rest(w1, left);
        const int16x2_t u_even = pose_even(u), u_odd = pose_odd(u);
        a = __smlad(u_even, pairs[0], __smlad(u_odd, pairs[1], a));
        c = __smlad(u_even, pairs[2], __smlad(u_odd, pairs[3], c));
        const int16x2_t v_even = pose_even(v), v_odd = pose_odd(v);
        b = __smlad(v_even, pairs[0], __smlad(v_odd, pairs[1], b));
        d = __smlad(v_even, pairs[2], __smlad(v_odd, pairs[3], d));
    }
    sums[0][0] = a;
    sums[0][1] = b;
    sums[1][0] = c;
    sums[1][1] = d;
}

/* All output channels, two at a time; an odd last one is computed twice. */
static void conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count, int8_t *const *outs, int8_t *scratch)
{
    int16x2_t *pairs = (int16x2_t *)(void *)scratch;
    widen(values, count, pairs);
    for (int32_t c = 0; c < layer->out.channels; c += 2) {
        const int32_t next = c + 1 < layer->out.channels ? c + 1 : c;
        int32_t sums[PLACES][2] = {{layer->bias[c], layer->bias[next]}, {layer->bias[c], layer->bias[next]}};
        dots(pairs, layer->weights + (ptrdiff_t)c * count, layer->weights + (ptrdiff_t)next * count, count, sums);
        for (int32_t i = 0; i < PLACES; i++) {
            outs[i][c] = requantized(sums[i][0], c, &layer->scale);
            outs[i][next] = requantized(sums[i][1], next, &layer->scale);
        }
    }
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

#define BLOCK 4 /* output channels that share the loads of a value */

/* sums[i] += dot product with the i-th of BLOCK runs of weights, which lie `apart` values from each other. */
static void dot_block(const int8_t *x, const int8_t *w, int32_t count, int32_t apart, int32_t *sums)
{
    const int8_t *w1 = w + apart, *w2 = w1 + apart, *w3 = w2 + apart;
    int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
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

/* All output channels of one place. */
static void conv_place(const pose_conv_layer *layer, const int8_t *values, int32_t count, int8_t *out)
{
    const int32_t blocks = layer->out.channels / BLOCK * BLOCK;
    const int8_t *weights = layer->weights;
    for (int32_t c = 0; c < blocks; c += BLOCK, weights += BLOCK * count) {
        int32_t sums[BLOCK];
        memcpy(sums, layer->bias + c, sizeof sums);
        dot_block(values, weights, count, count, sums);
        for (int32_t i = 0; i < BLOCK; i++) {
            out[c + i] = requantized(sums[i], c + i, &layer->scale);
        }
    }
    for (int32_t c = blocks; c < layer->out.channels; c++, weights += count) {
        out[c] = requantized(layer->bias[c] + dot(values, weights, count), c, &layer->scale);
    }
}

static void conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count, int8_t *const *outs, int8_t *scratch)
{
    (void)scratch;
    for (int32_t i = 0; i < PLACES && (i == 0 || outs[i] != outs[i - 1]); i++) {
        conv_place(layer, values[i], count, outs[i]);
    }
}

#endif

/* One row of the window at column x0, tap by tap; the zero point beyond the border. */
static void gather_taps(const pose_conv_layer *layer, const int8_t *row, int32_t x0, int8_t *patch)
{
    const size_t channels = (size_t)layer->in.channels;
    for (int32_t kx = 0; kx < layer->window.width; kx++, patch += channels) {
        const int32_t x = x0 + kx * layer->window.dilation_x;
        if (x < 0 || x >= layer->in.width) {
            memset(patch, layer->in_zero, channels);
        } else {
            memcpy(patch, row + (ptrdiff_t)x * layer->in.step, channels);
        }
    }
}

/* Copies the values under the window at column x0, in the order of the weights; the zero point beyond the border. */
static void gather_patch(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x0, int8_t *patch)
{
    const pose_window *window = &layer->window;
    const int32_t channels = layer->in.channels, reach = (window->width - 1) * window->dilation_x;
    const int run = x0 >= 0 && x0 + reach < layer->in.width && layer->in.step == channels && window->dilation_x == 1;
    for (int32_t ky = 0; ky < window->height; ky++) {
        const size_t bytes = (size_t)(window->width * channels);
        if (rows[ky] == NULL) {
            memset(patch, layer->in_zero, bytes);
        } else if (run) {
            memcpy(patch, rows[ky] + (ptrdiff_t)x0 * channels, bytes);
        } else {
            gather_taps(layer, rows[ky], x0, patch);
        }
        patch += bytes;
    }
}

/* The values under the window at column x0: where they lie, if that is one run in memory, else copied to `patch`. */
static const int8_t *place_values(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x0, int8_t *patch)
{
    const int one = layer->window.height == 1 && layer->window.width == 1;
    if (one && rows[0] != NULL && x0 >= 0 && x0 < layer->in.width) {
        return rows[0] + (ptrdiff_t)x0 * layer->in.step;
    }
    gather_patch(layer, rows, x0, patch);
    return patch;
}

void pose_conv_row(const pose_conv_layer *layer, const int8_t *const *rows, int8_t *out, int8_t *scratch)
{
    const pose_window *window = &layer->window;
    const int32_t count = window->height * window->width * layer->in.channels;
    int8_t *const patches = scratch + 2 * PLACES * ((count + 3) / 4 * 4);
    for (int32_t x = 0; x < layer->out.width; x += PLACES) {
        const int8_t *values[PLACES];
        int8_t *outs[PLACES];
        for (int32_t i = 0; i < PLACES; i++) {
            if (x + i < layer->out.width) {
                values[i] = place_values(layer, rows, (x + i) * window->stride_x - window->pad_x, patches + i * count);
                outs[i] = out + (ptrdiff_t)(x + i) * layer->out.step;
            } else { /* past the end the last place is computed again */
                values[i] = values[i - 1];
                outs[i] = outs[i - 1];
            }
        }
        conv_places(layer, values, count, outs, scratch);
    }
}

void pose_conv(const pose_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const int8_t *rows[POSE_MAX_TAPS];
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        window_rows(&layer->window, &layer->in, in, y, rows);
        pose_conv_row(layer, rows, out, scratch);
    }
}
