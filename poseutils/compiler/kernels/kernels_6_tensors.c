
/* ------------------------------------------------ MEAN, SUM, REDUCE_MAX, REDUCE_MIN */

/* The next of four indices; false after the last. */
static int next_of_four(const int32_t *size, int32_t *index)
{
    for (int32_t d = 3; d >= 0; d--) {
        if (++index[d] < size[d]) {
            return 1;
        }
        index[d] = 0;
    }
    return 0;
}

static ptrdiff_t place_of_four(const int32_t *stride, const int32_t *index)
{
    return (ptrdiff_t)index[0] * stride[0] + (ptrdiff_t)index[1] * stride[1] +
           (ptrdiff_t)index[2] * stride[2] + (ptrdiff_t)index[3] * stride[3];
}

static int32_t reduced(const pose_reduce_layer *layer, const int8_t *in)
{
    int32_t index[4] = {0, 0, 0, 0};
    int32_t sum = 0, least = INT8_MAX, most = INT8_MIN;
    do {
        const int32_t value = in[place_of_four(layer->apart, index)];
        sum += value - layer->in_zero;
        least = value < least ? value : least;
        most = value > most ? value : most;
    } while (next_of_four(layer->length, index));
    switch (layer->what) {
    case POSE_REDUCE_MAX: return most;
    case POSE_REDUCE_MIN: return least;
    default: break;
    }
    return (layer->even ? pose_multiply_even(sum, layer->multiplier, layer->shift)
                        : pose_multiply(sum, layer->multiplier, layer->shift)) +
           layer->zero;
}

void pose_reduce(const pose_reduce_layer *layer, const int8_t *in, int8_t *out)
{
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int32_t value = reduced(layer, in + place_of_four(layer->in, index));
        out[place_of_four(layer->out, index)] = (int8_t)clamp(value, INT8_MIN, INT8_MAX);
    } while (next_of_four(layer->size, index));
}

/* ------------------------------------------------ MAXIMUM, MINIMUM, PRELU of any slopes */

void pose_maximum(const pose_grid *grid, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int8_t left = a[place_of_four(grid->a, index)],
                     right = b[place_of_four(grid->b, index)];
        out[place_of_four(grid->out, index)] = left > right ? left : right;
    } while (next_of_four(grid->size, index));
}

void pose_minimum(const pose_grid *grid, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int8_t left = a[place_of_four(grid->a, index)],
                     right = b[place_of_four(grid->b, index)];
        out[place_of_four(grid->out, index)] = left < right ? left : right;
    } while (next_of_four(grid->size, index));
}

void pose_prelu_grid(const pose_prelu_grid_layer *layer, const int8_t *in, const int8_t *slopes,
                     int8_t *out)
{
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int32_t x = in[place_of_four(layer->grid.a, index)] - layer->in_zero;
        const int32_t slope = slopes[place_of_four(layer->grid.b, index)] - layer->slope_zero;
        const int32_t y =
            x >= 0 ? pose_multiply(x, layer->positive_multiplier, layer->positive_shift)
                   : pose_multiply(x * slope, layer->negative_multiplier, layer->negative_shift);
        out[place_of_four(layer->grid.out, index)] =
            (int8_t)clamp(y + layer->zero, INT8_MIN, INT8_MAX);
    } while (next_of_four(layer->grid.size, index));
}

/* ---------------------------------------------------------------- BATCH_MATMUL */

static int8_t product_value(const pose_matmul_layer *layer, const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < layer->depth; k++, a += layer->a_along, b += layer->b_along) {
        sum += (*a - layer->a_zero) * (*b - layer->b_zero);
    }
    const int32_t value = layer->even ? pose_multiply_even(sum, layer->multiplier, layer->shift)
                                      : pose_multiply(sum, layer->multiplier, layer->shift);
    return (int8_t)clamp(value + layer->zero, INT8_MIN, INT8_MAX);
}

/* The grid's last two dimensions are rows and columns of the result. */
void pose_matmul(const pose_matmul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[4] = {0, 0, 0, 0};
    do {
        out[place_of_four(grid->out, index)] = product_value(
            layer, a + place_of_four(grid->a, index), b + place_of_four(grid->b, index));
    } while (next_of_four(grid->size, index));
}
