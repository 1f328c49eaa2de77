/* detector: anchors of an SSD, and weighted non-maximum suppression. */
#include "pose_decode.h"

/* A detector, and whether its scores are logits. */
typedef struct {
    const pose_ssd *ssd;
    int logits;
} detector;

/* The layer of an anchor; the index becomes relative to the layer. */
static const pose_ssd_layer *layer_of(const pose_ssd *ssd, int32_t *anchor)
{
    const pose_ssd_layer *layer = ssd->layers;
    while (*anchor >= layer->anchors) {
        *anchor -= layer->anchors;
        layer++;
    }
    return layer;
}

static int32_t all_anchors(const pose_ssd *ssd)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < ssd->layers_count; i++) {
        sum += ssd->layers[i].anchors;
    }
    return sum;
}

static float raw_score(const pose_ssd *ssd, int32_t anchor)
{
    const pose_ssd_layer *layer = layer_of(ssd, &anchor);
    return pose_real(&layer->scores, anchor);
}

/* Some releases of a network include the last sigmoid, others do not: scores that are not all in
 * [0, 1] are logits. */
static int has_logits(const pose_ssd *ssd)
{
    for (int32_t i = 0; i < all_anchors(ssd); i++) {
        const float score = raw_score(ssd, i);
        if (score < 0.0f || score > 1.0f) {
            return 1;
        }
    }
    return 0;
}

static float ssd_score(const void *context, int32_t anchor)
{
    const detector *made = context;
    const float score = raw_score(made->ssd, anchor);
    return made->logits ? pose_sigmoid(score) : score;
}

static float ssd_value(const pose_ssd *ssd, int32_t anchor, int32_t column)
{
    const pose_ssd_layer *layer = layer_of(ssd, &anchor);
    return pose_real(&layer->boxes, anchor * (4 + 2 * ssd->keypoints) + column);
}

/* The center of an anchor, in pixels. */
static void anchor_center(const pose_ssd *ssd, int32_t anchor, float *x, float *y)
{
    const pose_ssd_grid *grid = ssd->grids;
    int32_t rows, columns;
    for (;; grid++) {
        rows = (ssd->height + grid->stride - 1) / grid->stride;
        columns = (ssd->width + grid->stride - 1) / grid->stride;
        if (anchor < rows * columns * grid->each) {
            break;
        }
        anchor -= rows * columns * grid->each;
    }
    const int32_t cell = anchor / grid->each;
    *x = ((float)(cell % columns) + 0.5f) / (float)columns * (float)ssd->width;
    *y = ((float)(cell / columns) + 0.5f) / (float)rows * (float)ssd->height;
}

static pose_box ssd_box(const detector *made, int32_t anchor)
{
    float x, y;
    anchor_center(made->ssd, anchor, &x, &y);
    const float center_x = ssd_value(made->ssd, anchor, 0);
    const float center_y = ssd_value(made->ssd, anchor, 1);
    const float half_width = ssd_value(made->ssd, anchor, 2) / 2.0f;
    const float half_height = ssd_value(made->ssd, anchor, 3) / 2.0f;
    const pose_box box = {center_x - half_width + x, center_y - half_height + y,
                          center_x + half_width + x, center_y + half_height + y,
                          ssd_score(made, anchor)};
    return box;
}

/* Adds an anchor's box and points, weighted by its score. */
static void add_weighted(const detector *made, int32_t anchor, pose_box *sum, pose_keypoint *points)
{
    const pose_box box = ssd_box(made, anchor);
    float x, y;
    anchor_center(made->ssd, anchor, &x, &y);
    sum->x0 += box.score * box.x0;
    sum->y0 += box.score * box.y0;
    sum->x1 += box.score * box.x1;
    sum->y1 += box.score * box.y1;
    sum->score += box.score;
    for (int32_t k = 0; k < made->ssd->keypoints; k++) {
        points[k].x += box.score * (ssd_value(made->ssd, anchor, 4 + 2 * k) + x);
        points[k].y += box.score * (ssd_value(made->ssd, anchor, 5 + 2 * k) + y);
    }
}

/* The weighted mean of the best of `order` and all that overlap it; returns how many remain in
 * `order`. */
static int32_t blend(const detector *made, float overlap, int32_t *order, int32_t length,
                     pose_box *box, pose_keypoint *points)
{
    const pose_box best = ssd_box(made, order[0]);
    const pose_box nothing = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    const pose_keypoint nowhere = {0.0f, 0.0f, best.score};
    int32_t left = 0;
    *box = nothing;
    for (int32_t k = 0; k < made->ssd->keypoints; k++) {
        points[k] = nowhere;
    }
    for (int32_t i = 0; i < length; i++) {
        const pose_box other = ssd_box(made, order[i]);
        if (i == 0 || pose_boxes_overlap(&best, &other, overlap)) {
            add_weighted(made, order[i], box, points);
        } else {
            order[left++] = order[i];
        }
    }
    const float weight = box->score;
    const pose_box mean = {box->x0 / weight, box->y0 / weight, box->x1 / weight, box->y1 / weight,
                           best.score};
    *box = mean;
    for (int32_t k = 0; k < made->ssd->keypoints; k++) {
        points[k].x /= weight;
        points[k].y /= weight;
    }
    return left;
}

static int lacks_layers(const pose_ssd *ssd)
{
    if (ssd == NULL || ssd->layers == NULL || ssd->grids == NULL) {
        return 1;
    }
    for (int32_t i = 0; i < ssd->layers_count; i++) {
        if (pose_is_missing(&ssd->layers[i].boxes) || pose_is_missing(&ssd->layers[i].scores)) {
            return 1;
        }
    }
    return 0;
}

pose_status pose_decode_ssd(const pose_ssd *ssd, const pose_thresholds *thresholds, int32_t *order,
                            pose_box *boxes, pose_keypoint *keypoints, int32_t *people)
{
    if (lacks_layers(ssd) || thresholds == NULL || order == NULL || boxes == NULL ||
        keypoints == NULL || people == NULL) {
        return POSE_ERROR_NULL;
    }
    if (ssd->layers_count <= 0 || ssd->keypoints <= 0 || thresholds->max_people <= 0 ||
        thresholds->max_candidates <= 0) {
        return POSE_ERROR_RANGE;
    }
    const detector made = {ssd, has_logits(ssd)};
    const int32_t anchors = all_anchors(ssd);
    int32_t length = 0, found = 0;
    for (int32_t i = 0; i < anchors; i++) {
        const int has_size = ssd_value(ssd, i, 2) > 0.0f && ssd_value(ssd, i, 3) > 0.0f;
        if (has_size && ssd_score(&made, i) > thresholds->confidence) {
            length = pose_insert(order, length, thresholds->max_candidates, i, ssd_score, &made);
        }
    }
    for (; length > 0 && found < thresholds->max_people; found++) {
        length = blend(&made, thresholds->overlap, order, length, &boxes[found],
                       keypoints + (ptrdiff_t)found * ssd->keypoints);
    }
    *people = found;
    return POSE_OK;
}
