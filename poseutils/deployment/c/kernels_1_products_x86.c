
/* ---------------------------------------------------------------- the same, by AVX-512 */

#if POSE_X86

/*
 * The instruction VPDPBUSD multiplies bytes without a sign by bytes with one and adds each four products to a sum. So either the weights
 * or the values become 128 more, and 128 times the sum of the other ones is taken back.
 */

/* 64 bytes, or sixteen sums of 32 bits, of each of four places. */
typedef struct {
    __m512i place[PLACES];
} four_places;

static const four_places NO_SUMS;

static inline four_places load_places(const int8_t *const *values, int32_t i, __mmask64 inside)
{
    const four_places loaded = {{_mm512_maskz_loadu_epi8(inside, values[0] + i), _mm512_maskz_loadu_epi8(inside, values[1] + i),
                                 _mm512_maskz_loadu_epi8(inside, values[2] + i), _mm512_maskz_loadu_epi8(inside, values[3] + i)}};
    return loaded;
}

/* Weights, 128 more. */
static inline __m512i load_weights(const int8_t *weights, __mmask64 inside)
{
    return _mm512_xor_si512(_mm512_maskz_loadu_epi8(inside, weights), _mm512_set1_epi8(INT8_MIN));
}

static inline four_places add_products(four_places sums, __m512i weights, four_places x)
{
    const four_places added = {{_mm512_dpbusd_epi32(sums.place[0], weights, x.place[0]), _mm512_dpbusd_epi32(sums.place[1], weights, x.place[1]),
                                _mm512_dpbusd_epi32(sums.place[2], weights, x.place[2]), _mm512_dpbusd_epi32(sums.place[3], weights, x.place[3])}};
    return added;
}

