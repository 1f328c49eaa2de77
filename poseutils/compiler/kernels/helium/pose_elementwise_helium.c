/* Elementwise operators on vectors. */
#include "pose_helium.h"

#if POSE_HELIUM

int32_t pose_add_vectors(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t count)
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

int32_t pose_mul_vectors(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t count)
{
    for (int32_t i = 0; i + LANES <= count; i += LANES) {
        const lanes x = times(load_lanes(a + i, layer->a_zero), load_lanes(b + i, layer->b_zero));
        const lanes product =
            multiply_lanes(x, all_lanes(layer->multiplier), all_lanes(layer->shift));
        store_lanes(out + i, product, layer->zero, layer->low, layer->high);
    }
    return count & -LANES;
}

void pose_look_up(const int8_t *table, const uint8_t *values, int32_t count, int8_t *out)
{
    for (; count >= 16; count -= 16, values += 16, out += 16) {
        vstrbq_s8(out, vldrbq_gather_offset_s8(table, vldrbq_u8(values)));
    }
    if (count > 0) {
        const mve_pred16_t rest = vctp8q((uint32_t)count);
        vstrbq_p_s8(out, vldrbq_gather_offset_z_s8(table, vldrbq_z_u8(values, rest), rest), rest);
    }
}

#endif
