#ifndef @NAME@_POSES_H
#define @NAME@_POSES_H

#include "@name@.h"
#include "pose_decode.h"

#ifdef __cplusplus
extern "C" {
#endif

#define @NAME@_KEYPOINTS @keypoints@
#define @NAME@_MAX_PEOPLE @people@
@if several
#define @NAME@_MAX_CANDIDATES @candidates@
@end

/* The decoded poses: people best first, all coordinates in pixels of the input. */
typedef struct {
    int32_t people;
@if scored
    float score; /* of the person, below the threshold too: people is 0, and keypoints a guess */
@end
    pose_keypoint keypoints[@NAME@_MAX_PEOPLE][@NAME@_KEYPOINTS];
@if several
    pose_box boxes[@NAME@_MAX_PEOPLE];
@end
@if classed
    int32_t classes[@NAME@_MAX_PEOPLE];
@end
@if several
    int32_t candidates[@NAME@_MAX_CANDIDATES]; /* scratch of the decoder */
@end
} @name@_poses;

/* Decodes the outputs of an instance after @name@_run. */
pose_status @name@_decode(const @name@_context *context, @name@_poses *poses);

#ifdef __cplusplus
}
#endif

#endif
