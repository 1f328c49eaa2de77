/* SOFTMAX and LOG_SOFTMAX along rows. */
#include "pose_arithmetic.h"

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
            in_8_bits(shift_right(share, SUM_BITS - headroom + 31 - layer->bits) + layer->zero);
    }
}

void pose_softmax(const pose_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows.rows;
         row++, in += layer->rows.in_step, out += layer->rows.out_step) {
        softmax_row(layer, in, out);
    }
}

#define DIFFERENCE_BITS 5 /* whole bits of a difference and of a logarithm, which are in 1/2^26 */

/* x * 2^bits; rounded to nearest, halves away from zero, where bits are negative. */
static int32_t times_power(int32_t x, int32_t bits)
{
    return bits > 0 ? saturated((int64_t)x * ((int64_t)1 << bits)) : shift_right(x, -bits);
}

/*
 * The natural logarithm of x >= 1, in 1/2^19, as the reference kernel computes it: x is 2^z times r
 * from about 0.7 to 1, z a multiple of 1/2 less 1/4, and the logarithm of r a quotient of
 * polynomials of q = 2 (r - 0.5^(1/4)).
 */
static int32_t logarithm(int32_t x)
{
    /* The fourth and the square root of 1/2. */
    const int32_t middle = 1805811301, root = 1518500250;
    const int32_t bits = 31 - (DIFFERENCE_BITS + 1), quarter = 1 << (bits - 2);
    const int32_t zeros = leading_zeros((uint32_t)x), lower = high_product(x, root),
                  lower_room = leading_zeros((uint32_t)lower) - 1;
    const int32_t r_a = times_power(high_product(times_power(x, zeros - 1), root), 1),
                  r_b = times_power(x, lower_room);
    const int32_t z_a = saturated((int64_t)times_power(SUM_BITS - zeros, bits) + quarter);
    const int32_t z_b = saturated((int64_t)times_power(SUM_BITS - lower_room, bits) - quarter);
    const int32_t r = r_a < r_b ? r_a : r_b, z = z_a > z_b ? z_a : z_b;
    const int32_t p = (int32_t)(((int64_t)r + middle + 1) / 2), q = 2 * (r - middle),
                  q_squared = high_product(q, q);
    const int32_t above = high_product(q, r) + high_product(high_product(q, q_squared), 117049297);
    const int32_t below = high_product(p, 1057819769 + q + high_product(127690142, q_squared)) +
                          high_product(638450708, q);
    const int32_t quotient =
        high_product(shift_right(above, DIFFERENCE_BITS + 1), one_over_one_plus(below));
    return times_power(high_product(z, 1488522236) + quotient, 1);
}

static void log_softmax_row(const pose_log_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t most = greatest(in, layer->rows.channels);
    int32_t sum = 0;
    for (int32_t c = 0; c < layer->rows.channels; c++) {
        sum += shift_right(layer->exponentials[most - in[c]], SUM_BITS);
    }
    const int32_t log_sum = logarithm(sum);
    const int32_t reach =
        multiply(log_sum + INT32_MIN, layer->reverse_multiplier, layer->reverse_shift);
    const int32_t least = reach > layer->least - 1 ? reach : layer->least - 1;
    for (int32_t c = 0; c < layer->rows.channels; c++) {
        int32_t made = INT8_MIN;
        if (in[c] - most > least) {
            const int32_t sixteenths =
                shift_right(layer->differences[most - in[c]] - log_sum, 31 - DIFFERENCE_BITS - 4);
            made = clamp(sixteenths + INT8_MAX, INT8_MIN, INT8_MAX);
        }
        out[c] = (int8_t)made;
    }
}

void pose_log_softmax(const pose_log_softmax_layer *layer, const int8_t *in, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows.rows;
         row++, in += layer->rows.in_step, out += layer->rows.out_step) {
        log_softmax_row(layer, in, out);
    }
}
