/*
 * The operators of an 8-bit network, in C99. Of some there are versions by instruction set, which
 * pose_simd.h chooses.
 *
 * Every tensor is a table of rows of `channels` values; `step` is the distance from one row of
 * values to the next, in values, so that a tensor may be some of the columns of a wider one. An
 * image is stored as height * width such rows (NHWC, one image).
 *
 * Real values are scale * (q - zero). Results equal those of LiteRT's reference kernels bit by bit.
 */
#ifndef POSE_KERNELS_H
#define POSE_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define POSE_MAX_TAPS 64 /* rows of the tallest window of a convolution */
#define POSE_MAX_DIMS 6  /* of pose_copy */

/* An image as it lies in memory: whole, or the newest `ring` of its rows, row y where row y % ring
 * is. */
typedef struct {
    int32_t height, width, channels, step, ring;
} pose_image;

/* Where a window looks: input row of output row y is y * stride - pad + ky * dilation. */
typedef struct {
    int32_t height, width;
    int32_t stride_y, stride_x;
    int32_t dilation_y, dilation_x;
    int32_t pad_y, pad_x;
} pose_window;

/* From 32-bit sums to 8 bits: one multiplier and one shift (positive to the left) for each output
 * channel. What has `even` set, here and below, is rounded once, halves to even. */
typedef struct {
    const int32_t *multiplier;
    const int8_t *shift;
    int32_t zero, low, high;
    int32_t even;
} pose_requantize;

/*
 * CONV_2D: weights are output channel, ky, kx, input channel, and zeros after each output
 * channel's, to a multiple of 4; bias has -zero * (sum of the channel's weights) in it.
 */
typedef struct {
    pose_image in, out;
    pose_window window;
    int32_t in_zero, scratch_bytes;
    const int8_t *weights;
    const int32_t *bias;
    pose_requantize scale;
} pose_conv_layer;

/* DEPTHWISE_CONV_2D: weights are ky, kx, output channel; output channel c reads input channel c /
 * multiplier. */
typedef struct {
    pose_image in, out;
    pose_window window;
    int32_t in_zero;
    int32_t multiplier;
    const int8_t *weights;
    const int32_t *bias;
    pose_requantize scale;
} pose_depthwise_layer;

/* MAX_POOL_2D and AVERAGE_POOL_2D. */
typedef struct {
    pose_image in, out;
    pose_window window;
    int32_t low, high;
} pose_pool_layer;

/*
 * RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: for each output row and column the two inputs, and
 * the second one's share in 1/1024. A multiplier other than 0 brings sums of shares, in 1/2^20, to
 * the output's own scale, halves to even; else that is the input's, halves away from zero.
 */
typedef struct {
    pose_image in, out;
    const int16_t *first_y, *second_y, *share_y;
    const int16_t *first_x, *second_x, *share_x;
    int32_t in_zero, zero, multiplier, shift;
} pose_resize_layer;

/*
 * FULLY_CONNECTED: weights are output, input; from one output's weights to the next are
 * `weight_step` values. Where they are constant, both zero points are 0, and bias has -zero * (sum
 * of the output's weights) in it; where the network computes them, they have a zero point of their
 * own. pose_dense_few takes constant weights of few outputs in pairs, as pose_dot_pairs does.
 */
typedef struct {
    int32_t rows, inputs, outputs, weight_step;
    int32_t in_zero, weight_zero;
    const int32_t *bias;
    pose_requantize scale;
} pose_dense_layer;

/* Two operands and a result of up to four dimensions; a stride of 0 repeats an operand along a
 * dimension. */
typedef struct {
    int32_t size[4], a[4], b[4], out[4];
} pose_grid;

/*
 * ADD and SUB of 8-bit values, and SQUARED_DIFFERENCE: both operands come to a common scale, 20
 * bits finer, or 7 before they are squared.
 */
typedef struct {
    pose_grid grid;
    int32_t a_zero, a_multiplier, a_shift;
    int32_t b_zero, b_multiplier, b_shift;
    int32_t b_sign; /* 1 adds, -1 subtracts */
    int32_t zero, multiplier, shift;
    int32_t low, high;
    int32_t even;
} pose_add_layer;

/* MUL of 8-bit values. */
typedef struct {
    pose_grid grid;
    int32_t a_zero, b_zero;
    int32_t zero, multiplier, shift;
    int32_t low, high;
    int32_t even;
} pose_mul_layer;

