/* From sums of products to 8 bits, halves to even. */
#include "pose_arithmetic.h"

void pose_requantize_even(const int32_t *sums, const int32_t *bias, const pose_requantize *scale,
                          int32_t first, int32_t count, int32_t places, int8_t *out, int32_t apart)
{
    for (int32_t place = 0; place < places; place++, sums += TILE, out += apart) {
        for (int32_t i = 0; i < count; i++) {
            const int32_t c = first + i;
            const int32_t value =
                multiply_even(sum_of(sums[i], bias[c]), scale->multiplier[c], scale->shift[c]);
            out[i] = (int8_t)clamp(value + scale->zero, scale->low, scale->high);
        }
    }
}
