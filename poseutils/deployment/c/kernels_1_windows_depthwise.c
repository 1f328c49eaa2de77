
/* ---------------------------------------------------------------- DEPTHWISE_CONV_2D */

/* What of a window lies inside of the image: in each of `rows` rows `columns` taps, and where their values and weights begin. */
typedef struct {
    int32_t rows, columns;
    int32_t values_apart, weights_apart; /* from one tap of a row to the next */
    const int8_t *values[POSE_MAX_TAPS], *weights[POSE_MAX_TAPS];
} inside_taps;

/* The taps of the window at column x0. */
static void find_taps(const pose_depthwise_layer *layer, const int8_t *const *rows, int32_t x0, inside_taps *taps)
{
    const pose_window *window = &layer->window;
    int32_t from = 0, to = window->width;
    for (; from < to && x0 + from * window->dilation_x < 0;) {
        from++;
    }
    for (; from < to && x0 + (to - 1) * window->dilation_x >= layer->in.width;) {
        to--;
    }
    const ptrdiff_t first = (ptrdiff_t)(x0 + from * window->dilation_x) * layer->in.step;
    taps->rows = 0;
    taps->columns = to - from;
    taps->values_apart = layer->in.step * window->dilation_x;
    taps->weights_apart = layer->out.channels;
    for (int32_t ky = 0; ky < window->height && from < to; ky++) {
        if (rows[ky] != NULL) {
            taps->values[taps->rows] = rows[ky] + first;
            taps->weights[taps->rows++] = layer->weights + (ptrdiff_t)(ky * window->width + from) * layer->out.channels;
        }
    }
}

#if POSE_MVE

#define LEAST_CHANNELS 8 /* for which depthwise_sums can be used */

/* Sums of eight channels. */
typedef struct {
    int32x4_t even, odd;
} sums8;

static inline sums8 add_tap(sums8 sums, const int8_t *values, const int8_t *weights, int16_t zero)
{
    const int16x8_t x = vsubq_n_s16(vldrbq_s16(values), zero), w = vldrbq_s16(weights);
    const sums8 added = {vaddq_s32(sums.even, vmullbq_int_s16(x, w)), vaddq_s32(sums.odd, vmulltq_int_s16(x, w))};
    return added;
}

static inline void store8(sums8 sums, int32_t *to)
{
    const int32x4x2_t both = {{sums.even, sums.odd}};
    vst2q_s32(to, both);
}

static __attribute__((noinline)) void eight_channels(const inside_taps *taps, int32_t c, int16_t zero, int32_t *to)
{
    sums8 sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
    const int32_t values_apart = taps->values_apart, weights_apart = taps->weights_apart;
    for (int32_t row = 0; row < taps->rows; row++) {
        const int8_t *x = taps->values[row] + c, *w = taps->weights[row] + c;
        for (int32_t left = taps->columns; left > 0; left--, x += values_apart, w += weights_apart) {
            sums = add_tap(sums, x, w, zero);
        }
    }
    store8(sums, to);
}

static __attribute__((noinline)) void sixteen_channels(const inside_taps *taps, int32_t c, int16_t zero, int32_t *to)
{
    sums8 low = {vdupq_n_s32(0), vdupq_n_s32(0)}, high = low;
    const int32_t values_apart = taps->values_apart - 8, weights_apart = taps->weights_apart - 8;
    for (int32_t row = 0; row < taps->rows; row++) {
        const int8_t *x = taps->values[row] + c, *w = taps->weights[row] + c;
        for (int32_t left = taps->columns; left > 0; left--, x += values_apart, w += weights_apart) {
            low = add_tap(low, x, w, zero);
            x += 8;
            w += 8;
            __asm__ volatile("" : "+l"(x), "+l"(w)); /* else both halves are loaded at once, and there are not registers enough */
            high = add_tap(high, x, w, zero);
        }
    }
    store8(low, to);
    store8(high, to + 8);
}

/* Sixteen or eight channels at a time; of a last tile that is not whole some are computed again. */
static void depthwise_sums(const pose_depthwise_layer *layer, const inside_taps *taps, int32_t first, int32_t count, int32_t *sums)
{
    const int16_t zero = (int16_t)layer->in_zero;
    int32_t c = 0;
    for (; c + 16 <= count; c += 16) {
        sixteen_channels(taps, first + c, zero, sums + c);
    }
    for (; c < count; c += 8) {
        const int32_t start = c + 8 <= count ? c : count - 8;
        eight_channels(taps, first + start, zero, sums + start);
    }
}

#elif POSE_DSP

#define LEAST_CHANNELS 4 /* for which depthwise_sums can be used */

