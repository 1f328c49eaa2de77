/* Decoders of pose networks; see pose_decode.h. */
#include "pose_decode.h"

#include <math.h>
#include <stddef.h>

static float real(const pose_output *output, int32_t index)
{
    switch (output->type) {
    case POSE_INT8:
        return output->scale * (float)(((const int8_t *)output->values)[index] - output->zero);
    case POSE_UINT8:
        return output->scale * (float)(((const uint8_t *)output->values)[index] - output->zero);
    default: return ((const float *)output->values)[index];
    }
}

static int lacks(const pose_output *output)
{
    return output == NULL || output->values == NULL;
}

static float limited(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static int32_t limited_index(int32_t x, int32_t high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

/* ---------------------------------------------------------------- heatmaps */

/* One heatmap of (height, width, count). */
typedef struct {
    const pose_output *maps;
    int32_t height, width, count, index;
} heatmap;

static float cell_value(const heatmap *map, int32_t x, int32_t y)
{
    return real(map->maps, (y * map->width + x) * map->count + map->index);
}

/* The first of the highest cells. */
static float highest(const heatmap *map, int32_t *x, int32_t *y)
{
    float best = cell_value(map, 0, 0);
    *x = *y = 0;
    for (int32_t row = 0; row < map->height; row++) {
        for (int32_t column = 0; column < map->width; column++) {
            const float value = cell_value(map, column, row);
            if (value > best) {
                best = value;
                *x = column;
                *y = row;
            }
        }
    }
    return best;
}

/* A cell as a part of the highest one, from 0 to 1. */
static float cell_part(const heatmap *map, int32_t x, int32_t y, float height)
{
    const float value = cell_value(map, x, y);
    return height > 0.0f && value > 0.0f ? value / height : 0.0f;
}

static float sign_of(float x)
{
    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
}

/* A quarter of a cell towards the higher neighbor; at the border there are no two to compare. */
static void quarter_step(const heatmap *map, int32_t x, int32_t y, float height, float *step_x,
                         float *step_y)
{
    if (x > 0 && x < map->width - 1) {
        *step_x =
            0.25f * sign_of(cell_part(map, x + 1, y, height) - cell_part(map, x - 1, y, height));
    }
    if (y > 0 && y < map->height - 1) {
        *step_y =
            0.25f * sign_of(cell_part(map, x, y + 1, height) - cell_part(map, x, y - 1, height));
    }
}

#define CENTROID_RADIUS 3

/* To the center of mass of the cells around. */
static void centroid_step(const heatmap *map, int32_t x, int32_t y, float height, float *step_x,
                          float *step_y)
{
    float mass = 0.0f, sum_x = 0.0f, sum_y = 0.0f;
    for (int32_t dy = -CENTROID_RADIUS; dy <= CENTROID_RADIUS; dy++) {
        for (int32_t dx = -CENTROID_RADIUS; dx <= CENTROID_RADIUS; dx++) {
            if (x + dx >= 0 && x + dx < map->width && y + dy >= 0 && y + dy < map->height) {
                const float part = cell_part(map, x + dx, y + dy, height);
                mass += part;
                sum_x += part * (float)dx;
                sum_y += part * (float)dy;
            }
        }
    }
    *step_x = mass > 0.0f ? sum_x / mass : 0.0f;
    *step_y = mass > 0.0f ? sum_y / mass : 0.0f;
}

#define DARK_RADIUS 5
#define DARK_CELLS (2 * DARK_RADIUS + 1)
#define DARK_VARIANCE 1.5625f /* sigma 1.25 cells */
#define DARK_REACH 2.0        /* cells that a keypoint may lie from the highest one */
#define DARK_FLOOR 1e-6f      /* parts of the maximum that count as zero: a logarithm needs more */

/* Weight of a cell `distance` away in the smoothing Gaussian. */
static float dark_weight(int32_t distance)
{
    return expf(-(float)(distance * distance) / (2.0f * DARK_VARIANCE));
}

/* Logarithms of the smoothed heatmap at the 3 by 3 cells around (x, y), as parts of the maximum;
 * beyond the border is the nearest cell. */
static void dark_window(const heatmap *map, int32_t x, int32_t y, float height, double window[3][3])
{
    float rows[3][DARK_CELLS] = {{0.0f}};
    for (int32_t j = 0; j < DARK_CELLS; j++) {
        const int32_t column = limited_index(x + j - DARK_RADIUS, map->width - 1);
        for (int32_t i = 0; i < DARK_CELLS; i++) {
            const float part =
                cell_part(map, column, limited_index(y + i - DARK_RADIUS, map->height - 1), height);
            for (int32_t k = 0; k < 3; k++) {
                rows[k][j] += dark_weight(i - (DARK_RADIUS - 1 + k)) * part;
            }
        }
    }
    for (int32_t k = 0; k < 3; k++) {
        for (int32_t l = 0; l < 3; l++) {
            float smooth = 0.0f;
            for (int32_t j = 0; j < DARK_CELLS; j++) {
                smooth += rows[k][j] * dark_weight(j - (DARK_RADIUS - 1 + l));
            }
            window[k][l] = (double)logf(smooth > DARK_FLOOR ? smooth : DARK_FLOOR);
        }
    }
}

/* From the highest cell to the top of the Gaussian: one Newton step to where the gradient of its
 * logarithm is zero. */
static void dark_step(const heatmap *map, int32_t x, int32_t y, float height, float *step_x,
                      float *step_y)
{
    double w[3][3];
    dark_window(map, x, y, height, w);
    const double dx = (w[1][2] - w[1][0]) / 2.0, dy = (w[2][1] - w[0][1]) / 2.0;
    const double dxx = w[1][2] - 2.0 * w[1][1] + w[1][0], dyy = w[2][1] - 2.0 * w[1][1] + w[0][1];
    const double dxy = (w[2][2] - w[2][0] - w[0][2] + w[0][0]) / 4.0;
    const double determinant = dxx * dyy - dxy * dxy;
    *step_x = *step_y = 0.0f;
    /* Else a plateau, a ridge or a saddle, where the step leads anywhere. */
    if (dxx < 0.0 && determinant > 1e-6) {
        *step_x = (float)fmax(-DARK_REACH, fmin(DARK_REACH, (dxy * dy - dyy * dx) / determinant));
        *step_y = (float)fmax(-DARK_REACH, fmin(DARK_REACH, (dxy * dx - dxx * dy) / determinant));
    }
}

pose_status pose_decode_heatmaps(const pose_output *maps, int32_t height, int32_t width,
                                 int32_t count, float cell, pose_refinement refine,
                                 pose_keypoint *keypoints)
{
    if (lacks(maps) || keypoints == NULL) {
        return POSE_ERROR_NULL;
    }
    if (height <= 0 || width <= 0 || count <= 0) {
        return POSE_ERROR_RANGE;
    }
    for (int32_t k = 0; k < count; k++) {
        const heatmap map = {maps, height, width, count, k};
        int32_t x, y;
        float step_x = 0.0f, step_y = 0.0f;
        keypoints[k].score = highest(&map, &x, &y);
        switch (refine) {
        case POSE_REFINE_QUARTER:
            quarter_step(&map, x, y, keypoints[k].score, &step_x, &step_y);
            break;
        case POSE_REFINE_CENTROID:
            centroid_step(&map, x, y, keypoints[k].score, &step_x, &step_y);
            break;
        case POSE_REFINE_DARK: dark_step(&map, x, y, keypoints[k].score, &step_x, &step_y); break;
        default: break;
        }
        keypoints[k].x = limited((float)x + 0.5f + step_x, 0.0f, (float)width) * cell;
        keypoints[k].y = limited((float)y + 0.5f + step_y, 0.0f, (float)height) * cell;
    }
    return POSE_OK;
}

/* ---------------------------------------------------------------- coordinates */

pose_status pose_decode_spe(const pose_output *points, int32_t count, float width, float height,
                            pose_keypoint *keypoints)
{
    if (lacks(points) || keypoints == NULL) {
        return POSE_ERROR_NULL;
    }
    if (count <= 0) {
        return POSE_ERROR_RANGE;
    }
    for (int32_t k = 0; k < count; k++) {
        keypoints[k].x = real(points, 3 * k + 1) * width;
        keypoints[k].y = real(points, 3 * k) * height;
        keypoints[k].score = real(points, 3 * k + 2);
    }
    return POSE_OK;
}

static float sigmoid(float logit)
{
    return 1.0f / (1.0f + expf(-limited(logit, -80.0f, 80.0f)));
}

float pose_probability(float value)
{
    return value >= 0.0f && value <= 1.0f ? value : sigmoid(value);
}

pose_status pose_decode_landmarks(const pose_output *points, const pose_output *presence,
                                  int32_t count, int32_t dims, pose_keypoint *keypoints)
{
    if (lacks(points) || (presence != NULL && lacks(presence)) || keypoints == NULL) {
        return POSE_ERROR_NULL;
    }
    if (count <= 0 || dims < 2) {
        return POSE_ERROR_RANGE;
    }
    const float score = presence == NULL ? 1.0f : pose_probability(real(presence, 0));
    for (int32_t k = 0; k < count; k++) {
        keypoints[k].x = real(points, dims * k);
        keypoints[k].y = real(points, dims * k + 1);
        keypoints[k].score = score;
    }
    return POSE_OK;
}
