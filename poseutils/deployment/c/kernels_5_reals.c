
/* ---------------------------------------------------------------- QDQ networks: tables, and scales that are floats */

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

/* From the first value to the last, as pose_quantize. */
void pose_quantize_even(const pose_rows *rows, float scale, int32_t zero, const float *in, int8_t *out)
{
    for (int32_t row = 0; row < rows->rows; row++, in += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            const float steps = in[c] == in[c] ? in[c] / scale : 0.0f; /* what is not a number becomes zero */
            out[c] = (int8_t)rounded_even(steps, zero, INT8_MIN, INT8_MAX);
        }
    }
}

static void real_run(const pose_real_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    for (int32_t i = 0; i < grid->size[3]; i++, a += grid->a[3], b += grid->b[3], out += grid->out[3]) {
        const float left = layer->a_scale * (float)(*a - layer->a_zero), right = layer->b_scale * (float)(*b - layer->b_zero);
        *out = (int8_t)rounded_even(float_result(layer->what, left, right) / layer->scale, layer->zero, layer->low, layer->high);
    }
}

void pose_real(const pose_real_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[3] = {0, 0, 0};
    do {
        real_run(layer, a + grid_start(grid->a, index), b + grid_start(grid->b, index), out + grid_start(grid->out, index));
    } while (grid_next(grid, index));
}

static float linear_result(const pose_linear_layer *layer, float a, float b)
{
    return layer->what == POSE_ADD ? fmaf(layer->a_scale, a, fmaf(layer->b_scale, b, layer->offset)) : a * b * layer->a_scale + layer->offset;
}

static void linear_run(const pose_linear_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    for (int32_t i = 0; i < grid->size[3]; i++, a += grid->a[3], b += grid->b[3], out += grid->out[3]) {
        const float result = linear_result(layer, (float)(*a - layer->a_zero), (float)(*b - layer->b_zero));
        *out = (int8_t)rounded_even(result, layer->zero, layer->low, layer->high);
    }
}

void pose_linear(const pose_linear_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const pose_grid *grid = &layer->grid;
    int32_t index[3] = {0, 0, 0};
    do {
        linear_run(layer, a + grid_start(grid->a, index), b + grid_start(grid->b, index), out + grid_start(grid->out, index));
    } while (grid_next(grid, index));
}

static float real_between(const pose_resize_real_layer *layer, const int8_t *const *corners, int32_t c, const float *shares)
{
    float sum = 0.0f;
    for (int32_t i = 0; i < 4; i++) {
        sum += shares[i] * (layer->in_scale * (float)(corners[i][c] - layer->in_zero));
    }
    return sum;
}

void pose_resize_real(const pose_resize_real_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t y = 0; y < layer->out.height; y++) {
        const int8_t *const upper = image_row(&layer->in, in, layer->first_y[y]), *const lower = image_row(&layer->in, in, layer->second_y[y]);
        const float before = layer->before_y[y], after = layer->after_y[y];
        for (int32_t x = 0; x < layer->out.width; x++, out += layer->out.step) {
            const ptrdiff_t left = (ptrdiff_t)layer->first_x[x] * layer->in.step, right = (ptrdiff_t)layer->second_x[x] * layer->in.step;
            const int8_t *const corners[4] = {upper + left, upper + right, lower + left, lower + right};
            const float shares[4] = {layer->before_x[x] * before, layer->after_x[x] * before, layer->before_x[x] * after,
                                     layer->after_x[x] * after};
            for (int32_t c = 0; c < layer->out.channels; c++) {
                const float steps = real_between(layer, corners, c, shares) / layer->scale;
                out[c] = (int8_t)rounded_even(steps, layer->zero, layer->low, layer->high);
            }
        }
    }
}

void pose_softmax_real(const pose_softmax_real_layer *layer, const int8_t *in, int8_t *out)
{
    const pose_rows *rows = &layer->rows;
    for (int32_t row = 0; row < rows->rows; row++, in += rows->in_step, out += rows->out_step) {
        const int8_t most = greatest(in, rows->channels);
        float sum = 0.0f;
        for (int32_t c = 0; c < rows->channels; c++) {
            sum += layer->powers[most - in[c]];
        }
        for (int32_t c = 0; c < rows->channels; c++) {
            const float power = layer->powers[most - in[c]];
            const float steps = layer->whole > 0.0f ? power * layer->whole / sum : power / sum / layer->scale;
            out[c] = (int8_t)rounded_even(steps, layer->zero, layer->low, layer->high);
        }
    }
}

void pose_mean_real(const pose_mean_real_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t places = layer->in.height * layer->in.width;
    for (int32_t c = 0; c < layer->in.channels; c++) {
        int32_t sum = 0;
        for (int32_t i = 0; i < places; i++) {
            sum += in[(ptrdiff_t)i * layer->in.step + c] - layer->in_zero;
        }
        out[c] = (int8_t)rounded_even((float)sum * layer->ratio, layer->zero, layer->low, layer->high);
    }
}
