
/* ---------------------------------------------------------------- tables, and what QDQ networks need besides */

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

/* From the first value to the last, as pose_quantize. */
void pose_quantize_even(const pose_rows *rows, float scale, int32_t zero, const float *in, int8_t *out)
{
    for (int32_t row = 0; row < rows->rows; row++, in += rows->in_step, out += rows->out_step) {
        for (int32_t c = 0; c < rows->channels; c++) {
            const float steps = rintf(in[c] / scale);
            const int32_t q = steps >= 1024.0f ? 1024 : steps >= -1024.0f ? (int32_t)steps : -1024;
            out[c] = (int8_t)clamp(q + zero, INT8_MIN, INT8_MAX);
        }
    }
}
