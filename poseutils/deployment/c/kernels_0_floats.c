
/* ---------------------------------------------------------------- QDQ networks: sums of floats, see pose_float_sums */

/* Whether a sum of integers is so close to halfway between two results that the roundings of floats may decide. */
static int undecided(int32_t sum, const int32_t *bias, const pose_requantize *scale, int32_t c)
{
    const float x = (float)sum_of(sum, bias[c]) * scale->real[c], least = (float)(scale->low - scale->zero);
    const float most = (float)(scale->high - scale->zero), inside = x < least ? least : x > most ? most : x, whole = 12582912.0f;
    return fabsf(inside - (inside + whole - whole)) > scale->floats->sure[c];
}

/* A sum of channel c on its way: `left` products are to come, `run` of them before `part` is added to the total. */
typedef struct {
    const pose_float_sums *how;
    int32_t c, left, run;
    float total, part;
} float_sum;

/* Products of the next run; without `joined`, fewer than four at the end are two and one. */
static int32_t next_run(const pose_float_sums *how, int32_t left)
{
    return left >= how->run ? how->run : how->joined || left < 2 ? left : 2;
}

static void add_product(float_sum *sum, int32_t value, int32_t weight)
{
    const pose_float_sums *how = sum->how;
    const float x = how->in_scale * (float)value, w = how->weight_scale[sum->c] * (float)weight;
    if (sum->run == 0) {
        sum->total += sum->part;
        sum->part = 0.0f;
        sum->run = next_run(how, sum->left);
    }
    sum->part = how->joined ? fmaf(x, w, sum->part) : sum->part + x * w;
    sum->left--;
    sum->run--;
}

static int8_t rounded_sum(const float_sum *sum, const pose_requantize *scale)
{
    const float products = sum->total + sum->part, all = sum->how->bias == NULL ? products : products + sum->how->bias[sum->c];
    return (int8_t)rounded_even(all / sum->how->scale, scale->zero, scale->low, scale->high);
}
