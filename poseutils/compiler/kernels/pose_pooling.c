/* MAX_POOL_2D and AVERAGE_POOL_2D. */
#include "pose_arithmetic.h"

/* What of a window lies inside of the image: its first row and column, and how many of each. */
typedef struct {
    const int8_t *in;
    int32_t row, column, rows, columns;
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
    const pose_inside inside = {in, first_row, first_column, last_row - first_row,
                                last_column - first_column};
    return inside;
}

/* The first values of a row of the window. */
static const int8_t *row_inside(const pose_pool_layer *layer, const pose_inside *inside,
                                int32_t row)
{
    return image_row(&layer->in, inside->in, inside->row + row) +
           (ptrdiff_t)inside->column * layer->in.step;
}

static void max_pool_place(const pose_pool_layer *layer, const pose_inside *inside, int8_t *out)
{
    memset(out, INT8_MIN, (size_t)layer->out.channels);
    for (int32_t row = 0; row < inside->rows; row++) {
        const int8_t *values = row_inside(layer, inside, row);
        for (int32_t column = 0; column < inside->columns; column++, values += layer->in.step) {
            for (int32_t c = 0; c < layer->out.channels; c++) {
                out[c] = values[c] > out[c] ? values[c] : out[c];
            }
        }
    }
    for (int32_t c = 0; c < layer->out.channels; c++) {
        out[c] = (int8_t)clamp(out[c], layer->low, layer->high);
    }
}

void pose_max_pool_row(const pose_pool_layer *layer, int32_t y, const int8_t *in, int8_t *out)
{
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        const pose_inside inside = window_inside(layer, in, y, x);
        max_pool_place(layer, &inside, out);
    }
}

void pose_max_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        pose_max_pool_row(layer, y, in, out);
    }
}

/* The means of `count` channels from `first`; halves away from zero. */
static void window_means(const pose_pool_layer *layer, const pose_inside *inside, int32_t first,
                         int32_t count, int8_t *out)
{
    int32_t sums[TILE] = {0};
    const int32_t taps = inside->rows * inside->columns;
    for (int32_t row = 0; row < inside->rows; row++) {
        const int8_t *values = row_inside(layer, inside, row) + first;
        for (int32_t column = 0; column < inside->columns; column++, values += layer->in.step) {
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

void pose_average_pool_row(const pose_pool_layer *layer, int32_t y, const int8_t *in, int8_t *out)
{
    for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
        const pose_inside inside = window_inside(layer, in, y, x);
        for (int32_t first = 0; first < layer->out.channels; first += TILE) {
            const int32_t left = layer->out.channels - first;
            window_means(layer, &inside, first, left < TILE ? left : TILE, out + first);
        }
    }
}

void pose_average_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++, out += row_bytes(&layer->out)) {
        pose_average_pool_row(layer, y, in, out);
    }
}
