/* yolo_mpe: heads of one or more classes, and end-to-end heads. */
#ifndef DECODE_YOLO_H
#define DECODE_YOLO_H

#include "pose_decode.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * (rows, F), or transposed (F, rows). The rows are cx, cy, w, h, the score of each class, then the
 * keypoints; of an end-to-end head x0, y0, x1, y1, score, class, then the keypoints.
 */
typedef struct {
    int32_t candidates; /* F */
    int32_t classes;
    int32_t keypoints; /* K */
    int32_t columns;   /* of a keypoint: 3: x, y, score; 2: x, y, with the score of its box */
    int transposed;
    int end_to_end;         /* each object once: nothing is suppressed */
    float scale_x, scale_y; /* convert to pixels */
} pose_yolo_head;

/*
 * As pose_decode_yolo, with the class of each detection. Only detections of one class suppress each
 * other. classes has room for max_people; NULL if there is one class. POSE_ERROR_RANGE if an
 * end-to-end head gives a class that it does not have.
 */
pose_status pose_decode_yolo_head(const pose_output *candidates, const pose_yolo_head *head,
                                  const pose_thresholds *thresholds, int32_t *order,
                                  pose_box *boxes, int32_t *classes, pose_keypoint *keypoints,
                                  int32_t *people);

#ifdef __cplusplus
}
#endif

#endif
