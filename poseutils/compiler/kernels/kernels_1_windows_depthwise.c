
/* ---------------------------------------------------------------- DEPTHWISE_CONV_2D */

#if POSE_MVE || POSE_DSP

#define MOST_TAPS 32 /* for which depthwise_sums can be used; palm_detection's are 25 */

/* What of a window lies inside of the image: for each such tap where the values and the weights of
 * all channels begin. */
typedef struct {
    int32_t count;
    struct tap {
        const int8_t *values, *weights;
    } taps[MOST_TAPS];
} inside_taps;

/* Those of the window at column x0. */
static void find_taps(const pose_depthwise_layer *layer, const int8_t *const *rows, int32_t x0,
                      inside_taps *inside)
{
    const int32_t width = layer->window.width, dilation = layer->window.dilation_x,
                  channels = layer->out.channels;
    const int32_t apart = dilation * layer->in.step;
    struct tap *next = inside->taps;
    for (int32_t ky = 0; ky < layer->window.height; ky++) {
        const int8_t *weights = layer->weights + ky * width * channels;
        int32_t offset = x0 * layer->in.step;
        for (int32_t kx = 0, x = x0; kx < width && rows[ky] != NULL;
             kx++, x += dilation, offset += apart, weights += channels) {
            if (x >= 0 && x < layer->in.width) {
                next->values = rows[ky] + offset;
                next->weights = weights;
                next++;
            }
        }
    }
    inside->count = (int32_t)(next - inside->taps);
}

#endif

#if POSE_MVE

#define LEAST_CHANNELS 8 /* for which depthwise_sums can be used */

/* Sums of eight channels. */
typedef struct {
    int32x4_t even, odd;
} sums8;

static inline sums8 add_tap(sums8 sums, const int8_t *values, const int8_t *weights, int16_t zero)
{
    const int16x8_t x = vsubq_n_s16(vldrbq_s16(values), zero), w = vldrbq_s16(weights);
    const sums8 added = {vaddq_s32(sums.even, vmullbq_int_s16(x, w)),
                         vaddq_s32(sums.odd, vmulltq_int_s16(x, w))};
    return added;
}

static inline void store8(sums8 sums, int32_t *to)
{
    const int32x4x2_t both = {{sums.even, sums.odd}};
    vst2q_s32(to, both);
}

static __attribute__((noinline)) void eight_channels(const struct tap *taps, int32_t count,
                                                     int32_t c, int16_t zero, int32_t *to)
{
    sums8 sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
    for (; count > 0; count--, taps++) {
        sums = add_tap(sums, taps->values + c, taps->weights + c, zero);
    }
    store8(sums, to);
}

static __attribute__((noinline)) void sixteen_channels(const struct tap *taps, int32_t count,
                                                       int32_t c, int16_t zero, int32_t *to)
{
    sums8 low = {vdupq_n_s32(0), vdupq_n_s32(0)}, high = low;
    for (; count > 0; count--, taps++) {
        const int8_t *x = taps->values + c, *w = taps->weights + c;
        low = add_tap(low, x, w, zero);
        x += 8;
        w += 8;
        /* Else both halves are loaded at once, and there are not registers enough. */
        __asm__ volatile("" : "+l"(x), "+l"(w));
        high = add_tap(high, x, w, zero);
    }
    store8(low, to);
    store8(high, to + 8);
}

/* Sixteen or eight channels at a time; of a last tile that is not whole some are computed again. */
static void depthwise_sums(const pose_depthwise_layer *layer, const inside_taps *inside,
                           int32_t first, int32_t count, int32_t *sums)
{
    const int16_t zero = (int16_t)layer->in_zero;
    int32_t c = 0;
    for (; c + 16 <= count; c += 16) {
        sixteen_channels(inside->taps, inside->count, first + c, zero, sums + c);
    }
    for (; c < count; c += 8) {
        const int32_t start = c + 8 <= count ? c : count - 8;
        eight_channels(inside->taps, inside->count, first + start, zero, sums + start);
    }
}

#elif POSE_DSP

#define LEAST_CHANNELS 4 /* for which depthwise_sums can be used */

