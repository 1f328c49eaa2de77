/* DEPTHWISE_CONV_2D in plain C. */
#include "pose_arithmetic.h"

#if POSE_PLAIN

int pose_depthwise_sums(const pose_tap *taps, int32_t inside, int32_t zero, int32_t first,
                        int32_t count, int32_t *sums)
{
    memset(sums, 0, (size_t)count * sizeof sums[0]);
    for (const pose_tap *tap = taps; tap != taps + inside; tap++) {
        const int8_t *const values = tap->values + first, *const weights = tap->weights + first;
        for (int32_t i = 0; i < count; i++) {
            sums[i] += weights[i] * (values[i] - zero);
        }
    }
    return 1;
}

#endif
