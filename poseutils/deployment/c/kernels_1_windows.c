/* The operators of an 8-bit network; see pose_kernels.h. The same file for every network: the linker leaves out what is not called. */
#include "pose_kernels.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---------------------------------------------------------------- fixed point */

static int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* The high half of 2 * a * b, rounded to nearest, halves upwards. */
static int32_t high_product(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN) {
        return INT32_MAX;
    }
    const int64_t product = (int64_t)a * b;
    const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

/* x / 2^bits, rounded to nearest, halves away from zero. */
static int32_t shift_right(int32_t x, int32_t bits)
{
    if (bits == 0) {
        return x;
    }
    const int64_t half = (int64_t)1 << (bits - 1);
    const int64_t nudged = (int64_t)x + half - (x < 0 ? 1 : 0);
    return (int32_t)(nudged >> bits);
}

int32_t pose_multiply(int32_t x, int32_t multiplier, int32_t shift)
{
    /* Unsigned, because a sum out of range wraps around in the reference kernels too. */
    const int32_t raised = shift > 0 ? (int32_t)((uint32_t)x << shift) : x;
    return shift_right(high_product(raised, multiplier), shift > 0 ? 0 : -shift);
}

/* The nearest whole number, halves to even, plus `zero`: adding 1.5 * 2^23 leaves no bit for a fraction. */
static int32_t rounded_even(float x, int32_t zero, int32_t low, int32_t high)
{
    const float least = (float)(low - zero), most = (float)(high - zero), whole = 12582912.0f;
    const float inside = x < least ? least : x > most ? most : x;
    return (int32_t)(inside + whole - whole) + zero;
}

static int8_t requantized(int32_t sum, int32_t channel, const pose_requantize *scale)
{
    if (scale->real != NULL) {
        return (int8_t)rounded_even((float)sum * scale->real[channel], scale->zero, scale->low, scale->high);
    }
    const int32_t scaled = pose_multiply(sum, scale->multiplier[channel], scale->shift[channel]);
    return (int8_t)clamp(scaled + scale->zero, scale->low, scale->high);
}

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

/* The values under the window at column x0, in the order of the weights; the zero point beyond the border. */
static void gather_patch(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x0, int8_t *patch)
{
    const pose_window *window = &layer->window;
    const size_t channels = (size_t)layer->in.channels;
    for (int32_t ky = 0; ky < window->height; ky++) {
        for (int32_t kx = 0; kx < window->width; kx++, patch += channels) {
            const int32_t x = x0 + kx * window->dilation_x;
            if (rows[ky] == NULL || x < 0 || x >= layer->in.width) {
                memset(patch, layer->in_zero, channels);
            } else {
                memcpy(patch, rows[ky] + (ptrdiff_t)x * layer->in.step, channels);
            }
        }
    }
}

/* True if each row under the window at column x0 is one run of values in memory, all inside of the image. */
static int is_run(const pose_conv_layer *layer, const int8_t *const *rows, int32_t x0)
{
    const pose_window *window = &layer->window;
    if (x0 < 0 || x0 + (window->width - 1) * window->dilation_x >= layer->in.width) {
        return 0;
    }
    for (int32_t ky = 0; ky < window->height; ky++) {
        if (rows[ky] == NULL) {
            return 0;
        }
    }
    return window->width == 1 || (layer->in.step == layer->in.channels && window->dilation_x == 1);
}

/* All output channels of one place; the input is `count` runs of `length` values. */
static void conv_place(const pose_conv_layer *layer, const int8_t *const *runs, int32_t count, int32_t length, int8_t *out)
{
    const int32_t whole = count * length, blocks = layer->out.channels / BLOCK * BLOCK;
    const int8_t *weights = layer->weights;
    for (int32_t c = 0; c < blocks; c += BLOCK, weights += BLOCK * whole) {
        int32_t sums[BLOCK];
        memcpy(sums, layer->bias + c, sizeof sums);
        for (int32_t k = 0; k < count; k++) {
            dot_block(runs[k], weights + (ptrdiff_t)k * length, length, whole, sums);
        }
        for (int32_t i = 0; i < BLOCK; i++) {
            out[c + i] = requantized(sums[i], c + i, &layer->scale);
        }
    }
    for (int32_t c = blocks; c < layer->out.channels; c++) {
        int32_t sum = layer->bias[c];
        for (int32_t k = 0; k < count; k++, weights += length) {
            sum += dot(runs[k], weights, length);
        }
        out[c] = requantized(sum, c, &layer->scale);
    }
}

void pose_conv_row(const pose_conv_layer *layer, const int8_t *const *rows, int8_t *out, int8_t *patch)
{
    const pose_window *window = &layer->window;
    const int32_t length = window->width * layer->in.channels;
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        const int32_t x0 = x * window->stride_x - window->pad_x;
        if (is_run(layer, rows, x0)) {
            const int8_t *runs[POSE_MAX_TAPS];
            for (int32_t ky = 0; ky < window->height; ky++) {
                runs[ky] = rows[ky] + (ptrdiff_t)x0 * layer->in.step;
            }
            conv_place(layer, runs, window->height, length, out);
        } else {
            const int8_t *const run = patch;
            gather_patch(layer, rows, x0, patch);
            conv_place(layer, &run, 1, window->height * length, out);
        }
    }
}

void pose_conv(const pose_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *patch)
{
    const int8_t *rows[POSE_MAX_TAPS];
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        window_rows(&layer->window, &layer->in, in, y, rows);
        pose_conv_row(layer, rows, out, patch);
    }
}

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

/* The mean of what of one channel lies under the window, halves away from zero. */
static int8_t window_mean(const pose_pool_layer *layer, const int8_t *const *rows, int32_t from, int32_t to, int32_t channel)
{
    int32_t sum = 0, count = 0;
    for (int32_t ky = 0; ky < layer->window.height; ky++) {
        for (int32_t column = from; rows[ky] != NULL && column < to; column++, count++) {
            sum += rows[ky][(ptrdiff_t)column * layer->in.step + channel];
        }
    }
    const int32_t mean = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
    return (int8_t)clamp(mean, layer->low, layer->high);
}

void pose_average_pool_row(const pose_pool_layer *layer, const int8_t *const *rows, int8_t *out)
{
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        int32_t from, to;
        inside_columns(layer, x * layer->window.stride_x - layer->window.pad_x, &from, &to);
        for (int32_t c = 0; c < layer->out.channels; c++) {
            out[c] = window_mean(layer, rows, from, to, c);
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