/* Of four vectors: in each 128 bits of the result the sums of the same 128 bits of each of them. */
static inline __m512i add_within(__m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/* The 128 bits of one vector added up two and two, then those of another. */
static inline __m512i add_pairs(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

/* Four channels, 64 products at a time: sums of each in every 128 bits. */
static four_places dots(const int8_t *const *values, const int8_t *const *w, int32_t count)
{
    four_places a = NO_SUMS, b = NO_SUMS, c = NO_SUMS, d = NO_SUMS;
    for (int32_t i = 0; i < count; i += 64) {
        const __mmask64 inside = pose_first64(count - i);
        const four_places x = load_places(values, i, inside);
        a = add_products(a, load_weights(w[0] + i, inside), x);
        b = add_products(b, load_weights(w[1] + i, inside), x);
        c = add_products(c, load_weights(w[2] + i, inside), x);
        d = add_products(d, load_weights(w[3] + i, inside), x);
    }
    four_places sums;
    for (int32_t i = 0; i < PLACES; i++) {
        sums.place[i] = add_within(a.place[i], b.place[i], c.place[i], d.place[i]);
    }
    return sums;
}

/* Sixteen channels, their weights raised. */
static inline four_places raised_sums(const int8_t *const *values, const int8_t *const *w, int32_t count)
{
    four_places part[4], sums;
    for (int32_t i = 0; i < 4; i++) {
        part[i] = dots(values, w + 4 * i, count);
    }
    for (int32_t i = 0; i < PLACES; i++) {
        sums.place[i] = add_pairs(add_pairs(part[0].place[i], part[1].place[i]), add_pairs(part[2].place[i], part[3].place[i]));
    }
    return sums;
}

/* 128 times the sum of the values of each place. */
static four_places surplus(const int8_t *const *values, int32_t count)
{
    four_places sums = NO_SUMS;
    for (int32_t i = 0; i < count; i += 64) {
        sums = add_products(sums, _mm512_set1_epi8(INT8_MIN), load_places(values, i, pose_first64(count - i)));
    }
    for (int32_t i = 0; i < PLACES; i++) {
        sums.place[i] = _mm512_set1_epi32(_mm512_reduce_add_epi32(sums.place[i]));
    }
    return sums;
}

/* All output channels of up to four places, sixteen at a time; where there are not so many, the last one again. */
static void conv_places(const pose_conv_layer *layer, const int8_t *const *values, int32_t count, int32_t places, int8_t *scratch,
                        int8_t *out)
{
    const four_places raised = surplus(values, count);
    const int32_t last = layer->out.channels - 1;
    (void)scratch;
    for (int32_t c = 0; c <= last; c += 16) {
        const int8_t *weights[16];
        for (int32_t i = 0; i < 16; i++) {
            weights[i] = layer->weights + (c + i < last ? c + i : last) * padded(count);
        }
        four_places sums = raised_sums(values, weights, count);
        for (int32_t i = 0; i < PLACES; i++) {
            sums.place[i] = _mm512_sub_epi32(sums.place[i], raised.place[i]);
        }
        const __mmask16 inside = pose_first16(last + 1 - c);
        const __m512i bias = _mm512_maskz_loadu_epi32(inside, layer->bias + c);
        requantize16(sums.place, bias, &layer->scale, c, inside, places, out + c, layer->out.step);
        for (int32_t i = 0; i < places && layer->scale.floats != NULL; i++) {
            int32_t of_place[16];
            _mm512_storeu_si512(of_place, sums.place[i]);
            conv_undecided(layer, values[i], of_place, c, last + 1 - c < 16 ? last + 1 - c : 16, out + c + i * layer->out.step);
        }
    }
}

#define MOST_QUADS 512  /* of a channel's weights that turned_weights holds */
#define LEAST_PLACES 96 /* of a row that it is worth making them for */

/*
 * Sixteen channels' weights: four of each side by side, then the next four, so that no sums are left to add up. `bias` takes back that the
 * values become 128 more.
 */
typedef struct {
    int32_t first;
    __mmask16 inside;
    __m512i bias, quads[MOST_QUADS];
} turned_weights;

/* Where there are many places, and what lies under the window need not be copied for every sixteen channels, or is short. */
static int worth_turning(const pose_conv_layer *layer, int32_t count)
{
    const int one = layer->window.height * layer->window.width == 1;
    return layer->scale.floats == NULL && layer->out.width >= LEAST_PLACES && count <= (one ? 4 * MOST_QUADS : 64);
}

static void turn_weights(const pose_conv_layer *layer, int32_t count, int32_t first, turned_weights *turned)
{
    const __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i starts = _mm512_mullo_epi32(numbers, _mm512_set1_epi32(padded(count)));
    const int8_t *weights = layer->weights + (ptrdiff_t)first * padded(count);
    __m512i surplus = _mm512_setzero_si512();
    turned->first = first;
    turned->inside = pose_first16(layer->out.channels - first);
    for (int32_t i = 0; i < padded(count) / 4; i++) {
        turned->quads[i] = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), turned->inside, starts, weights + 4 * i, 1);
        surplus = _mm512_dpbusd_epi32(surplus, _mm512_set1_epi8(INT8_MIN), turned->quads[i]);
    }
    turned->bias = _mm512_sub_epi32(_mm512_maskz_loadu_epi32(turned->inside, layer->bias + first), surplus);
}

/* Adds four products of each channel. */
static inline __m512i add_quad(__m512i sums, int32_t values, __m512i weights)
{
    return _mm512_dpbusd_epi32(sums, _mm512_xor_si512(_mm512_set1_epi32(values), _mm512_set1_epi8(INT8_MIN)), weights);
}

/* Sixteen output channels of up to four places. */
static void turned_places(const pose_conv_layer *layer, const turned_weights *turned, const int8_t *const *values, int32_t count,
                          int32_t places, int8_t *out)
{
    four_places sums = NO_SUMS, odd = NO_SUMS;
    int32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const __m512i w = turned->quads[i / 4], v = turned->quads[i / 4 + 1];
        for (int32_t place = 0; place < PLACES; place++) {
            sums.place[place] = add_quad(sums.place[place], pose_load4(values[place] + i), w);
            odd.place[place] = add_quad(odd.place[place], pose_load4(values[place] + i + 4), v);
        }
    }
    for (; i < count; i += 4) { /* beyond the last value nothing is read: it may be the last one of the arena */
        for (int32_t place = 0; place < PLACES; place++) {
            sums.place[place] = add_quad(sums.place[place], pose_load_rest(values[place] + i, count - i), turned->quads[i / 4]);
        }
    }
    for (int32_t place = 0; place < PLACES; place++) {
        sums.place[place] = _mm512_add_epi32(sums.place[place], odd.place[place]);
    }
    requantize16(sums.place, turned->bias, &layer->scale, turned->first, turned->inside, places, out + turned->first, layer->out.step);
}

#endif
