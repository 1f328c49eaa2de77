
/* ---------------------------------------------------------------- MAX_POOL_2D, AVERAGE_POOL_2D */

/* The columns [*from, *to) of the window at x0 that lie inside of the image. */
static void inside_columns(const pose_pool_layer *layer, int32_t x0, int32_t *from, int32_t *to)
{
    *from = x0 < 0 ? 0 : x0;
    *to = x0 + layer->window.width < layer->in.width ? x0 + layer->window.width : layer->in.width;
}

void pose_max_pool_row(const pose_pool_layer *layer, const int8_t *const *rows, int8_t *out)
{
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        int32_t from, to;
        inside_columns(layer, x * layer->window.stride_x - layer->window.pad_x, &from, &to);
        memset(out, INT8_MIN, (size_t)layer->out.channels);
        for (int32_t ky = 0; ky < layer->window.height; ky++) {
            for (int32_t column = from; rows[ky] != NULL && column < to; column++) {
                const int8_t *values = rows[ky] + (ptrdiff_t)column * layer->in.step;
                for (int32_t c = 0; c < layer->out.channels; c++) {
                    out[c] = values[c] > out[c] ? values[c] : out[c];
                }
            }
        }
        for (int32_t c = 0; c < layer->out.channels; c++) {
            out[c] = (int8_t)clamp(out[c], layer->low, layer->high);
        }
    }
}

void pose_max_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out)
{
    const int8_t *rows[POSE_MAX_TAPS];
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        window_rows(&layer->window, &layer->in, in, y, rows);
        pose_max_pool_row(layer, rows, out);
    }
}

/* The means of what lies under the window in columns [from, to), of `count` channels from `first`; halves away from zero. */
static void window_means(const pose_pool_layer *layer, const int8_t *const *rows, int32_t from, int32_t to, int32_t first, int32_t count,
                         int8_t *out)
{
    int32_t sums[TILE] = {0}, taps = 0;
    for (int32_t ky = 0; ky < layer->window.height; ky++) {
        for (int32_t column = from; rows[ky] != NULL && column < to; column++, taps++) {
            const int8_t *values = rows[ky] + (ptrdiff_t)column * layer->in.step + first;
            for (int32_t i = 0; i < count; i++) {
                sums[i] += values[i];
            }
        }
    }
    for (int32_t i = 0; i < count; i++) {
        const int32_t mean = sums[i] > 0 ? (sums[i] + taps / 2) / taps : (sums[i] - taps / 2) / taps;
        out[i] = (int8_t)clamp(mean, layer->low, layer->high);
    }
}

void pose_average_pool_row(const pose_pool_layer *layer, const int8_t *const *rows, int8_t *out)
{
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        int32_t from, to;
        inside_columns(layer, x * layer->window.stride_x - layer->window.pad_x, &from, &to);
        for (int32_t first = 0; first < layer->out.channels; first += TILE) {
            const int32_t count = layer->out.channels - first < TILE ? layer->out.channels - first : TILE;
            window_means(layer, rows, from, to, first, count, out + first);
        }
    }
}

void pose_average_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out)
{
    const int8_t *rows[POSE_MAX_TAPS];
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        window_rows(&layer->window, &layer->in, in, y, rows);
        pose_average_pool_row(layer, rows, out);
    }
}
