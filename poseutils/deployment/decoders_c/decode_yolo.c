/* yolo_mpe: candidate boxes with keypoints, and non-maximum suppression. */
#include "decode_yolo.h"

typedef struct {
    const pose_output *candidates;
    const pose_yolo_head *head;
    int32_t first_point; /* rows before the keypoints */
    int32_t row_step, candidate_step;
} yolo;

static yolo yolo_of(const pose_output *candidates, const pose_yolo_head *head)
{
    const int32_t first_point = head->end_to_end ? 6 : 4 + head->classes;
    const int32_t rows = first_point + head->columns * head->keypoints;
    const yolo net = {candidates, head, first_point, head->transposed ? 1 : head->candidates,
                      head->transposed ? rows : 1};
    return net;
}

static float yolo_value(const yolo *net, int32_t row, int32_t candidate)
{
    return pose_real(net->candidates, row * net->row_step + candidate * net->candidate_step);
}

static int32_t yolo_class(const yolo *net, int32_t candidate)
{
    if (net->head->end_to_end) {
        return (int32_t)floorf(yolo_value(net, 5, candidate) + 0.5f);
    }
    int32_t best = 0;
    for (int32_t c = 1; c < net->head->classes; c++) {
        if (yolo_value(net, 4 + c, candidate) > yolo_value(net, 4 + best, candidate)) {
            best = c;
        }
    }
    return best;
}

static float yolo_score(const void *context, int32_t candidate)
{
    const yolo *net = context;
    const int32_t best = net->head->end_to_end ? 0 : yolo_class(net, candidate);
    return yolo_value(net, 4 + best, candidate);
}

static pose_box yolo_box(const yolo *net, int32_t candidate)
{
    const float scale_x = net->head->scale_x, scale_y = net->head->scale_y;
    const float score = yolo_score(net, candidate);
    const float x = yolo_value(net, 0, candidate) * scale_x;
    const float y = yolo_value(net, 1, candidate) * scale_y;
    if (net->head->end_to_end) {
        const pose_box box = {x, y, yolo_value(net, 2, candidate) * scale_x,
                              yolo_value(net, 3, candidate) * scale_y, score};
        return box;
    }
    const float half_width = yolo_value(net, 2, candidate) * (scale_x / 2.0f);
    const float half_height = yolo_value(net, 3, candidate) * (scale_y / 2.0f);
    const pose_box box = {x - half_width, y - half_height, x + half_width, y + half_height, score};
    return box;
}

static void yolo_keypoints(const yolo *net, int32_t candidate, float score,
                           pose_keypoint *keypoints)
{
    for (int32_t k = 0; k < net->head->keypoints; k++) {
        const int32_t row = net->first_point + net->head->columns * k;
        keypoints[k].x = yolo_value(net, row, candidate) * net->head->scale_x;
        keypoints[k].y = yolo_value(net, row + 1, candidate) * net->head->scale_y;
        keypoints[k].score =
            net->head->columns == 3 ? yolo_value(net, row + 2, candidate) : score;
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

/* Whether the last detection is not suppressed by a better one of its class. */
static int is_kept(const pose_box *boxes, const int32_t *classes, const pose_keypoint *keypoints,
                   int32_t last, int32_t count, const pose_thresholds *thresholds)
{
    const pose_keypoint *own = keypoints + (ptrdiff_t)last * count;
    for (int32_t i = 0; i < last; i++) {
        if (classes != NULL && classes[i] != classes[last]) {
            continue;
        }
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

/* The candidates above the confidence, best first; returns how many. Of equal scores, the first
 * candidate comes first. */
static int32_t yolo_order(const yolo *net, const pose_thresholds *thresholds, int32_t *order)
{
    int32_t length = 0;
    for (int32_t i = 0; i < net->head->candidates; i++) {
        if (yolo_score(net, i) > thresholds->confidence) {
            length = pose_insert(order, length, thresholds->max_candidates, i, yolo_score, net);
        }
    }
    return length;
}

/* Whether an end-to-end head gives one of its candidates a class that it does not have. */
static int has_other_classes(const yolo *net, const int32_t *order, int32_t length)
{
    for (int32_t i = 0; net->head->end_to_end && i < length; i++) {
        const float nearest = floorf(yolo_value(net, 5, order[i]) + 0.5f);
        if (!(nearest >= 0.0f && nearest < (float)net->head->classes)) {
            return 1;
        }
    }
    return 0;
}

pose_status pose_decode_yolo_head(const pose_output *candidates, const pose_yolo_head *head,
                                  const pose_thresholds *thresholds, int32_t *order,
                                  pose_box *boxes, int32_t *classes, pose_keypoint *keypoints,
                                  int32_t *people)
{
    if (pose_is_missing(candidates) || head == NULL || thresholds == NULL || order == NULL ||
        boxes == NULL || keypoints == NULL || people == NULL ||
        (classes == NULL && head->classes > 1)) {
        return POSE_ERROR_NULL;
    }
    if (head->candidates <= 0 || head->classes <= 0 || head->keypoints <= 0 ||
        head->columns < 2 || head->columns > 3 || thresholds->max_people <= 0 ||
        thresholds->max_candidates <= 0) {
        return POSE_ERROR_RANGE;
    }
    const yolo net = yolo_of(candidates, head);
    const int32_t count = head->keypoints, length = yolo_order(&net, thresholds, order);
    if (has_other_classes(&net, order, length)) {
        return POSE_ERROR_RANGE;
    }
    int32_t found = 0;
    for (int32_t i = 0; i < length && found < thresholds->max_people; i++) {
        boxes[found] = yolo_box(&net, order[i]);
        yolo_keypoints(&net, order[i], boxes[found].score, keypoints + (ptrdiff_t)found * count);
        if (classes != NULL) {
            classes[found] = yolo_class(&net, order[i]);
        }
        found += head->end_to_end || is_kept(boxes, classes, keypoints, found, count, thresholds);
    }
    *people = found;
    return POSE_OK;
}

pose_status pose_decode_yolo(const pose_output *candidates, int32_t boxes_count, int32_t count,
                             int transposed, float scale_x, float scale_y,
                             const pose_thresholds *thresholds, int32_t *order, pose_box *boxes,
                             pose_keypoint *keypoints, int32_t *people)
{
    const pose_yolo_head head = {boxes_count, 1, count, 3, transposed, 0, scale_x, scale_y};
    return pose_decode_yolo_head(candidates, &head, thresholds, order, boxes, NULL, keypoints,
                                 people);
}
