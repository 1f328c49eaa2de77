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

static size_t image_bytes(void)
{
    return ALL_ROWS;
}

/* The number of bytes read. */
static size_t read_inputs(const @name@_context *network, FILE *file)
{
    (void)network;
    return fread(image, 1, ALL_ROWS, file);
}
@end
@if whole
static size_t image_bytes(void)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < @NAME@_INPUTS; i++) {
        bytes += (size_t)@name@_input_bytes[i];
    }
    return bytes;
}

/* The number of bytes read. */
static size_t read_inputs(const @name@_context *network, FILE *file)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < @NAME@_INPUTS; i++) {
        bytes += fread(@name@_input(network, i), 1, (size_t)@name@_input_bytes[i], file);
    }
    return bytes;
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
/* Runs the network on every image and counts them; NULL, or why it ended early. */
static const char *run_images(@name@_context *network, FILE *inputs, FILE *outputs, int *images)
{
    size_t bytes;
    while ((bytes = read_inputs(network, inputs)) == image_bytes()) {
        pose_status status = run_network(network);
@if pose
        if (status == POSE_OK) {
            status = @name@_decode(network, &poses);
        }
@end
        if (status != POSE_OK) {
            return pose_status_text(status);
        }
@if pose
        print_poses();
@end
        if (!write_outputs(network, outputs)) {
            return "cannot write the outputs";
        }
        ++*images;
    }
    return bytes > 0 || *images == 0 ? "the inputs do not end with a whole image" : NULL;
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
    int images = 0;
    const char *problem = run_images(&network, inputs, outputs, &images);
#ifdef @NAME@_DEBUG
    if (tensors != NULL) {
        fclose(tensors);
    }
#endif
    fclose(inputs);
    if (fclose(outputs) != 0 && problem == NULL) {
        problem = "cannot write the outputs";
    }
    printf("%d images\n", images);
    if (problem != NULL) {
        fprintf(stderr, "%s; the inputs of an image have %lu bytes\n", problem,
                (unsigned long)image_bytes());
        return 1;
    }
    return 0;
}
