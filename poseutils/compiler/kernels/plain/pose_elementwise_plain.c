/* Elementwise operators where there are no vectors. */
#include "pose_arithmetic.h"

#if POSE_PLAIN || POSE_DSP

int32_t pose_add_vectors(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t count)
{
    (void)layer, (void)a, (void)b, (void)out, (void)count;
    return 0;
}

int32_t pose_mul_vectors(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out,
                         int32_t count)
{
    (void)layer, (void)a, (void)b, (void)out, (void)count;
    return 0;
}

void pose_look_up(const int8_t *table, const uint8_t *values, int32_t count, int8_t *out)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = table[values[i]];
    }
}

#endif
