/* yolo_mpe: candidate boxes with keypoints, and non-maximum suppression. */
#include "pose_decode.h"

typedef struct {
    const pose_output *candidates;
    int32_t row_step, candidate_step;
    float scale_x, scale_y;
} yolo;

static float yolo_value(const yolo *net, int32_t row, int32_t candidate)
{
    return pose_real(net->candidates, row * net->row_step + candidate * net->candidate_step);
}

static float yolo_score(const void *context, int32_t candidate)
{
    return yolo_value(context, 4, candidate);
}

static pose_box yolo_box(const yolo *net, int32_t candidate)
{
    const float x = yolo_value(net, 0, candidate) * net->scale_x;
    const float y = yolo_value(net, 1, candidate) * net->scale_y;
    const float half_width = yolo_value(net, 2, candidate) * (net->scale_x / 2.0f);
    const float half_height = yolo_value(net, 3, candidate) * (net->scale_y / 2.0f);
    const pose_box box = {x - half_width, y - half_height, x + half_width, y + half_height,
                          yolo_value(net, 4, candidate)};
    return box;
}

static void yolo_keypoints(const yolo *net, int32_t candidate, int32_t count,
                           pose_keypoint *keypoints)
{
    for (int32_t k = 0; k < count; k++) {
        keypoints[k].x = yolo_value(net, 5 + 3 * k, candidate) * net->scale_x;
        keypoints[k].y = yolo_value(net, 6 + 3 * k, candidate) * net->scale_y;
        keypoints[k].score = yolo_value(net, 7 + 3 * k, candidate);
    }
}

#define AREA_OF_BOX 0.53f /* area of a person relative to its box */

/* True if the object keypoint similarity (OKS) to a better detection exceeds the threshold; the
 * better detection's box gives the scale. */
static int oks_exceeds(const pose_keypoint *a, const pose_keypoint *better, const pose_box *box,
                    int32_t count, const pose_thresholds *thresholds)
{
    const float area = fmaxf(box->x1 - box->x0, 0.0f) * fmaxf(box->y1 - box->y0, 0.0f);
    const float scale = 8.0f * AREA_OF_BOX * fmaxf(area, 1e-9f);
    float sum = 0.0f;
    for (int32_t k = 0; k < count; k++) {
        const float dx = a[k].x - better[k].x, dy = a[k].y - better[k].y;
        const float sigma = thresholds->sigmas[k];
        sum += expf(-(dx * dx + dy * dy) / (scale * sigma * sigma));
    }
    return sum > thresholds->overlap * (float)count;
}

/* Whether the last detection is not suppressed by a better one. */
static int is_kept(const pose_box *boxes, const pose_keypoint *keypoints, int32_t last,
                  int32_t count, const pose_thresholds *thresholds)
{
    const pose_keypoint *own = keypoints + (ptrdiff_t)last * count;
    for (int32_t i = 0; i < last; i++) {
        const int suppressed =
            thresholds->sigmas == NULL
                ? pose_boxes_overlap(&boxes[i], &boxes[last], thresholds->overlap)
                : oks_exceeds(own, keypoints + (ptrdiff_t)i * count, &boxes[i], count, thresholds);
        if (suppressed) {
            return 0;
        }
    }
    return 1;
}

pose_status pose_decode_yolo(const pose_output *candidates, int32_t boxes_count, int32_t count,
                             int transposed, float scale_x, float scale_y,
                             const pose_thresholds *thresholds, int32_t *order, pose_box *boxes,
                             pose_keypoint *keypoints, int32_t *people)
{
    if (pose_is_missing(candidates) || thresholds == NULL || order == NULL || boxes == NULL ||
        keypoints == NULL || people == NULL) {
        return POSE_ERROR_NULL;
    }
    if (boxes_count <= 0 || count <= 0 || thresholds->max_people <= 0 ||
        thresholds->max_candidates <= 0) {
        return POSE_ERROR_RANGE;
    }
    const yolo net = {candidates, transposed ? 1 : boxes_count, transposed ? 5 + 3 * count : 1,
                      scale_x, scale_y};
    int32_t length = 0, found = 0;
    /* From the last: of equal scores, that of the coarser grid comes first. */
    for (int32_t i = boxes_count - 1; i >= 0; i--) {
        if (yolo_score(&net, i) > thresholds->confidence) {
            length = pose_insert(order, length, thresholds->max_candidates, i, yolo_score, &net);
        }
    }
    for (int32_t i = 0; i < length && found < thresholds->max_people; i++) {
        boxes[found] = yolo_box(&net, order[i]);
        yolo_keypoints(&net, order[i], count, keypoints + (ptrdiff_t)found * count);
        found += is_kept(boxes, keypoints, found, count, thresholds);
    }
    *people = found;
    return POSE_OK;
}
