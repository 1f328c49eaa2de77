
/* ---------------------------------------------------------------- a value at a time */

#if POSE_MVE
static void look_up(const int8_t *table, const uint8_t *values, int32_t count, int8_t *out)
{
    for (; count >= 16; count -= 16, values += 16, out += 16) {
        vstrbq_s8(out, vldrbq_gather_offset_s8(table, vldrbq_u8(values)));
    }
    if (count > 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)count);
        vstrbq_p_s8(out, vldrbq_gather_offset_z_s8(table, vldrbq_z_u8(values, rest), rest), rest);
    }
}
#else
static void look_up(const int8_t *table, const uint8_t *values, int32_t count, int8_t *out)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = table[values[i]];
    }
}
#endif

void pose_table(const pose_rows *rows, const int8_t *table, const void *in, int8_t *out)
{
    const uint8_t *values = in;
    for (int32_t row = 0; row < rows->rows; row++, values += rows->in_step, out += rows->out_step) {
        look_up(table, values, rows->channels, out);
    }
}

void pose_channel_table(const pose_rows *rows, const int8_t *tables, const void *in, int8_t *out)
{
    const uint8_t *values = in;
    for (int32_t row = 0; row < rows->rows; row++, values += rows->in_step, out += rows->out_step) {
        const int8_t *table = tables;
        for (int32_t c = 0; c < rows->channels; c++, table += 256) {
            out[c] = table[values[c]];
        }
    }
}

void pose_float_table(const pose_rows *rows, const float *table, const void *in, float *out)
{
    const uint8_t *values = in;
    for (int32_t row = 0; row < rows->rows; row++, values += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            out[c] = table[values[c]];
        }
    }
}

void pose_prelu(const pose_prelu_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++, in += layer->in_step, out += layer->out_step) {
        for (int32_t c = 0; c < layer->channels; c++) {
            const int32_t x = in[c] - layer->in_zero;
            const int32_t y =
                x >= 0 ? pose_multiply(x, layer->positive_multiplier, layer->positive_shift)
                       : pose_multiply(x * (layer->slopes[c] - layer->slope_zero),
                                       layer->negative_multiplier, layer->negative_shift);
            out[c] = (int8_t)clamp(y + layer->zero, INT8_MIN, INT8_MAX);
        }
    }
}

void pose_prelu_between(const pose_prelu_between_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++, in += layer->in_step, out += layer->out_step) {
        for (int32_t c = 0; c < layer->channels; c++) {
            int8_t y = layer->first[(uint8_t)in[c]];
            if (in[c] < layer->in_zero) {
                const int32_t product =
                    (y - layer->first_zero) * (layer->slopes[c] - layer->slope_zero);
                const int32_t rounded =
                    pose_multiply(product, layer->multiplier, layer->shift) + layer->second_zero;
                y = layer->second[(uint8_t)clamp(rounded, INT8_MIN, INT8_MAX)];
            }
            out[c] = y;
        }
    }
}

/* From the first value to the last, because four bytes in become one byte out: in place, the output
 * never overtakes the input. */
void pose_quantize(const pose_rows *rows, float scale, int32_t zero, const float *in, int8_t *out)
{
    for (int32_t row = 0; row < rows->rows; row++, in += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            const float steps = roundf(in[c] / scale);
            const int32_t q = steps >= 1024.0f ? 1024 : steps >= -1024.0f ? (int32_t)steps : -1024;
            out[c] = (int8_t)clamp(q + zero, INT8_MIN, INT8_MAX);
        }
    }
}

void pose_dequantize(const pose_rows *rows, float scale, int32_t zero, const int8_t *in, float *out)
{
    for (int32_t row = 0; row < rows->rows; row++, in += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            out[c] = scale * (float)(in[c] - zero);
        }
    }
}

void pose_int32_to_float(int32_t count, const int32_t *in, float *out)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = (float)in[i];
    }
}

/* ---------------------------------------------------------------- two operands */

/* Where the innermost run of a grid starts in an operand: the sum of the outer three indices times
 * their strides. */
static ptrdiff_t grid_start(const int32_t *stride, const int32_t *index)
{
    return (ptrdiff_t)index[0] * stride[0] + (ptrdiff_t)index[1] * stride[1] +
           (ptrdiff_t)index[2] * stride[2];
}

