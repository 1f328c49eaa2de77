/* Lookup tables, QUANTIZE, DEQUANTIZE and CAST: a value at a time. */
#include <math.h>

#include "pose_arithmetic.h"

void pose_table(const pose_rows *rows, const int8_t *table, const void *in, int8_t *out)
{
    const uint8_t *values = in;
    if (rows->in_step == rows->channels && rows->out_step == rows->channels) {
        pose_look_up(table, values, rows->rows * rows->channels, out);
        return;
    }
    for (int32_t row = 0; row < rows->rows; row++, values += rows->in_step, out += rows->out_step) {
        pose_look_up(table, values, rows->channels, out);
    }
}

void pose_channel_table(const pose_rows *rows, const int8_t *tables, const void *in, int8_t *out)
{
    const uint8_t *values = in;
    for (int32_t row = 0; row < rows->rows; row++, values += rows->in_step, out += rows->out_step) {
        const int8_t *table = tables;
        for (int32_t c = 0; c < rows->channels; c++, table += 256) {
            out[c] = table[values[c]];
        }
    }
}

void pose_float_table(const pose_rows *rows, const float *table, const void *in, float *out)
{
    const uint8_t *values = in;
    for (int32_t row = 0; row < rows->rows; row++, values += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            out[c] = table[values[c]];
        }
    }
}

/* From the first value to the last, because four bytes in become one byte out: in place, the output
 * never overtakes the input. */
void pose_quantize(const pose_rows *rows, float scale, int32_t zero, const float *in, int8_t *out)
{
    for (int32_t row = 0; row < rows->rows; row++, in += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            const float steps = roundf(in[c] / scale);
            const int32_t q = steps >= 1024.0f ? 1024 : steps >= -1024.0f ? (int32_t)steps : -1024;
            out[c] = in_8_bits(q + zero);
        }
    }
}

void pose_dequantize(const pose_rows *rows, float scale, int32_t zero, const int8_t *in, float *out)
{
    for (int32_t row = 0; row < rows->rows; row++, in += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            out[c] = scale * (float)(in[c] - zero);
        }
    }
}

void pose_int32_to_float(int32_t count, const int32_t *in, float *out)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = (float)in[i];
    }
}
