/* MAX_POOL_2D and AVERAGE_POOL_2D. */
#include "pose_arithmetic.h"

/* What of a window lies inside of the image: its first values, and how many rows and columns. */
typedef struct {
    const int8_t *first;
    int32_t rows, columns;
} pose_inside;

static pose_inside window_inside(const pose_pool_layer *layer, const int8_t *in, int32_t y,
                                 int32_t x)
{
    const pose_window *window = &layer->window;
    const int32_t top = y * window->stride_y - window->pad_y,
                  left = x * window->stride_x - window->pad_x;
    const int32_t first_row = top < 0 ? 0 : top, first_column = left < 0 ? 0 : left;
    const int32_t last_row =
        top + window->height < layer->in.height ? top + window->height : layer->in.height;
    const int32_t last_column =
        left + window->width < layer->in.width ? left + window->width : layer->in.width;
    const ptrdiff_t place = (ptrdiff_t)first_row * layer->in.width + first_column;
    const pose_inside inside = {in + place * layer->in.step, last_row - first_row,
                                last_column - first_column};
    return inside;
}

static const int8_t *values_inside(const pose_pool_layer *layer, const pose_inside *inside,
                                   int32_t row, int32_t column)
{
    return inside->first + ((ptrdiff_t)row * layer->in.width + column) * layer->in.step;
}

static void max_pool_place(const pose_pool_layer *layer, const pose_inside *inside, int8_t *out)
{
    memset(out, INT8_MIN, (size_t)layer->out.channels);
    for (int32_t row = 0; row < inside->rows; row++) {
        for (int32_t column = 0; column < inside->columns; column++) {
            const int8_t *values = values_inside(layer, inside, row, column);
            for (int32_t c = 0; c < layer->out.channels; c++) {
                out[c] = values[c] > out[c] ? values[c] : out[c];
            }
        }
    }
    for (int32_t c = 0; c < layer->out.channels; c++) {
        out[c] = (int8_t)clamp(out[c], layer->low, layer->high);
    }
}

void pose_max_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++) {
        for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
            const pose_inside inside = window_inside(layer, in, y, x);
            max_pool_place(layer, &inside, out);
        }
    }
}

/* The means of `count` channels from `first`; halves away from zero. */
static void window_means(const pose_pool_layer *layer, const pose_inside *inside, int32_t first,
                         int32_t count, int8_t *out)
{
    int32_t sums[TILE] = {0};
    const int32_t taps = inside->rows * inside->columns;
    for (int32_t row = 0; row < inside->rows; row++) {
        for (int32_t column = 0; column < inside->columns; column++) {
            const int8_t *values = values_inside(layer, inside, row, column) + first;
            for (int32_t i = 0; i < count; i++) {
                sums[i] += values[i];
            }
        }
    }
    for (int32_t i = 0; i < count; i++) {
        const int32_t mean =
            sums[i] > 0 ? (sums[i] + taps / 2) / taps : (sums[i] - taps / 2) / taps;
        out[i] = (int8_t)clamp(mean, layer->low, layer->high);
    }
}

void pose_average_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++) {
        for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
            const pose_inside inside = window_inside(layer, in, y, x);
            for (int32_t first = 0; first < layer->out.channels; first += TILE) {
                const int32_t count =
                    layer->out.channels - first < TILE ? layer->out.channels - first : TILE;
                window_means(layer, &inside, first, count, out + first);
            }
        }
    }
}