/* The next of the outer three indices; false after the last. */
static int grid_next(const pose_grid *grid, int32_t *index)
{
    for (int32_t d = 2; d >= 0; d--) {
        if (++index[d] < grid->size[d]) {
            return 1;
        }
        index[d] = 0;
    }
    return 0;
}

/* Both operands in their common scale. */
static int32_t sum_of_two(const pose_add_layer *layer, int32_t a, int32_t b)
{
    const int32_t left =
        scaled((a - layer->a_zero) * (1 << 20), layer->a_multiplier, layer->a_shift);
    const int32_t right =
        scaled((b - layer->b_zero) * (1 << 20), layer->b_multiplier, layer->b_shift);
    return left + layer->b_sign * right;
}

static int8_t add_one(const pose_add_layer *layer, int32_t a, int32_t b)
{
    const int32_t sum = scaled(sum_of_two(layer, a, b), layer->multiplier, layer->shift);
    return (int8_t)clamp(sum + layer->zero, layer->low, layer->high);
}

static int8_t add_even(const pose_add_layer *layer, int32_t a, int32_t b)
{
    const int32_t sum =
        pose_multiply_even(sum_of_two(layer, a, b), layer->multiplier, layer->shift);
    return (int8_t)clamp(sum + layer->zero, layer->low, layer->high);
}

#ifdef LANES
/* Values side by side, as many at a time as a vector has. Returns how many are done. */
static int32_t add_vectors(const pose_add_layer *layer, const int8_t *a, const int8_t *b,
                           int8_t *out, int32_t count)
{
    for (int32_t i = 0; i + LANES <= count; i += LANES) {
        const lanes x = raised(load_lanes(a + i, layer->a_zero)),
                    y = raised(load_lanes(b + i, layer->b_zero));
        const lanes left =
            multiply_lanes(x, all_lanes(layer->a_multiplier), all_lanes(layer->a_shift));
        const lanes right =
            multiply_lanes(y, all_lanes(layer->b_multiplier), all_lanes(layer->b_shift));
        const lanes both = add_times(left, right, layer->b_sign);
        const lanes sum =
            multiply_lanes(both, all_lanes(layer->multiplier), all_lanes(layer->shift));
        store_lanes(out + i, sum, layer->zero, layer->low, layer->high);
    }
    return count & -LANES;
}
#endif

static void add_run(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    const int32_t count = grid->size[3], a_step = grid->a[3], b_step = grid->b[3],
                  out_step = grid->out[3];
    int32_t i = 0;
    for (; layer->even && i < count; i++) {
        out[i * out_step] = add_even(layer, a[i * a_step], b[i * b_step]);
    }
#ifdef LANES
    if (!layer->even && a_step == 1 && b_step == 1 && out_step == 1) {
        i = add_vectors(layer, a, b, out, count);
    }
#endif
    for (; i < count; i++) {
        out[i * out_step] = add_one(layer, a[i * a_step], b[i * b_step]);
    }
}

void pose_add(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[3] = {0, 0, 0};
    do {
        add_run(layer, a + grid_start(grid->a, index), b + grid_start(grid->b, index),
                out + grid_start(grid->out, index));
    } while (grid_next(grid, index));
}

static int8_t squared_difference_one(const pose_add_layer *layer, int32_t a, int32_t b)
{
    const int32_t left =
        pose_multiply((a - layer->a_zero) * (1 << 7), layer->a_multiplier, layer->a_shift);
    const int32_t right =
        pose_multiply((b - layer->b_zero) * (1 << 7), layer->b_multiplier, layer->b_shift);
    const int32_t square =
        pose_multiply((left - right) * (left - right), layer->multiplier, layer->shift);
    return (int8_t)clamp(square + layer->zero, layer->low, layer->high);
}

void pose_squared_difference(const pose_add_layer *layer, const int8_t *a, const int8_t *b,
                             int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[3] = {0, 0, 0};
    do {
        const int8_t *x = a + grid_start(grid->a, index), *y = b + grid_start(grid->b, index);
        int8_t *to = out + grid_start(grid->out, index);
        for (int32_t i = 0; i < grid->size[3]; i++) {
            to[i * grid->out[3]] =
                squared_difference_one(layer, x[i * grid->a[3]], y[i * grid->b[3]]);
        }
    } while (grid_next(grid, index));
}

