/* FULLY_CONNECTED and BATCH_MATMUL. */
#include "pose_grid.h"

/*
 * Products of (x - in_zero) and (w - weight_zero) are those of x and w, and what hangs on either
 * alone: this is the part of each output's weights.
 */
static void weight_parts(const pose_dense_layer *layer, const int8_t *weights, int32_t count,
                         int32_t *parts)
{
    const int32_t both = layer->inputs * layer->in_zero * layer->weight_zero;
    for (int32_t c = 0; c < count; c++, weights += layer->weight_step) {
        parts[c] = both - layer->in_zero * pose_sum(weights, layer->inputs);
    }
}

static void add_parts(int32_t *sums, const int32_t *parts, int32_t count, int32_t input_part)
{
    for (int32_t c = 0; c < count; c++) {
        sums[c] += parts[c] - input_part;
    }
}

/* The outputs from `first` on, of their sums. */
static void dense_results(const pose_dense_layer *layer, const int32_t *sums, int32_t first,
                          int32_t count, int8_t *out)
{
    if (layer->scale.even) {
        pose_requantize_even(sums, layer->bias, &layer->scale, first, count, 1, out, 0);
    } else {
        pose_requantize_once(sums, layer->bias, &layer->scale, first, count, out);
    }
}

void pose_dense(const pose_dense_layer *layer, const int8_t *in, const int8_t *weights, int8_t *out)
{
    const int zeros = layer->in_zero != 0 || layer->weight_zero != 0;
    int32_t sums[TILE], parts[TILE];
    for (int32_t first = 0; first < layer->outputs; first += TILE) {
        const int32_t left = layer->outputs - first, count = left < TILE ? left : TILE;
        const int8_t *const own = weights + (ptrdiff_t)first * layer->weight_step, *x = in;
        if (zeros) {
            weight_parts(layer, own, count, parts);
        }
        for (int32_t row = 0; row < layer->rows; row++, x += layer->inputs) {
            pose_dot_rows(x, own, layer->inputs, layer->weight_step, count, sums);
            if (zeros) {
                add_parts(sums, parts, count, layer->weight_zero * pose_sum(x, layer->inputs));
            }
            dense_results(layer, sums, first, count, out + row * layer->outputs + first);
        }
    }
}

void pose_dense_few(const pose_dense_layer *layer, const int8_t *in, const int32_t *pairs,
                    int8_t *out)
{
    int32_t sums[TILE];
    for (int32_t row = 0; row < layer->rows; row++, in += layer->inputs, out += layer->outputs) {
        for (int32_t c = 0; c < layer->outputs; c++) {
            sums[c] = pose_dot_pairs(in, pairs + c * layer->weight_step, layer->inputs);
        }
        dense_results(layer, sums, 0, layer->outputs, out);
    }
}

static int8_t product_value(const pose_matmul_layer *layer, const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < layer->depth; k++, a += layer->a_along, b += layer->b_along) {
        sum += (*a - layer->a_zero) * (*b - layer->b_zero);
    }
    return in_8_bits(multiply_rounded(sum, layer->multiplier, layer->shift, layer->even) +
                     layer->zero);
}

/* The grid's last two dimensions are rows and columns of the result. */
void pose_matmul(const pose_matmul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[4] = {0, 0, 0, 0};
    do {
        out[grid_place(grid->out, index)] =
            product_value(layer, a + grid_place(grid->a, index), b + grid_place(grid->b, index));
    } while (grid_next(grid->size, index, 4));
}
