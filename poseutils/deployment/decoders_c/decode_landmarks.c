/* hand_spe and head_spe: landmarks in pixels. */
#include "pose_decode.h"

pose_status pose_decode_landmarks(const pose_output *points, const pose_output *presence,
                                  int32_t count, int32_t dims, pose_keypoint *keypoints)
{
    if (pose_is_missing(points) || (presence != NULL && presence->values == NULL) ||
        keypoints == NULL) {
        return POSE_ERROR_NULL;
    }
    if (count <= 0 || dims < 2) {
        return POSE_ERROR_RANGE;
    }
    const float score = presence == NULL ? 1.0f : pose_probability(pose_real(presence, 0));
    for (int32_t k = 0; k < count; k++) {
        keypoints[k].x = pose_real(points, dims * k);
        keypoints[k].y = pose_real(points, dims * k + 1);
        keypoints[k].score = score;
    }
    return POSE_OK;
}
