@if pose
#include "@name@_poses.h"
@end
@if plain
#include "@name@.h"
@end

/* In any memory: the section is one of your linker script; without it the arena lies in .bss. */
static POSE_ALIGNED(@NAME@_ARENA_ALIGNMENT) uint8_t
    arena[@NAME@_ARENA_BYTES] __attribute__((section(".axisram")));
static @name@_context network;
@if pose
static @name@_poses poses;
@end

/* Called before each layer: to feed a watchdog or read a cycle counter. */
static void before_layer(void *user, int32_t layer, const char *layer_name)
{
    feed_watchdog();
}

int main(void)
{
    pose_status status = @name@_init(&network, arena, sizeof arena);
    network.before_layer = before_layer; /* optional */
    while (status == POSE_OK) {
@if whole
        /* Before every run, which overwrites the input. */
@write_inputs@
        status = @name@_run(&network);
@end
@if pushed
        /* Row by row, as the camera gives them. */
        do {
            status = @name@_push_row(&network, next_row());
        } while (status == POSE_OK && @name@_rows_missing(&network) > 0);
@end
@if pose
        if (status == POSE_OK) {
            status = @name@_decode(&network, &poses);
        }
        if (status == POSE_OK) {
            draw(poses.keypoints, poses.people);
        }
@end
@if plain
        if (status == POSE_OK) {
            read_output(@name@_output(&network, 0));
        }
@end
    }
    log_error(pose_status_text(status));
}