typedef enum { POSE_ADD, POSE_SUB, POSE_MUL, POSE_DIV } pose_arithmetic;

/* PRELU: one slope a channel. */
typedef struct {
    int32_t rows, channels, in_step, out_step;
    int32_t in_zero, slope_zero, zero;
    int32_t positive_multiplier, positive_shift;
    int32_t negative_multiplier, negative_shift;
    const int8_t *slopes;
} pose_prelu_layer;

/*
 * PRELU of a QDQ network that has 8-bit values on the way. From zero on, first[x] is the result;
 * below it, what the slope multiplies, and second[product] is the result. Both are indexed by
 * bytes.
 */
typedef struct {
    int32_t rows, channels, in_step, out_step;
    int32_t in_zero, first_zero, slope_zero, second_zero;
    int32_t multiplier, shift;
    const int8_t *first, *second, *slopes;
} pose_prelu_between_layer;

/* Rows of values, and where each lies. */
typedef struct {
    int32_t rows, channels, in_step, out_step;
} pose_rows;

/* MEAN over height and width. */
typedef struct {
    pose_image in;
    int32_t in_zero, zero, multiplier, shift;
    int32_t even;
} pose_mean_layer;

/*
 * SOFTMAX along the channels: exponentials holds exp(-scale * beta * i) for i = 0 ... 255, in
 * 1/2^31. A share of 1 is 2^bits steps of the output, times multiplier / 2^31 where that is not 0.
 */
typedef struct {
    pose_rows rows;
    const int32_t *exponentials;
    int32_t multiplier, bits, zero;
} pose_softmax_layer;

/*
 * LOG_SOFTMAX along the channels: exponentials as of SOFTMAX, and differences -scale * i in 1/2^26;
 * those of `least` steps or less give the least result. The result is in 1/16, plus 127.
 */
typedef struct {
    pose_rows rows;
    const int32_t *exponentials, *differences;
    int32_t least, reverse_multiplier, reverse_shift;
} pose_log_softmax_layer;

/* What moves values without computing: out[i0, i1, ...] = in[i0, i1, ...], strides in values of
 * `bytes` bytes. */
typedef struct {
    int32_t dims, bytes;
    int32_t size[POSE_MAX_DIMS], in[POSE_MAX_DIMS], out[POSE_MAX_DIMS];
} pose_copy_layer;

/*
 * GATHER and GATHER_ND: `depth` indices choose one of the slices of `slice` bytes; stride of each
 * index in slices. The same indices choose in each of `outer` parts of `part` bytes.
 */
typedef struct {
    int32_t outer, part;
    int32_t count, depth, slice;
    int32_t size[4], stride[4];
} pose_gather_layer;

/* ARG_MAX along the middle of outer, length, inner. */
typedef struct {
    int32_t outer, length, inner;
} pose_argmax_layer;

/* TRANSPOSE_CONV: weights are output channel, ky, kx, input channel; a window's tap lies at input *
 * stride - pad + tap of the output. */
typedef struct {
    pose_image in, out;
    pose_window window;
    int32_t in_zero;
    const int8_t *weights;
    const int32_t *bias;
    pose_requantize scale;
} pose_transposed_layer;

typedef enum { POSE_REDUCE_SUM, POSE_REDUCE_MAX, POSE_REDUCE_MIN } pose_reduction;

/* MEAN, SUM, REDUCE_MAX, REDUCE_MIN: `length` values, `apart` from each other, become one. A
 * multiplier divides by their number too. */
typedef struct {
    pose_reduction what;
    int32_t size[4], in[4], out[4];
    int32_t length[4], apart[4];
    int32_t in_zero, zero, multiplier, shift;
    int32_t even;
} pose_reduce_layer;

/* PRELU whose slopes are a tensor of any shape that repeats. */
typedef struct {
    pose_grid grid;
    int32_t in_zero, slope_zero, zero;
    int32_t positive_multiplier, positive_shift;
    int32_t negative_multiplier, negative_shift;
} pose_prelu_grid_layer;

/* BATCH_MATMUL: a row of a times a column of b, `depth` values each, which lie `along` from each
 * other. */
typedef struct {
    pose_grid grid;
    int32_t depth, a_along, b_along;
    int32_t a_zero, b_zero;
    int32_t zero, multiplier, shift;
    int32_t even;
} pose_matmul_layer;

