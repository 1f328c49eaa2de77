
/* ---------------------------------------------------------------- several people */

typedef float score_of(const void *context, int32_t candidate);

/* Puts a candidate into an order of scores, best first, after those of an equal score; the worst
 * goes where there is no room. */
static int32_t insert(int32_t *order, int32_t length, int32_t room, int32_t candidate,
                      score_of *score, const void *context)
{
    const float own = score(context, candidate);
    int32_t place = length;
    while (place > 0 && score(context, order[place - 1]) < own) {
        place--;
    }
    if (place == room) {
        return length;
    }
    const int32_t longer = length < room ? length + 1 : room;
    for (int32_t i = longer - 1; i > place; i--) {
        order[i] = order[i - 1];
    }
    order[place] = candidate;
    return longer;
}

/* True if intersection over union is more than `overlap`. */
static int overlaps(const pose_box *a, const pose_box *b, float overlap)
{
    const float width = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0),
                height = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    const float shared = fmaxf(width, 0.0f) * fmaxf(height, 0.0f);
    const float area = (a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0);
    return shared > overlap * (area - shared);
}

/* ---------------------------------------------------------------- YOLO */

typedef struct {
    const pose_output *candidates;
    int32_t row_step, candidate_step;
    float scale_x, scale_y;
} yolo;

static float yolo_value(const yolo *net, int32_t row, int32_t candidate)
{
    return real(net->candidates, row * net->row_step + candidate * net->candidate_step);
}

static float yolo_score(const void *context, int32_t candidate)
{
    return yolo_value(context, 4, candidate);
}

static pose_box yolo_box(const yolo *net, int32_t candidate)
{
    const float x = yolo_value(net, 0, candidate) * net->scale_x,
                y = yolo_value(net, 1, candidate) * net->scale_y;
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

#define AREA_OF_BOX 0.53f /* what a person fills of the box */

/* True if the object keypoint similarity (OKS) to a better one is more than the threshold; the
 * better one's box gives the scale. */
static int is_alike(const pose_keypoint *a, const pose_keypoint *better, const pose_box *box,
                    int32_t count, const pose_thresholds *thresholds)
{
    const float area = fmaxf(box->x1 - box->x0, 0.0f) * fmaxf(box->y1 - box->y0, 0.0f);
    const float scale = 8.0f * AREA_OF_BOX * fmaxf(area, 1e-9f);
    float sum = 0.0f;
    for (int32_t k = 0; k < count; k++) {
        const float dx = a[k].x - better[k].x, dy = a[k].y - better[k].y,
                    sigma = thresholds->sigmas[k];
        sum += expf(-(dx * dx + dy * dy) / (scale * sigma * sigma));
    }
    return sum > thresholds->overlap * (float)count;
}

/* Whether the last of the people is none of those before. */
static int is_new(const pose_box *boxes, const pose_keypoint *keypoints, int32_t last,
                  int32_t count, const pose_thresholds *thresholds)
{
    const pose_keypoint *own = keypoints + (ptrdiff_t)last * count;
    for (int32_t i = 0; i < last; i++) {
        const int same =
            thresholds->sigmas == NULL
                ? overlaps(&boxes[i], &boxes[last], thresholds->overlap)
                : is_alike(own, keypoints + (ptrdiff_t)i * count, &boxes[i], count, thresholds);
        if (same) {
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
    if (lacks(candidates) || thresholds == NULL || order == NULL || boxes == NULL ||
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
    for (int32_t i = boxes_count - 1; i >= 0;
         i--) { /* of equal scores the last, of the coarser grid, is the better one */
        if (yolo_score(&net, i) > thresholds->confidence) {
            length = insert(order, length, thresholds->max_candidates, i, yolo_score, &net);
        }
    }
    for (int32_t i = 0; i < length && found < thresholds->max_people; i++) {
        boxes[found] = yolo_box(&net, order[i]);
        yolo_keypoints(&net, order[i], count, keypoints + (ptrdiff_t)found * count);
        found += is_new(boxes, keypoints, found, count, thresholds);
    }
    *people = found;
    return POSE_OK;
}

/* ---------------------------------------------------------------- SSD */

/* A detector, and whether its scores are logits. */
typedef struct {
    const pose_ssd *ssd;
    int logits;
} detector;

/* The layer of an anchor, whose index becomes that in the layer. */
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
    return real(&layer->scores, anchor);
}

/* Releases of one network differ in whether the file holds its last sigmoid: scores that do not all
 * lie from 0 to 1 are logits. */
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
    return made->logits ? sigmoid(score) : score;
}

static float ssd_value(const pose_ssd *ssd, int32_t anchor, int32_t column)
{
    const pose_ssd_layer *layer = layer_of(ssd, &anchor);
    return real(&layer->boxes, anchor * (4 + 2 * ssd->keypoints) + column);
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
    const float middle_x = ssd_value(made->ssd, anchor, 0),
                middle_y = ssd_value(made->ssd, anchor, 1);
    const float half_width = ssd_value(made->ssd, anchor, 2) / 2.0f,
                half_height = ssd_value(made->ssd, anchor, 3) / 2.0f;
    const pose_box box = {middle_x - half_width + x, middle_y - half_height + y,
                          middle_x + half_width + x, middle_y + half_height + y,
                          ssd_score(made, anchor)};
    return box;
}

/* Adds an anchor's box and points, times its score, to a sum. */
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

/* The mean of the best of `order` and of all that overlap it; gives how many are left, in their
 * order. */
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
        if (i == 0 || overlaps(&best, &other, overlap)) {
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
        if (lacks(&ssd->layers[i].boxes) || lacks(&ssd->layers[i].scores)) {
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
            length = insert(order, length, thresholds->max_candidates, i, ssd_score, &made);
        }
    }
    for (; length > 0 && found < thresholds->max_people; found++) {
        length = blend(&made, thresholds->overlap, order, length, &boxes[found],
                       keypoints + (ptrdiff_t)found * ssd->keypoints);
    }
    *people = found;
    return POSE_OK;
}
