/* spe: coordinates of one person's keypoints. */
#include "pose_decode.h"

pose_status pose_decode_spe(const pose_output *points, int32_t count, float width, float height,
                            float confidence, pose_keypoint *keypoints, float *score,
                            int32_t *people)
{
    if (pose_is_missing(points) || keypoints == NULL || score == NULL || people == NULL) {
        return POSE_ERROR_NULL;
    }
    if (count <= 0) {
        return POSE_ERROR_RANGE;
    }
    for (int32_t k = 0; k < count; k++) {
        keypoints[k].x = pose_real(points, 3 * k + 1) * width;
        keypoints[k].y = pose_real(points, 3 * k) * height;
        keypoints[k].score = pose_real(points, 3 * k + 2);
    }
    *score = pose_person_score(keypoints, count);
    *people = pose_is_person(*score, confidence);
    return POSE_OK;
}
