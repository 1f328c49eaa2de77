/* MAXIMUM, MINIMUM, and arithmetic of 32-bit integers and floats. */
#include "pose_grid.h"

void pose_maximum(const pose_grid *grid, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int8_t x = a[grid_place(grid->a, index)], y = b[grid_place(grid->b, index)];
        out[grid_place(grid->out, index)] = x > y ? x : y;
    } while (grid_next(grid->size, index, 4));
}

void pose_minimum(const pose_grid *grid, const int8_t *a, const int8_t *b, int8_t *out)
{
    int32_t index[4] = {0, 0, 0, 0};
    do {
        const int8_t x = a[grid_place(grid->a, index)], y = b[grid_place(grid->b, index)];
        out[grid_place(grid->out, index)] = x < y ? x : y;
    } while (grid_next(grid->size, index, 4));
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
    int32_t index[4] = {0, 0, 0, 0};
    do {
        out[grid_place(grid->out, index)] =
            int32_result(what, a[grid_place(grid->a, index)], b[grid_place(grid->b, index)]);
    } while (grid_next(grid->size, index, 4));
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
    int32_t index[4] = {0, 0, 0, 0};
    do {
        out[grid_place(grid->out, index)] =
            float_result(what, a[grid_place(grid->a, index)], b[grid_place(grid->b, index)]);
    } while (grid_next(grid->size, index, 4));
}
