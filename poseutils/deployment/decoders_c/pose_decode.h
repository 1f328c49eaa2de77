/*
 * Decoders: from the raw outputs of a pose network, quantized or float, to keypoints in pixels of
 * its input. C99 without malloc; all memory is the caller's. If the status is not POSE_OK, nothing
 * was written.
 *
 * Coordinates are (x, y); the first pixel's center is at (0.5, 0.5). K keypoints, F candidates.
 */
#ifndef POSE_DECODE_H
#define POSE_DECODE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "pose_network.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { POSE_FLOAT32, POSE_INT8, POSE_UINT8 } pose_type;

/* An output of a network: real = scale * (q - zero) for 8-bit values. */
typedef struct {
    const void *values;
    pose_type type;
    float scale;
    int32_t zero;
} pose_output;

typedef struct {
    float x, y, score;
} pose_keypoint;

typedef struct {
    float x0, y0, x1, y1, score;
} pose_box;

/* Subpixel refinement: none (the center of the maximum), a quarter of a cell toward the higher
 * neighbor, the center of mass of the surrounding cells, or the peak of a fitted Gaussian. */
typedef enum {
    POSE_REFINE_ARGMAX,
    POSE_REFINE_QUARTER,
    POSE_REFINE_CENTROID,
    POSE_REFINE_DARK
} pose_refinement;

/*
 * Networks of one person give keypoints for every image. score is their confidence that there is
 * a person, the mean of the highest half of the keypoints' scores; people is 1 if it is above the
 * threshold confidence or that is 0, else 0.
 */

/* heatmaps_spe: (height, width, K) heatmaps; cell is the size of a cell in pixels of the input. */
pose_status pose_decode_heatmaps(const pose_output *maps, int32_t height, int32_t width,
                                 int32_t count, float cell, pose_refinement refine,
                                 float confidence, pose_keypoint *keypoints, float *score,
                                 int32_t *people);

/* spe: (K, 3) y, x, score, relative to the input's width and height. */
pose_status pose_decode_spe(const pose_output *points, int32_t count, float width, float height,
                            float confidence, pose_keypoint *keypoints, float *score,
                            int32_t *people);

/* hand_spe and head_spe: (K, dims) x, y, ... in pixels. presence, a single value, is the score of
 * all keypoints; it may be NULL, which means 1. */
pose_status pose_decode_landmarks(const pose_output *points, const pose_output *presence,
                                  int32_t count, int32_t dims, pose_keypoint *keypoints);

typedef struct {
    float confidence;       /* minimum box score, exclusive */
    float overlap;          /* NMS threshold: above it a detection is dropped (SSD: averaged) */
    int32_t max_people;     /* detections to keep, best first */
    int32_t max_candidates; /* candidates to compare, best first */
    const float *sigmas;    /* NULL: overlap is the IoU of boxes. K sigmas: OKS (not for SSD). */
} pose_thresholds;

/*
 * yolo_mpe: (5 + 3K, F), or transposed (F, 5 + 3K): cx, cy, w, h, score, then x, y, score of each
 * keypoint; scale_x and scale_y convert to pixels. order has room for max_candidates, boxes for
 * max_people, keypoints for K of each; people is their number. Of equal scores, the first candidate
 * comes first.
 */
pose_status pose_decode_yolo(const pose_output *candidates, int32_t boxes_count, int32_t count,
                             int transposed, float scale_x, float scale_y,
                             const pose_thresholds *thresholds, int32_t *order, pose_box *boxes,
                             pose_keypoint *keypoints, int32_t *people);

/* One pair of outputs of an SSD detector: (anchors, 4 + 2K) center, size, points, in pixels from
 * the anchor's center; (anchors) scores. */
typedef struct {
    pose_output boxes, scores;
    int32_t anchors;
} pose_ssd_layer;

/* A grid of anchors: one or more at the center of each cell of stride pixels. Fine to coarse. */
typedef struct {
    int32_t stride, each;
} pose_ssd_grid;

typedef struct {
    const pose_ssd_layer *layers; /* in the order of the anchors */
    int32_t layers_count;
    const pose_ssd_grid *grids;
    int32_t grids_count;
    int32_t width, height, keypoints; /* of the input; K */
} pose_ssd;

/* detector: order has room for max_candidates. Detections that overlap are averaged, weighted by
 * their scores. */
pose_status pose_decode_ssd(const pose_ssd *ssd, const pose_thresholds *thresholds, int32_t *order,
                            pose_box *boxes, pose_keypoint *keypoints, int32_t *people);

/*
 * What the decoders share.
 */

static inline float pose_real(const pose_output *output, int32_t index)
{
    switch (output->type) {
    case POSE_INT8:
        return output->scale * (float)(((const int8_t *)output->values)[index] - output->zero);
    case POSE_UINT8:
        return output->scale * (float)(((const uint8_t *)output->values)[index] - output->zero);
    default: return ((const float *)output->values)[index];
    }
}

static inline int pose_is_missing(const pose_output *output)
{
    return output == NULL || output->values == NULL;
}

static inline float pose_clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static inline float pose_sigmoid(float logit)
{
    return 1.0f / (1.0f + expf(-pose_clamp(logit, -80.0f, 80.0f)));
}

/* A probability from a score that is one, or that is a logit: outside of 0 ... 1. */
static inline float pose_probability(float value)
{
    return value >= 0.0f && value <= 1.0f ? value : pose_sigmoid(value);
}

/* The mean of the highest half of the keypoints' scores. The sum is exact in any order. */
static inline float pose_person_score(const pose_keypoint *keypoints, int32_t count)
{
    const int32_t half = (count + 1) / 2;
    double sum = 0.0;
    for (int32_t k = 0; k < count; k++) {
        int32_t rank = 0;
        for (int32_t i = 0; i < count; i++) {
            rank += keypoints[i].score > keypoints[k].score ||
                    (i < k && keypoints[i].score >= keypoints[k].score);
        }
        sum += rank < half ? (double)keypoints[k].score : 0.0;
    }
    return (float)(sum / half);
}

static inline int pose_is_person(float score, float confidence)
{
    return confidence <= 0.0f || score > confidence;
}

typedef float pose_score(const void *context, int32_t candidate);

/* Inserts a candidate into an order of scores, best first, after equal scores; returns the new
 * length. Where there is no room, the worst is dropped. */
static inline int32_t pose_insert(int32_t *order, int32_t length, int32_t room, int32_t candidate,
                                  pose_score *score, const void *context)
{
    const float own = score(context, candidate);
    int32_t rank = length;
    while (rank > 0 && score(context, order[rank - 1]) < own) {
        rank--;
    }
    if (rank == room) {
        return length;
    }
    const int32_t longer = length < room ? length + 1 : room;
    for (int32_t i = longer - 1; i > rank; i--) {
        order[i] = order[i - 1];
    }
    order[rank] = candidate;
    return longer;
}

/* True if the intersection over union exceeds the threshold. */
static inline int pose_boxes_overlap(const pose_box *a, const pose_box *b, float threshold)
{
    const float width = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
    const float height = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    const float shared = fmaxf(width, 0.0f) * fmaxf(height, 0.0f);
    const float area = (a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0);
    return shared > threshold * (area - shared);
}

#ifdef __cplusplus
}
#endif

#endif