static __attribute__((noinline)) void four_channels(const inside_taps *taps, int32_t c, int16x2_t less_zero, int32_t *sums)
{
    const int32_t values_apart = taps->values_apart, weights_apart = taps->weights_apart;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (int32_t row = 0; row < taps->rows; row++) {
        const int8_t *x = taps->values[row] + c, *w = taps->weights[row] + c;
        for (int32_t left = taps->columns; left > 0; left--, x += values_apart, w += weights_apart) {
            const int8x4_t values = pose_load4(x), weights = pose_load4(w);
            const int16x2_t x_even = pose_add_even(less_zero, values), x_odd = pose_add_odd(less_zero, values);
            const int16x2_t w_even = pose_even(weights), w_odd = pose_odd(weights);
            s0 = __smlabb(x_even, w_even, s0);
            s1 = __smlabb(x_odd, w_odd, s1);
            s2 = __smlatt(x_even, w_even, s2);
            s3 = __smlatt(x_odd, w_odd, s3);
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* Four channels at a time; of a last four that are not whole some are computed again. */
static void depthwise_sums(const pose_depthwise_layer *layer, const inside_taps *taps, int32_t first, int32_t count, int32_t *sums)
{
    const uint32_t less = (uint32_t)-layer->in_zero;
    for (int32_t c = 0; c < count; c += 4) {
        const int32_t start = c + 4 <= count ? c : count - 4;
        four_channels(taps, first + start, (int16x2_t)(less << 16 | (less & 0xffff)), sums + start);
    }
}

#endif

/* One tap of the window: sums[i] += weight * (value - zero) for `count` output channels from `first`. */
static void depthwise_tap(const pose_depthwise_layer *layer, const int8_t *place, const int8_t *weights, int32_t first, int32_t count,
                          int32_t *sums)
{
    const int32_t zero = layer->in_zero;
    if (layer->multiplier == 1) {
        const int8_t *values = place + first;
        for (int32_t i = 0; i < count; i++) {
            sums[i] += weights[i] * (values[i] - zero);
        }
    } else {
        for (int32_t i = 0; i < count; i++) {
            sums[i] += weights[i] * (place[(first + i) / layer->multiplier] - zero);
        }
    }
}

/* Whatever the channels. */
static void depthwise_any_sums(const pose_depthwise_layer *layer, const inside_taps *taps, int32_t first, int32_t count, int32_t *sums)
{
    memset(sums, 0, (size_t)count * sizeof sums[0]);
    for (int32_t row = 0; row < taps->rows; row++) {
        const int8_t *x = taps->values[row], *w = taps->weights[row] + first;
        for (int32_t left = taps->columns; left > 0; left--, x += taps->values_apart, w += taps->weights_apart) {
            depthwise_tap(layer, x, w, first, count, sums);
        }
    }
}

/* All channels of up to two places. */
static void depthwise_places(const pose_depthwise_layer *layer, const inside_taps *taps, int32_t places, int8_t *out)
{
    const int32_t channels = layer->out.channels;
    for (int32_t first = 0; first < channels; first += TILE) {
        const int32_t count = channels - first < TILE ? channels - first : TILE;
        int32_t sums[PLACES * TILE];
        for (int32_t i = 0; i < places; i++) {
#if POSE_MVE || POSE_DSP
            const int fast = layer->multiplier == 1 && count >= LEAST_CHANNELS;
            (fast ? depthwise_sums : depthwise_any_sums)(layer, &taps[i], first, count, sums + i * TILE);
#else
            depthwise_any_sums(layer, &taps[i], first, count, sums + i * TILE);
#endif
        }
        requantize(sums, layer->bias, &layer->scale, first, count, places, out + first, layer->out.step);
    }
}

void pose_depthwise_row(const pose_depthwise_layer *layer, const int8_t *const *rows, int8_t *out)
{
    for (int32_t x = 0; x < layer->out.width; x += PLACES, out += PLACES * layer->out.step) {
        const int32_t places = layer->out.width - x < PLACES ? layer->out.width - x : PLACES;
        inside_taps taps[PLACES];
        for (int32_t i = 0; i < places; i++) {
            find_taps(layer, rows, (x + i) * layer->window.stride_x - layer->window.pad_x, &taps[i]);
        }
        depthwise_places(layer, taps, places, out);
    }
}

void pose_depthwise(const pose_depthwise_layer *layer, const int8_t *in, int8_t *out)
{
    const int8_t *rows[POSE_MAX_TAPS];
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        window_rows(&layer->window, &layer->in, in, y, rows);
        pose_depthwise_row(layer, rows, out);
    }
}
