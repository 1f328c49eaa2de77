
/* ---------------------------------------------------------------- DEPTHWISE_CONV_2D */

#define TILE 16 /* channels whose sums are held at a time */

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

/* `count` output channels from `first` of the place whose window starts at column x0. */
static void depthwise_tile(const pose_depthwise_layer *layer, const int8_t *const *rows, int32_t x0, int32_t first, int32_t count,
                           int8_t *out)
{
    const pose_window *window = &layer->window;
    int32_t sums[TILE];
    memcpy(sums, layer->bias + first, (size_t)count * sizeof sums[0]);
    for (int32_t ky = 0; ky < window->height; ky++) {
        if (rows[ky] == NULL) {
            continue;
        }
        for (int32_t kx = 0; kx < window->width; kx++) {
            const int32_t x = x0 + kx * window->dilation_x;
            if (x >= 0 && x < layer->in.width) {
                const int8_t *weights = layer->weights + (ptrdiff_t)(ky * window->width + kx) * layer->out.channels + first;
                depthwise_tap(layer, rows[ky] + (ptrdiff_t)x * layer->in.step, weights, first, count, sums);
            }
        }
    }
    for (int32_t i = 0; i < count; i++) {
        out[i] = requantized(sums[i], first + i, &layer->scale);
    }
}

void pose_depthwise_row(const pose_depthwise_layer *layer, const int8_t *const *rows, int8_t *out)
{
    const int32_t channels = layer->out.channels;
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        const int32_t x0 = x * layer->window.stride_x - layer->window.pad_x;
        for (int32_t first = 0; first < channels; first += TILE) {
            const int32_t count = channels - first < TILE ? channels - first : TILE;
            depthwise_tile(layer, rows, x0, first, count, out + first);
        }
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
