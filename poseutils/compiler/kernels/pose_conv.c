/* CONV_2D: windows are brought together value after value, then multiplied with the weights. */
#include "pose_arithmetic.h"

/* A window of one place without padding: values are read where they are. */
static int is_one_place(const pose_window *window)
{
    return window->height * window->width == 1 && window->pad_y == 0 && window->pad_x == 0;
}

/* Where values of the windows of PLACES places lie in the scratch, after what is widened. */
static int8_t *patches_of(int8_t *scratch, int32_t count)
{
    return WIDENS ? scratch + 2 * PLACES * padded(count) : scratch;
}

/* Values of the window that are brought together at a time: all, if the scratch has room. */
static int32_t values_at_once(const pose_conv_layer *layer, int32_t count)
{
    const int32_t room = layer->scratch_bytes / (WIDENS ? 3 * PLACES : PLACES);
    if (padded(count) <= room || (!WIDENS && is_one_place(&layer->window))) {
        return count;
    }
    const int32_t most = room & ~15, parts = (count + most - 1) / most;
    return ((count + parts - 1) / parts + 15) & ~15;
}

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

/* Copies the values under the window at column x0, in the order of the weights; the zero point
 * beyond the border. */
static void gather_patch(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x0,
                         int8_t *patch)
{
    const pose_window *window = &layer->window;
    const int32_t channels = layer->in.channels, reach = (window->width - 1) * window->dilation_x;
    const int run = x0 >= 0 && x0 + reach < layer->in.width && layer->in.step == channels &&
                    window->dilation_x == 1;
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

/*
 * Copies values `from` to `from` + `count` of the window at column x0, in the order of the weights;
 * the zero point beyond the border.
 */
static void gather(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x0,
                   int32_t from, int32_t count, int8_t *to)
{
    const int32_t channels = layer->in.channels, width = layer->window.width;
    const int32_t dilation = layer->window.dilation_x, reach = (width - 1) * dilation;
    const int inside = x0 >= 0 && x0 + reach < layer->in.width;
    const int run = inside && layer->in.step == channels && dilation == 1;
    const int32_t length = run ? width * channels : channels, taps = run ? 1 : width;
    int32_t tap = from == 0 ? 0 : from / length, skip = from - tap * length;
    int32_t ky = tap == 0 ? 0 : tap / taps, kx = tap - ky * taps;
    while (count > 0) {
        const int32_t x = x0 + kx * dilation, left = length - skip, n = left < count ? left : count;
        if (rows[ky] == NULL || (!inside && (x < 0 || x >= layer->in.width))) {
            memset(to, layer->in_zero, (size_t)n);
        } else {
            memcpy(to, rows[ky] + (ptrdiff_t)x * layer->in.step + skip, (size_t)n);
        }
        to += n;
        count -= n;
        skip = 0;
        kx++;
        if (kx == taps) {
            kx = 0;
            ky++;
        }
    }
}

/* Brings together some of the values of PLACES places from column x, the last place again. */
static void gather_places(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x,
                          int32_t from, int32_t count, int8_t *patches, const int8_t **values)
{
    for (int32_t i = 0; i < PLACES; i++) {
        const int32_t column = x + i < layer->out.width ? x + i : layer->out.width - 1;
        const int32_t x0 = column * layer->window.stride_x - layer->window.pad_x;
        gather(layer, rows, x0, from, count, patches + i * count);
        values[i] = patches + i * count;
    }
}

/* Where the values of up to PLACES places from column x lie, brought together if they are not one
 * run in memory; of the last place again where there is none. Returns how many places. */
static int32_t find_places(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x,
                           int32_t count, int8_t *patches, const int8_t **values)
{
    const int32_t places = layer->out.width - x < PLACES ? layer->out.width - x : PLACES;
    const int one = layer->window.height * layer->window.width == 1;
    for (int32_t i = 0; i < PLACES; i++) {
        const int32_t x0 = (x + i) * layer->window.stride_x - layer->window.pad_x;
        if (i >= places) {
            values[i] = values[i - 1];
        } else if (one && rows[0] != NULL && x0 >= 0 && x0 < layer->in.width) {
            values[i] = rows[0] + (ptrdiff_t)x0 * layer->in.step;
        } else {
            gather_patch(layer, rows, x0, patches + i * count);
            values[i] = patches + i * count;
        }
    }
    return places;
}

/* All output channels of up to PLACES places from column x, `most` values of the windows at a
 * time. */
static NOT_INLINE void conv_by_parts(const pose_conv_layer *layer, const int8_t *const *rows,
                                     int32_t x, int32_t count, int32_t most, int8_t *scratch,
                                     int8_t *out)
{
    const int32_t channels = layer->out.channels, left = layer->out.width - x;
    const int32_t places = left < PLACES ? left : PLACES, apart = padded(count);
    const int8_t *values[PLACES];
    int32_t sums[PLACES * TILE], part[PLACES * TILE];
    for (int32_t c = 0; c < channels; c += TILE) {
        const int32_t tile = channels - c < TILE ? channels - c : TILE;
        const int8_t *const weights = layer->weights + c * apart;
        memset(sums, 0, sizeof sums);
        for (int32_t from = 0; from < count; from += most) {
            const int32_t some = count - from < most ? count - from : most;
            gather_places(layer, rows, x, from, some, patches_of(scratch, some), values);
            if (WIDENS) {
                pose_conv_widen(values, some, scratch);
            }
            pose_conv_sums(values, scratch, weights + from, some, apart, tile, part);
            for (int32_t i = 0; i < tile; i++) {
                sums[i] += part[i];
                sums[TILE + i] += part[TILE + i];
            }
        }
        pose_requantize_sums(sums, layer->bias, &layer->scale, c, tile, places, out + c,
                             layer->out.step);
    }
}

static void conv_row(const pose_conv_layer *layer, const int8_t *const *rows, int8_t *out,
                     int8_t *scratch)
{
    const int32_t count = layer->window.height * layer->window.width * layer->in.channels;
    const int32_t at_once = values_at_once(layer, count), step = PLACES * layer->out.step;
    int8_t *const patches = patches_of(scratch, count);
    const int8_t *values[PLACES];
    for (int32_t x = 0; x < layer->out.width; x += PLACES, out += step) {
        if (at_once < count) {
            conv_by_parts(layer, rows, x, count, at_once, scratch, out);
        } else {
            const int32_t places = find_places(layer, rows, x, count, patches, values);
            pose_conv_places(layer, values, count, places, scratch, out);
        }
    }
}

/* A window of one place that stops everywhere moves over an image as over one long row. */
static pose_conv_layer in_one_row(const pose_conv_layer *layer)
{
    const pose_window *w = &layer->window;
    pose_conv_layer flat = *layer;
    if (is_one_place(w) && w->stride_y * w->stride_x == 1 && layer->out.width == layer->in.width) {
        flat.in.width *= layer->out.height;
        flat.out.width *= layer->out.height;
        flat.out.height = flat.in.height = flat.in.ring = 1;
    }
    return flat;
}

void pose_conv_row(const pose_conv_layer *layer, int32_t y, const int8_t *in, int8_t *out,
                   int8_t *scratch)
{
    const int8_t *rows[POSE_MAX_TAPS];
    window_rows(&layer->window, &layer->in, in, y, rows);
    conv_row(layer, rows, out, scratch);
}

void pose_conv(const pose_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch)
{
    const pose_conv_layer flat = in_one_row(layer);
    for (int32_t y = 0; y < flat.out.height; y++, out += row_bytes(&flat.out)) {
        pose_conv_row(&flat, y, in, out, scratch);
    }
}