static int8_t mul_one(const pose_mul_layer *layer, int32_t a, int32_t b)
{
    const int32_t product =
        scaled((a - layer->a_zero) * (b - layer->b_zero), layer->multiplier, layer->shift);
    return (int8_t)clamp(product + layer->zero, layer->low, layer->high);
}

static int8_t mul_even(const pose_mul_layer *layer, int32_t a, int32_t b)
{
    const int32_t product = pose_multiply_even((a - layer->a_zero) * (b - layer->b_zero),
                                               layer->multiplier, layer->shift);
    return (int8_t)clamp(product + layer->zero, layer->low, layer->high);
}

#ifdef LANES
/* Values side by side, as many at a time as a vector has. Returns how many are done. */
static int32_t mul_vectors(const pose_mul_layer *layer, const int8_t *a, const int8_t *b,
                           int8_t *out, int32_t count)
{
    for (int32_t i = 0; i + LANES <= count; i += LANES) {
        const lanes x = times(load_lanes(a + i, layer->a_zero), load_lanes(b + i, layer->b_zero));
        const lanes product =
            multiply_lanes(x, all_lanes(layer->multiplier), all_lanes(layer->shift));
        store_lanes(out + i, product, layer->zero, layer->low, layer->high);
    }
    return count & -LANES;
}
#endif

static void mul_run(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    const int32_t count = grid->size[3], a_step = grid->a[3], b_step = grid->b[3],
                  out_step = grid->out[3];
    int32_t i = 0;
    for (; layer->even && i < count; i++) {
        out[i * out_step] = mul_even(layer, a[i * a_step], b[i * b_step]);
    }
#ifdef LANES
    if (!layer->even && a_step == 1 && b_step == 1 && out_step == 1) {
        i = mul_vectors(layer, a, b, out, count);
    }
#endif
    for (; i < count; i++) {
        out[i * out_step] = mul_one(layer, a[i * a_step], b[i * b_step]);
    }
}

void pose_mul(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[3] = {0, 0, 0};
    do {
        mul_run(layer, a + grid_start(grid->a, index), b + grid_start(grid->b, index),
                out + grid_start(grid->out, index));
    } while (grid_next(grid, index));
}

/* Rounded towards minus infinity. */
static int32_t floor_quotient(int32_t a, int32_t b)
{
    const int32_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

static int32_t int32_result(pose_arithmetic what, int32_t a, int32_t b)
{
    switch (what) {
    case POSE_ADD: return a + b;
    case POSE_SUB: return a - b;
    case POSE_MUL: return a * b;
    default: return floor_quotient(a, b);
    }
}

void pose_int32(pose_arithmetic what, const pose_grid *grid, const int32_t *a, const int32_t *b,
                int32_t *out)
{
    int32_t index[3] = {0, 0, 0};
    do {
        const ptrdiff_t at = grid_start(grid->a, index), bt = grid_start(grid->b, index),
                        ot = grid_start(grid->out, index);
        for (int32_t i = 0; i < grid->size[3]; i++) {
            out[ot + i * grid->out[3]] =
                int32_result(what, a[at + i * grid->a[3]], b[bt + i * grid->b[3]]);
        }
    } while (grid_next(grid, index));
}

static float float_result(pose_arithmetic what, float a, float b)
{
    switch (what) {
    case POSE_ADD: return a + b;
    case POSE_SUB: return a - b;
    case POSE_MUL: return a * b;
    default: return a / b;
    }
}

void pose_float(pose_arithmetic what, const pose_grid *grid, const float *a, const float *b,
                float *out)
{
    int32_t index[3] = {0, 0, 0};
    do {
        const ptrdiff_t at = grid_start(grid->a, index), bt = grid_start(grid->b, index),
                        ot = grid_start(grid->out, index);
        for (int32_t i = 0; i < grid->size[3]; i++) {
            out[ot + i * grid->out[3]] =
                float_result(what, a[at + i * grid->a[3]], b[bt + i * grid->b[3]]);
        }
    } while (grid_next(grid, index));
}
