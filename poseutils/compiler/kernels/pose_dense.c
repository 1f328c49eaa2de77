/* FULLY_CONNECTED and BATCH_MATMUL. */
#include "pose_grid.h"

/* sums[c] of `count` outputs without biases, of two computed tensors, each with its zero point. */
static void dense_sums(const pose_dense_layer *layer, const int8_t *x, const int8_t *weights,
                       int32_t count, int32_t *sums)
{
    for (int32_t c = 0; c < count; c++, weights += layer->weight_step) {
        sums[c] = 0;
        for (int32_t i = 0; i < layer->inputs; i++) {
            sums[c] += (x[i] - layer->in_zero) * (weights[i] - layer->weight_zero);
        }
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
    int32_t sums[TILE];
    for (int32_t row = 0; row < layer->rows; row++, in += layer->inputs, out += layer->outputs) {
        for (int32_t first = 0; first < layer->outputs; first += TILE) {
            const int32_t left = layer->outputs - first, count = left < TILE ? left : TILE;
            const int8_t *const own = weights + (ptrdiff_t)first * layer->weight_step;
            if (zeros) {
                dense_sums(layer, in, own, count, sums);
            } else {
                pose_dot_rows(in, own, layer->inputs, layer->weight_step, count, sums);
            }
            dense_results(layer, sums, first, count, out + first);
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
