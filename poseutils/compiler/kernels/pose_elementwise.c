/* ADD, SUB, MUL and SQUARED_DIFFERENCE of 8-bit values. */
#include "pose_grid.h"

/* Both operands in their common scale. */
static int32_t sum_of_two(const pose_add_layer *layer, int32_t a, int32_t b)
{
    const int32_t left =
        scaled((a - layer->a_zero) * (1 << 20), layer->a_multiplier, layer->a_shift);
    const int32_t right =
        scaled((b - layer->b_zero) * (1 << 20), layer->b_multiplier, layer->b_shift);
    return left + layer->b_sign * right;
}

static int8_t add_one(const pose_add_layer *layer, int32_t a, int32_t b, int32_t even)
{
    const int32_t sum = sum_of_two(layer, a, b);
    const int32_t value = even ? multiply_even(sum, layer->multiplier, layer->shift)
                               : scaled(sum, layer->multiplier, layer->shift);
    return (int8_t)clamp(value + layer->zero, layer->low, layer->high);
}

/* The values of a run from the i-th on. */
static void add_run(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                    int32_t i)
{
    const int32_t count = layer->grid.size[3], a_step = layer->grid.a[3], b_step = layer->grid.b[3];
    const int32_t out_step = layer->grid.out[3];
    for (; layer->even && i < count; i++) {
        out[i * out_step] = add_one(layer, a[i * a_step], b[i * b_step], 1);
    }
    for (; i < count; i++) {
        out[i * out_step] = add_one(layer, a[i * a_step], b[i * b_step], 0);
    }
}

void pose_add(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *const grid = &layer->grid;
    const int32_t count = grid->size[3];
    const int vectors = !layer->even && grid->a[3] == 1 && grid->b[3] == 1 && grid->out[3] == 1;
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int8_t *const x = a + grid_place(grid->a, index), *const y =
                                                                    b + grid_place(grid->b, index);
        int8_t *const to = out + grid_place(grid->out, index);
        add_run(layer, x, y, to, vectors ? pose_add_vectors(layer, x, y, to, count) : 0);
    } while (grid_next(grid->size, index, 3));
}

static int8_t squared_difference_one(const pose_add_layer *layer, int32_t a, int32_t b)
{
    const int32_t left =
        multiply((a - layer->a_zero) * (1 << 7), layer->a_multiplier, layer->a_shift);
    const int32_t right =
        multiply((b - layer->b_zero) * (1 << 7), layer->b_multiplier, layer->b_shift);
    const int32_t square =
        multiply((left - right) * (left - right), layer->multiplier, layer->shift);
    return (int8_t)clamp(square + layer->zero, layer->low, layer->high);
}

void pose_squared_difference(const pose_add_layer *layer, const int8_t *a, const int8_t *b,
                             int8_t *out)
{
    const pose_grid *const grid = &layer->grid;
    int32_t index[4] = {0, 0, 0, 0};
    do {
        out[grid_place(grid->out, index)] = squared_difference_one(
            layer, a[grid_place(grid->a, index)], b[grid_place(grid->b, index)]);
    } while (grid_next(grid->size, index, 4));
}

static int8_t mul_one(const pose_mul_layer *layer, int32_t a, int32_t b, int32_t even)
{
    const int32_t product = (a - layer->a_zero) * (b - layer->b_zero);
    const int32_t value = even ? multiply_even(product, layer->multiplier, layer->shift)
                               : scaled(product, layer->multiplier, layer->shift);
    return (int8_t)clamp(value + layer->zero, layer->low, layer->high);
}

/* The values of a run from the i-th on. */
static void mul_run(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                    int32_t i)
{
    const int32_t count = layer->grid.size[3], a_step = layer->grid.a[3], b_step = layer->grid.b[3];
    const int32_t out_step = layer->grid.out[3];
    for (; layer->even && i < count; i++) {
        out[i * out_step] = mul_one(layer, a[i * a_step], b[i * b_step], 1);
    }
    for (; i < count; i++) {
        out[i * out_step] = mul_one(layer, a[i * a_step], b[i * b_step], 0);
    }
}

void pose_mul(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *const grid = &layer->grid;
    const int32_t count = grid->size[3];
    const int vectors = !layer->even && grid->a[3] == 1 && grid->b[3] == 1 && grid->out[3] == 1;
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int8_t *const x = a + grid_place(grid->a, index), *const y =
                                                                    b + grid_place(grid->b, index);
        int8_t *const to = out + grid_place(grid->out, index);
        mul_run(layer, x, y, to, vectors ? pose_mul_vectors(layer, x, y, to, count) : 0);
    } while (grid_next(grid->size, index, 3));
}
