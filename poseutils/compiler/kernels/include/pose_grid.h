/* Walks over operands of four dimensions that may repeat along some of them. */
#ifndef POSE_GRID_H
#define POSE_GRID_H

#include "pose_arithmetic.h"

/* The next of the outer `dims` of four indices; false after the last. */
static inline int grid_next(const int32_t *size, int32_t *index, int32_t dims)
{
    for (int32_t d = dims - 1; d >= 0; d--) {
        if (++index[d] < size[d]) {
            return 1;
        }
        index[d] = 0;
    }
    return 0;
}

static inline ptrdiff_t grid_place(const int32_t *stride, const int32_t *index)
{
    return (ptrdiff_t)index[0] * stride[0] + (ptrdiff_t)index[1] * stride[1] +
           (ptrdiff_t)index[2] * stride[2] + (ptrdiff_t)index[3] * stride[3];
}

#endif
