/* spe: coordinates of one person's keypoints. */
#include "pose_decode.h"

pose_status pose_decode_spe(const pose_output *points, int32_t count, float width, float height,
                            pose_keypoint *keypoints)
{
    if (pose_is_missing(points) || keypoints == NULL) {
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
    return POSE_OK;
}