/*
 * Images: pose_X computes all rows, pose_X_row the row y alone, to `out`; `in` is where the input's
 * rows begin.
 *
 * scratch, of scratch_bytes, is aligned to 4 bytes. With 6 bytes for each value under the window,
 * rounded up to 4 values, it is fastest; with less, but at least 96 bytes, windows are computed
 * part by part.
 */
void pose_conv(const pose_conv_layer *layer, const int8_t *in, int8_t *out, int8_t *scratch);
void pose_conv_row(const pose_conv_layer *layer, int32_t y, const int8_t *in, int8_t *out,
                   int8_t *scratch);
void pose_depthwise(const pose_depthwise_layer *layer, const int8_t *in, int8_t *out);
void pose_depthwise_row(const pose_depthwise_layer *layer, int32_t y, const int8_t *in,
                        int8_t *out);
void pose_transposed(const pose_transposed_layer *layer, const int8_t *in, int8_t *out);
void pose_transposed_row(const pose_transposed_layer *layer, int32_t y, const int8_t *in,
                         int8_t *out);
void pose_max_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out);
void pose_max_pool_row(const pose_pool_layer *layer, int32_t y, const int8_t *in, int8_t *out);
void pose_average_pool(const pose_pool_layer *layer, const int8_t *in, int8_t *out);
void pose_average_pool_row(const pose_pool_layer *layer, int32_t y, const int8_t *in, int8_t *out);
void pose_resize_bilinear(const pose_resize_layer *layer, const int8_t *in, int8_t *out);
void pose_resize_bilinear_row(const pose_resize_layer *layer, int32_t y, const int8_t *in,
                              int8_t *out);
void pose_resize_nearest(const pose_resize_layer *layer, const int8_t *in, int8_t *out);
void pose_resize_nearest_row(const pose_resize_layer *layer, int32_t y, const int8_t *in,
                             int8_t *out);

/* The following work row by row as they are, or in place; a pointer may be that of one row. */
void pose_table(const pose_rows *rows, const int8_t *table, const void *in, int8_t *out);
void pose_prelu(const pose_prelu_layer *layer, const int8_t *in, int8_t *out);
void pose_prelu_between(const pose_prelu_between_layer *layer, const int8_t *in, int8_t *out);
void pose_add(const pose_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void pose_squared_difference(const pose_add_layer *layer, const int8_t *a, const int8_t *b,
                             int8_t *out);
void pose_mul(const pose_mul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
/* Of 256 results a channel. */
void pose_channel_table(const pose_rows *rows, const int8_t *tables, const void *in, int8_t *out);
void pose_float_table(const pose_rows *rows, const float *table, const void *in, float *out);
void pose_quantize(const pose_rows *rows, float scale, int32_t zero, const float *in, int8_t *out);
void pose_dequantize(const pose_rows *rows, float scale, int32_t zero, const int8_t *in,
                     float *out);
void pose_softmax(const pose_softmax_layer *layer, const int8_t *in, int8_t *out);
void pose_log_softmax(const pose_log_softmax_layer *layer, const int8_t *in, int8_t *out);

/* Vectors and small tensors. */
void pose_dense(const pose_dense_layer *layer, const int8_t *in, const int8_t *weights,
                int8_t *out);
void pose_dense_few(const pose_dense_layer *layer, const int8_t *in, const int32_t *pairs,
                    int8_t *out);
void pose_mean(const pose_mean_layer *layer, const int8_t *in, int8_t *out);
void pose_arg_max(const pose_argmax_layer *layer, const int8_t *in, int32_t *out);
void pose_gather(const pose_gather_layer *layer, const void *in, const int32_t *indices, void *out);
void pose_copy(const pose_copy_layer *layer, const void *in, void *out);
void pose_fill(const pose_rows *rows, int8_t value, int8_t *out);
void pose_int32(pose_arithmetic what, const pose_grid *grid, const int32_t *a, const int32_t *b,
                int32_t *out);
void pose_float(pose_arithmetic what, const pose_grid *grid, const float *a, const float *b,
                float *out);
void pose_int32_to_float(int32_t count, const int32_t *in, float *out);

void pose_reduce(const pose_reduce_layer *layer, const int8_t *in, int8_t *out);
void pose_maximum(const pose_grid *grid, const int8_t *a, const int8_t *b, int8_t *out);
void pose_minimum(const pose_grid *grid, const int8_t *a, const int8_t *b, int8_t *out);
void pose_prelu_grid(const pose_prelu_grid_layer *layer, const int8_t *in, const int8_t *slopes,
                     int8_t *out);
void pose_matmul(const pose_matmul_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif
