#include "@name@_poses.h"

@constants@pose_status @name@_decode(const @name@_context *context, @name@_poses *poses)
{
    if (context == NULL || poses == NULL) {
        return POSE_ERROR_NULL;
    }
    if (context->arena == NULL) {
        return POSE_ERROR_NOT_INITIALIZED;
    }
@body@
}
