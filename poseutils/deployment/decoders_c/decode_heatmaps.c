/* heatmaps_spe: one heatmap per keypoint. */
#include "pose_decode.h"

static int32_t clamp_index(int32_t x, int32_t high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

/* One heatmap of (height, width, count). */
typedef struct {
    const pose_output *maps;
    int32_t height, width, count, index;
} heatmap;

static float cell_value(const heatmap *map, int32_t x, int32_t y)
{
    return pose_real(map->maps, (y * map->width + x) * map->count + map->index);
}

/* The maximum and its cell; of equal cells the first. */
static float maximum(const heatmap *map, int32_t *x, int32_t *y)
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

/* A cell's value relative to the maximum, clamped at 0. */
static float relative(const heatmap *map, int32_t x, int32_t y, float peak)
{
    const float value = cell_value(map, x, y);
    return peak > 0.0f && value > 0.0f ? value / peak : 0.0f;
}

static float sign_of(float x)
{
    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
}

/* A quarter of a cell toward the higher neighbor; none along an axis at whose border it is. */
static void quarter_step(const heatmap *map, int32_t x, int32_t y, float peak, float *step_x,
                         float *step_y)
{
    if (x > 0 && x < map->width - 1) {
        *step_x = 0.25f * sign_of(relative(map, x + 1, y, peak) - relative(map, x - 1, y, peak));
    }
    if (y > 0 && y < map->height - 1) {
        *step_y = 0.25f * sign_of(relative(map, x, y + 1, peak) - relative(map, x, y - 1, peak));
    }
}

#define CENTROID_RADIUS 3

/* To the center of mass of the surrounding cells. */
static void centroid_step(const heatmap *map, int32_t x, int32_t y, float peak, float *step_x,
                          float *step_y)
{
    float mass = 0.0f, sum_x = 0.0f, sum_y = 0.0f;
    for (int32_t dy = -CENTROID_RADIUS; dy <= CENTROID_RADIUS; dy++) {
        for (int32_t dx = -CENTROID_RADIUS; dx <= CENTROID_RADIUS; dx++) {
            if (x + dx >= 0 && x + dx < map->width && y + dy >= 0 && y + dy < map->height) {
                const float value = relative(map, x + dx, y + dy, peak);
                mass += value;
                sum_x += value * (float)dx;
                sum_y += value * (float)dy;
            }
        }
    }
    *step_x = mass > 0.0f ? sum_x / mass : 0.0f;
    *step_y = mass > 0.0f ? sum_y / mass : 0.0f;
}

#define DARK_RADIUS 5
#define DARK_CELLS (2 * DARK_RADIUS + 1)
#define DARK_VARIANCE 1.5625f /* sigma 1.25 cells */
#define DARK_REACH 2.0        /* cells from the maximum at most */
#define DARK_FLOOR 1e-6f      /* of the maximum: the logarithm needs a positive value */

/* Weight of the smoothing Gaussian at a distance in cells. */
static float dark_weight(int32_t distance)
{
    return expf(-(float)(distance * distance) / (2.0f * DARK_VARIANCE));
}

/* Logarithms of the smoothed heatmap, relative to the maximum, at the 3 by 3 cells around (x, y);
 * the border is replicated. */
static void dark_window(const heatmap *map, int32_t x, int32_t y, float peak, double window[3][3])
{
    float rows[3][DARK_CELLS] = {{0.0f}};
    for (int32_t j = 0; j < DARK_CELLS; j++) {
        const int32_t column = clamp_index(x + j - DARK_RADIUS, map->width - 1);
        for (int32_t i = 0; i < DARK_CELLS; i++) {
            const int32_t row = clamp_index(y + i - DARK_RADIUS, map->height - 1);
            const float value = relative(map, column, row, peak);
            for (int32_t k = 0; k < 3; k++) {
                rows[k][j] += dark_weight(i - (DARK_RADIUS - 1 + k)) * value;
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

/* From the maximum to the peak of the Gaussian: one Newton step on its logarithm. */
static void dark_step(const heatmap *map, int32_t x, int32_t y, float peak, float *step_x,
                      float *step_y)
{
    double w[3][3];
    dark_window(map, x, y, peak, w);
    const double dx = (w[1][2] - w[1][0]) / 2.0, dy = (w[2][1] - w[0][1]) / 2.0;
    const double dxx = w[1][2] - 2.0 * w[1][1] + w[1][0], dyy = w[2][1] - 2.0 * w[1][1] + w[0][1];
    const double dxy = (w[2][2] - w[2][0] - w[0][2] + w[0][0]) / 4.0;
    const double determinant = dxx * dyy - dxy * dxy;
    *step_x = *step_y = 0.0f;
    /* Otherwise it is a plateau, a ridge or a saddle, where the step is undefined. */
    if (dxx < 0.0 && determinant > 1e-6) {
        *step_x = (float)fmax(-DARK_REACH, fmin(DARK_REACH, (dxy * dy - dyy * dx) / determinant));
        *step_y = (float)fmax(-DARK_REACH, fmin(DARK_REACH, (dxy * dx - dxx * dy) / determinant));
    }
}

pose_status pose_decode_heatmaps(const pose_output *maps, int32_t height, int32_t width,
                                 int32_t count, float cell, pose_refinement refine,
                                 float confidence, pose_keypoint *keypoints, float *score,
                                 int32_t *people)
{
    if (pose_is_missing(maps) || keypoints == NULL || score == NULL || people == NULL) {
        return POSE_ERROR_NULL;
    }
    if (height <= 0 || width <= 0 || count <= 0) {
        return POSE_ERROR_RANGE;
    }
    for (int32_t k = 0; k < count; k++) {
        const heatmap map = {maps, height, width, count, k};
        int32_t x, y;
        float step_x = 0.0f, step_y = 0.0f;
        keypoints[k].score = maximum(&map, &x, &y);
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
        keypoints[k].x = pose_clamp((float)x + 0.5f + step_x, 0.0f, (float)width) * cell;
        keypoints[k].y = pose_clamp((float)y + 0.5f + step_y, 0.0f, (float)height) * cell;
    }
    *score = pose_person_score(keypoints, count);
    *people = pose_is_person(*score, confidence);
    return POSE_OK;
}
