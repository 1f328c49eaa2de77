
/* ---------------------------------------------------------------- along rows */

static int8_t greatest(const int8_t *values, int32_t count)
{
    int8_t most = values[0];
    for (int32_t i = 1; i < count; i++) {
        most = values[i] > most ? values[i] : most;
    }
    return most;
}

static int32_t saturated(int64_t x)
{
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

/* 1 / (1 + a) of a = 0 ... 1, both in 1/2^31, by three steps of Newton and Raphson; x is in
 * 1/2^29. */
static int32_t one_over_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + high_product(half, -1010580540); /* 48/17 - 32/17 * half */
    for (int step = 0; step < 3; step++) {
        const int32_t error = (1 << 29) - high_product(half, x);
        x = saturated((int64_t)x + saturated((int64_t)high_product(x, error) * 4));
    }
    return saturated((int64_t)x * 2);
}

static int32_t leading_zeros(uint32_t x)
{
    int32_t count = 0;
    for (; count < 32 && (x & 0x80000000u) == 0; x <<= 1) {
        count++;
    }
    return count;
}

#define SUM_BITS 12 /* whole bits of a sum of exponentials: up to 4095 of them */

static void softmax_row(const pose_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t most = greatest(in, layer->rows.channels);
    int32_t sum = 0;
    for (int32_t c = 0; c < layer->rows.channels; c++) {
        sum += shift_right(layer->exponentials[most - in[c]], SUM_BITS);
    }
    const int32_t headroom = leading_zeros((uint32_t)sum);
    const int32_t whole = one_over_one_plus((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    const int32_t reciprocal =
        layer->multiplier != 0 ? high_product(whole, layer->multiplier) : whole;
    for (int32_t c = 0; c < layer->rows.channels; c++) {
        const int32_t share = high_product(reciprocal, layer->exponentials[most - in[c]]);
        out[c] =
            (int8_t)clamp(shift_right(share, SUM_BITS - headroom + 31 - layer->bits) + layer->zero,
                          INT8_MIN, INT8_MAX);
    }
}

void pose_softmax(const pose_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows.rows;
         row++, in += layer->rows.in_step, out += layer->rows.out_step) {
        softmax_row(layer, in, out);
    }
}

void pose_mean(const pose_mean_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t places = layer->in.height * layer->in.width;
    for (int32_t c = 0; c < layer->in.channels; c++) {
        int32_t sum = 0;
        for (int32_t i = 0; i < places; i++) {
            sum += in[(ptrdiff_t)i * layer->in.step + c] - layer->in_zero;
        }
        const int32_t mean = layer->even
                                 ? pose_multiply_even(sum, layer->multiplier, layer->shift)
                                 : pose_multiply(sum, layer->multiplier, layer->shift);
        out[c] = (int8_t)clamp(mean + layer->zero, INT8_MIN, INT8_MAX);
    }
}

/* The first of the greatest. */
static int32_t first_greatest(const int8_t *values, int32_t count, int32_t stride)
{
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++) {
        best = values[(ptrdiff_t)i * stride] > values[(ptrdiff_t)best * stride] ? i : best;
    }
    return best;
}

void pose_arg_max(const pose_argmax_layer *layer, const int8_t *in, int32_t *out)
{
    for (int32_t o = 0; o < layer->outer; o++) {
        for (int32_t i = 0; i < layer->inner; i++) {
            *out++ = first_greatest(in + (ptrdiff_t)o * layer->length * layer->inner + i,
                                    layer->length, layer->inner);
        }
    }
}

/* ---------------------------------------------------------------- moving values */

/* Indices that the network computes are held inside of the tensor: a damaged image must not make it
 * read elsewhere. */
void pose_gather(const pose_gather_layer *layer, const void *in, const int32_t *indices, void *out)
{
    const uint8_t *from = in;
    uint8_t *to = out;
    for (int32_t part = 0; part < layer->outer; part++, from += layer->part) {
        const int32_t *chosen = indices;
        for (int32_t i = 0; i < layer->count; i++, chosen += layer->depth, to += layer->slice) {
            ptrdiff_t place = 0;
            for (int32_t d = 0; d < layer->depth; d++) {
                place += (ptrdiff_t)clamp(chosen[d], 0, layer->size[d] - 1) * layer->stride[d];
            }
            memcpy(to, from + place * layer->slice, (size_t)layer->slice);
        }
    }
}

/* The innermost dimension: a run of memory where both strides are 1, else a value at a time. */
static void copy_run(const pose_copy_layer *layer, const uint8_t *from, uint8_t *to)
{
    const int32_t last = layer->dims - 1;
    const size_t bytes = (size_t)layer->bytes;
    if (layer->in[last] == 1 && layer->out[last] == 1) {
        memmove(to, from, bytes * (size_t)layer->size[last]);
        return;
    }
    if (layer->bytes == 1) {
        for (int32_t i = 0; i < layer->size[last]; i++) {
            to[(ptrdiff_t)i * layer->out[last]] = from[(ptrdiff_t)i * layer->in[last]];
        }
        return;
    }
    for (int32_t i = 0; i < layer->size[last]; i++) {
        memcpy(to + (ptrdiff_t)i * layer->out[last] * layer->bytes,
               from + (ptrdiff_t)i * layer->in[last] * layer->bytes, bytes);
    }
}

void pose_copy(const pose_copy_layer *layer, const void *in, void *out)
{
    int32_t index[POSE_MAX_DIMS] = {0};
    int32_t d;
    do {
        ptrdiff_t from = 0, to = 0;
        for (d = 0; d < layer->dims - 1; d++) {
            from += (ptrdiff_t)index[d] * layer->in[d];
            to += (ptrdiff_t)index[d] * layer->out[d];
        }
        copy_run(layer, (const uint8_t *)in + from * layer->bytes,
                 (uint8_t *)out + to * layer->bytes);
        for (d = layer->dims - 2; d >= 0 && ++index[d] == layer->size[d]; d--) {
            index[d] = 0;
        }
    } while (d >= 0);
}

void pose_fill(const pose_rows *rows, int8_t value, int8_t *out)
{
    for (int32_t row = 0; row < rows->rows; row++, out += rows->out_step) {
        memset(out, value, (size_t)rows->channels);
    }
}
