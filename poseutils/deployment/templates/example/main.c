/*
 *     main INPUTS OUTPUTS [TENSORS]
 *
 * INPUTS holds the input tensors of one image after the other; the outputs are written to OUTPUTS
 * in the same way. A debug build (-D@NAME@_DEBUG) writes every tensor that is
 * computed to TENSORS: its index and its size in bytes, both int32_t, and its values.
@if pose
 *
 * Prints one keypoint per line: person, keypoint, x and y in pixels of the input, score.
@end
 */
#include <stdio.h>

#include "@name@.h"
@if pose
#include "@name@_poses.h"
@end

static POSE_ALIGNED(@NAME@_ARENA_ALIGNMENT) uint8_t
    arena[@NAME@_ARENA_BYTES];
@if pose
static @name@_poses poses;
@end

@if pushed
#define ALL_ROWS ((size_t)@NAME@_ROWS * @NAME@_ROW_BYTES)

/* As a camera gives it: row by row. */
static uint8_t image[ALL_ROWS];

static int read_inputs(const @name@_context *network, FILE *file)
{
    (void)network;
    return fread(image, 1, ALL_ROWS, file) == ALL_ROWS;
}
@end
@if whole
static int read_inputs(const @name@_context *network, FILE *file)
{
    for (int32_t i = 0; i < @NAME@_INPUTS; i++) {
        const size_t bytes = (size_t)@name@_input_bytes[i];
        if (fread(@name@_input(network, i), 1, bytes, file) != bytes) {
            return 0;
        }
    }
    return 1;
}
@end

static int write_outputs(const @name@_context *network, FILE *file)
{
    for (int32_t i = 0; i < @NAME@_OUTPUTS; i++) {
        const size_t bytes = (size_t)@name@_output_bytes[i];
        if (fwrite(@name@_output(network, i), 1, bytes, file) != bytes) {
            return 0;
        }
    }
    return 1;
}

#ifdef @NAME@_DEBUG
static void write_tensor(void *file, int32_t tensor, const void *values, int32_t rows,
                         int32_t row_bytes, int32_t stride_bytes)
{
    const int32_t head[2] = {tensor, rows * row_bytes};
    fwrite(head, sizeof head, 1, file);
    for (int32_t row = 0; row < rows; row++) {
        const char *const from = (const char *)values + (size_t)row * (size_t)stride_bytes;
        fwrite(from, 1, (size_t)row_bytes, file);
    }
}
#endif

@if pushed
static pose_status run_rows(@name@_context *network)
{
    pose_status status = POSE_OK;
    for (size_t at = 0; at < ALL_ROWS && status == POSE_OK; at += @NAME@_ROW_BYTES) {
        status = @name@_push_row(network, image + at);
    }
    return status;
}

#define RUN run_rows
@end
@if whole
#define RUN @name@_run
@end

#ifdef POSE_CLOCK_NS
double pose_clock(void); /* instructions of an emulated board */

static pose_status run_network(@name@_context *network)
{
    const double before = pose_clock();
    const pose_status status = RUN(network);
    printf("%.0f instructions\n", pose_clock() - before);
    return status;
}
#else
static pose_status run_network(@name@_context *network)
{
    return RUN(network);
}
#endif

@if pose
static void print_poses(void)
{
    for (int32_t person = 0; person < poses.people; person++) {
        for (int32_t k = 0; k < @NAME@_KEYPOINTS; k++) {
            const pose_keypoint *point = &poses.keypoints[person][k];
            printf("%d %d %.4f %.4f %.6f\n", (int)person, (int)k, (double)point->x,
                   (double)point->y, (double)point->score);
        }
    }
}

@end
/* The number of images, or -1. */
static int run_images(@name@_context *network, FILE *inputs, FILE *outputs)
{
    int images = 0;
    while (read_inputs(network, inputs)) {
        if (run_network(network) != POSE_OK) {
            return -1;
        }
@if pose
        if (@name@_decode(network, &poses) != POSE_OK) {
            return -1;
        }
        print_poses();
@end
        if (!write_outputs(network, outputs)) {
            return -1;
        }
        images++;
    }
    return images;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: main INPUTS OUTPUTS\n");
        return 2;
    }
    FILE *inputs = fopen(argv[1], "rb"), *outputs = fopen(argv[2], "wb");
    if (inputs == NULL || outputs == NULL) {
        fprintf(stderr, "cannot open %s\n", inputs == NULL ? argv[1] : argv[2]);
        return 1;
    }
    @name@_context network;
    const pose_status status = @name@_init(&network, arena, sizeof arena);
    if (status != POSE_OK) {
        fprintf(stderr, "%s\n", pose_status_text(status));
        return 1;
    }
#ifdef @NAME@_DEBUG
    FILE *const tensors = argc > 3 ? fopen(argv[3], "wb") : NULL;
    network.after_layer = tensors != NULL ? write_tensor : NULL;
    network.user = tensors;
#endif
    const int images = run_images(&network, inputs, outputs);
#ifdef @NAME@_DEBUG
    if (tensors != NULL) {
        fclose(tensors);
    }
#endif
    fclose(inputs);
    if (fclose(outputs) != 0 || images < 0) {
        fprintf(stderr, "cannot write %s\n", argv[2]);
        return 1;
    }
    printf("%d images\n", images);
    return 0;
}
