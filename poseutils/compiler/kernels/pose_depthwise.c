/* DEPTHWISE_CONV_2D. */
#include "pose_arithmetic.h"

/* What of the window at column x0 lies inside of the image. Returns how many taps. */
static int32_t find_taps(const pose_depthwise_layer *layer, const int8_t *const *rows, int32_t x0,
                         pose_tap *taps)
{
    const int32_t width = layer->window.width, dilation = layer->window.dilation_x,
                  channels = layer->out.channels;
    const int32_t apart = dilation * layer->in.step;
    pose_tap *next = taps;
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
    return (int32_t)(next - taps);
}

/* Whatever the channels and the window, whose first column is x0. */
static void sums_of_any(const pose_depthwise_layer *layer, const int8_t *const *rows, int32_t x0,
                        int32_t first, int32_t count, int32_t *sums)
{
    const pose_window *window = &layer->window;
    memset(sums, 0, (size_t)count * sizeof sums[0]);
    for (int32_t ky = 0; ky < window->height; ky++) {
        for (int32_t kx = 0; rows[ky] != NULL && kx < window->width; kx++) {
            const int32_t x = x0 + kx * window->dilation_x, tap = ky * window->width + kx;
            const int8_t *const weights =
                layer->weights + (ptrdiff_t)tap * layer->out.channels + first;
            if (x >= 0 && x < layer->in.width) {
                const int8_t *const values = rows[ky] + (ptrdiff_t)x * layer->in.step;
                for (int32_t i = 0; i < count; i++) {
                    const int32_t channel = (first + i) / layer->multiplier;
                    sums[i] += weights[i] * (values[channel] - layer->in_zero);
                }
            }
        }
    }
}

/* All channels of up to PLACES places, the window of the first at column x0. */
static NOT_INLINE void depthwise_places(const pose_depthwise_layer *layer,
                                        const int8_t *const *rows, int32_t x0, int32_t places,
                                        int8_t *out)
{
    const int32_t channels = layer->out.channels, stride = layer->window.stride_x;
    const int listed =
        layer->multiplier == 1 && layer->window.height * layer->window.width <= MAX_INSIDE;
    pose_tap taps[PLACES][MAX_INSIDE];
    int32_t inside[PLACES];
    for (int32_t i = 0; i < places && listed; i++) {
        inside[i] = find_taps(layer, rows, x0 + i * stride, taps[i]);
    }
    for (int32_t first = 0; first < channels; first += TILE) {
        const int32_t count = channels - first < TILE ? channels - first : TILE;
        int32_t sums[PLACES * TILE];
        for (int32_t i = 0; i < places; i++) {
            int32_t *const own = sums + i * TILE;
            if (!listed ||
                !pose_depthwise_sums(taps[i], inside[i], layer->in_zero, first, count, own)) {
                sums_of_any(layer, rows, x0 + i * stride, first, count, own);
            }
        }
        pose_requantize_sums(sums, layer->bias, &layer->scale, first, count, places, out + first,
                             layer->out.step);
    }
}

void pose_depthwise_row(const pose_depthwise_layer *layer, int32_t y, const int8_t *in, int8_t *out)
{
    const int8_t *rows[POSE_MAX_TAPS];
    window_rows(&layer->window, &layer->in, in, y, rows);
    for (int32_t x = 0; x < layer->out.width; x += PLACES, out += PLACES * layer->out.step) {
        const int32_t places = layer->out.width - x < PLACES ? layer->out.width - x : PLACES;
        depthwise_places(layer, rows, x * layer->window.stride_x - layer->window.pad_x, places,
                         out);
    }
}

void pose_depthwise(const pose_depthwise_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        pose_depthwise_row(layer, y, in, out);
    }
}
