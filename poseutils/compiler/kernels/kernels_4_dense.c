
/* ---------------------------------------------------------------- FULLY_CONNECTED */

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

/*
 * The outputs from `first`: sums and biases, requantized. Unlike in convolutions they are rounded
 * once, halves upwards. The lower half of a product that is shifted by more than 32 bits is not
 * needed.
 */
static void requantize_once(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                            int32_t first, int32_t count, int8_t *out)
{
    const int32_t *const b = bias + first, *const m = scale->multiplier + first;
    const int8_t *const s = scale->shift + first;
    const int32_t zero = scale->zero, low = scale->low, high = scale->high;
    int32_t i = 0;
#if POSE_MVE
    for (; i + 4 <= count && vmaxvq_s32(INT32_MIN, vldrbq_s32(s + i)) < -1; i += 4) {
        const int32x4_t sum = vaddq_s32(vldrwq_s32(sums + i), vldrwq_s32(b + i));
        const int32x4_t shift = vaddq_n_s32(vldrbq_s32(s + i), 1);
        const int32x4_t scaled4 = vrshlq_s32(vmulhq_s32(sum, vldrwq_s32(m + i)), shift);
        store_lanes(out + i, scaled4, zero, low, high);
    }
#endif
    for (; i < count && s[i] < -1; i++) {
        const int32_t upper = (int32_t)(((int64_t)sum_of(sums[i], b[i]) * m[i]) >> 32);
        out[i] = (int8_t)clamp((((upper >> (-2 - s[i])) + 1) >> 1) + zero, low, high);
    }
    for (; i < count; i++) {
        const int64_t product = (int64_t)sum_of(sums[i], b[i]) * m[i];
        const int32_t value = (int32_t)((product + ((int64_t)1 << (30 - s[i]))) >> (31 - s[i]));
        out[i] = (int8_t)clamp(value + zero, low, high);
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
                row_dots(in, own, layer->inputs, layer->weight_step, count, sums);
            }
            if (layer->scale.even) {
                requantize_even(sums, layer->bias, &layer->scale, first, count, 1, out + first, 0);
            } else {
                requantize_once(sums, layer->bias, &layer->scale, first, count, out + first);
            }
        }
    }
}
