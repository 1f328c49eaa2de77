/*
 * From the raw outputs of a pose network, quantized or not, to keypoints in pixels of its input.
 * Plain C99, no malloc, no memory but the caller's. Where a status is not POSE_OK, nothing was
 * written.
 *
 * Coordinates: (x, y), the center of the first pixel is at (0.5, 0.5). K keypoints, F candidates, A
 * anchors.
 */
#ifndef POSE_DECODE_H
#define POSE_DECODE_H

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

/* How a keypoint's place is read off a heatmap: the first highest cell's center, a quarter of a
 * cell from there to the higher neighbor, the center of mass of the cells around, or the top of the
 * Gaussian that fits around it. */
typedef enum {
    POSE_REFINE_ARGMAX,
    POSE_REFINE_QUARTER,
    POSE_REFINE_CENTROID,
    POSE_REFINE_DARK
} pose_refinement;

/* heatmaps_spe: (height, width, K) heatmaps; cell is the side of a cell in pixels of the input. */
pose_status pose_decode_heatmaps(const pose_output *maps, int32_t height, int32_t width,
                                 int32_t count, float cell, pose_refinement refine,
                                 pose_keypoint *keypoints);

/* spe: (K, 3) y, x, score; width and height are the input's. */
pose_status pose_decode_spe(const pose_output *points, int32_t count, float width, float height,
                            pose_keypoint *keypoints);

/* hand_spe and head_spe: (K, dims) x, y and what follows, in pixels; presence, one value, may be
 * NULL and is 1 then. */
pose_status pose_decode_landmarks(const pose_output *points, const pose_output *presence,
                                  int32_t count, int32_t dims, pose_keypoint *keypoints);

/* A probability from a score that is one, or that is a logit: outside of 0 ... 1. */
float pose_probability(float value);

typedef struct {
    float confidence;       /* people whose box scores this or less are dropped */
    float overlap;          /* with a better one: more, and a person is dropped (SSD: blended) */
    int32_t max_people;     /* that are kept, best first */
    int32_t max_candidates; /* that are compared with each other, best first */
    const float *sigmas; /* NULL: overlap is intersection over union of boxes. K sigmas: similarity
                            (OKS) of keypoints; not of SSD. */
} pose_thresholds;

/*
 * yolo_mpe: (5 + 3K, F), or transposed (F, 5 + 3K): cx, cy, w, h, score, then x, y, score of each
 * keypoint; times scale_x and scale_y they are pixels. order: room for max_candidates; boxes and
 * keypoints: for max_people, K each; people: how many there are. Among equal scores the last
 * candidate is the better one.
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

/* Grids of anchors, fine to coarse: one anchor or more at the center of each cell of stride pixels.
 */
typedef struct {
    int32_t stride, each;
} pose_ssd_grid;

typedef struct {
    const pose_ssd_layer *layers; /* in the order of their anchors */
    int32_t layers_count;
    const pose_ssd_grid *grids;
    int32_t grids_count;
    int32_t width, height, keypoints; /* of the input; K */
} pose_ssd;

/* detector: order has room for max_candidates. Detections that overlap are averaged, weighted by
 * their scores. */
pose_status pose_decode_ssd(const pose_ssd *ssd, const pose_thresholds *thresholds, int32_t *order,
                            pose_box *boxes, pose_keypoint *keypoints, int32_t *people);

#ifdef __cplusplus
}
#endif

#endif