static __attribute__((noinline)) void four_channels(const struct tap *taps, const struct tap *end,
                                                    int32_t c, int16x2_t less_zero, int32_t *sums)
{
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (; taps != end; taps++) {
        const int8x4_t values = pose_load4(taps->values + c),
                       weights = pose_load4(taps->weights + c);
        const int16x2_t x_even = pose_add_even(less_zero, values),
                        x_odd = pose_add_odd(less_zero, values);
        const int16x2_t w_even = pose_even(weights), w_odd = pose_odd(weights);
        s0 = __smlabb(x_even, w_even, s0);
        s1 = __smlabb(x_odd, w_odd, s1);
        s2 = __smlatt(x_even, w_even, s2);
        s3 = __smlatt(x_odd, w_odd, s3);
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* Four channels at a time; of a last four that are not whole some are computed again. */
static void depthwise_sums(const pose_depthwise_layer *layer, const inside_taps *inside,
                           int32_t first, int32_t count, int32_t *sums)
{
    const uint32_t less = (uint32_t)-layer->in_zero;
    for (int32_t c = 0; c < count; c += 4) {
        const int32_t start = c + 4 <= count ? c : count - 4;
        four_channels(inside->taps, inside->taps + inside->count, first + start,
                      (int16x2_t)(less << 16 | (less & 0xffff)), sums + start);
    }
}

#endif

/* One tap of the window: sums[i] += weight * (value - zero) for `count` output channels from
 * `first`. */
static void depthwise_tap(const pose_depthwise_layer *layer, const int8_t *place,
                          const int8_t *weights, int32_t first, int32_t count, int32_t *sums)
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

/* Whatever the channels and the window, whose first column is x0. */
static void depthwise_any_sums(const pose_depthwise_layer *layer, const int8_t *const *rows,
                               int32_t x0, int32_t first, int32_t count, int32_t *sums)
{
    const pose_window *window = &layer->window;
    memset(sums, 0, (size_t)count * sizeof sums[0]);
    for (int32_t ky = 0; ky < window->height; ky++) {
        for (int32_t kx = 0; rows[ky] != NULL && kx < window->width; kx++) {
            const int32_t x = x0 + kx * window->dilation_x;
            if (x >= 0 && x < layer->in.width) {
                const int8_t *weights = layer->weights +
                                        (ptrdiff_t)(ky * window->width + kx) * layer->out.channels +
                                        first;
                depthwise_tap(layer, rows[ky] + (ptrdiff_t)x * layer->in.step, weights, first,
                              count, sums);
            }
        }
    }
}

/* All channels of up to two places, the window of the first at column x0. */
static void depthwise_places(const pose_depthwise_layer *layer, const int8_t *const *rows,
                             int32_t x0, int32_t places, int8_t *out)
{
    const int32_t channels = layer->out.channels, stride = layer->window.stride_x;
#if POSE_MVE || POSE_DSP
    const int vectors =
        layer->multiplier == 1 && layer->window.height * layer->window.width <= MOST_TAPS;
    inside_taps inside[PLACES];
    for (int32_t i = 0; i < places && vectors; i++) {
        find_taps(layer, rows, x0 + i * stride, &inside[i]);
    }
#endif
    for (int32_t first = 0; first < channels; first += TILE) {
        const int32_t count = channels - first < TILE ? channels - first : TILE;
        int32_t sums[PLACES * TILE];
        for (int32_t i = 0; i < places; i++) {
#if POSE_MVE || POSE_DSP
            if (vectors && count >= LEAST_CHANNELS) {
                depthwise_sums(layer, &inside[i], first, count, sums + i * TILE);
                continue;
            }
#endif
            depthwise_any_sums(layer, rows, x0 + i * stride, first, count, sums + i * TILE);
        }
        requantize(sums, layer->bias, &layer->scale, first, count, places, out + first,
                   layer->out.step);
    }
}

void pose_depthwise_row(const pose_depthwise_layer *layer, const int8_t *const *rows, int8_t *out)
{
    for (int32_t x = 0; x < layer->out.width; x += PLACES, out += PLACES * layer->out.step) {
        const int32_t places = layer->out.width - x < PLACES ? layer->out.width - x : PLACES;
        depthwise_places(layer, rows, x * layer->window.stride_x - layer->window.pad_x, places,
                         out);
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
