/* Half-space trees: determinism, state, quality on labelled streams. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/score/hst.h"

/* ---- labelled streams ------------------------------------------------------------------- */

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (double)(*state >> 11) * 0x1p-53;
}

static double normal(uint64_t *state)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += uniform(state);
    return sum - 6;
}

#define FEATURES 4
#define POINTS   8000
#define WARM     500

typedef struct stream {
    float points[POINTS][FEATURES];
    bool odd[POINTS];
} stream;

typedef void maker(uint64_t *random, bool odd, float *p);

/* Two clouds; what is odd lies between them, where no mean and deviation finds it. */
static void between_clouds(uint64_t *random, bool odd, float *p)
{
    double centre = odd ? 0 : uniform(random) < 0.5 ? -10 : 10;
    for (size_t q = 0; q < FEATURES; q++)
        p[q] = (float)(centre + normal(random));
}

/* One cloud; what is odd lies well outside in one feature. */
static void outside_one_feature(uint64_t *random, bool odd, float *p)
{
    for (size_t q = 0; q < FEATURES; q++)
        p[q] = (float)(50 + 3 * normal(random));
    if (odd)
        p[(size_t)(uniform(random) * FEATURES)] += uniform(random) < 0.5 ? -30 : 30;
}

/* A slow drift that is usual, and points that have not moved with it. */
static stream *make(maker *one, double drift)
{
    stream *s = calloc(1, sizeof(*s));
    uint64_t random = 2011;
    for (size_t i = 0; i < POINTS; i++) {
        s->odd[i] = i > WARM && uniform(&random) < 0.02;
        one(&random, s->odd[i], s->points[i]);
        for (size_t q = 0; q < FEATURES; q++)
            s->points[i][q] += (float)(drift * (double)i);
    }
    return s;
}

/* The chance that an odd point scores higher than a usual one. */
static double auc(const stream *s, const double *scores)
{
    double wins = 0, pairs = 0;
    for (size_t i = WARM; i < POINTS; i++) {
        for (size_t j = WARM; s->odd[i] && j < POINTS; j++) {
            if (s->odd[j])
                continue;
            pairs++;
            wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
        }
    }
    return wins / pairs;
}

static double auc_of_trees(const stream *s)
{
    double *scores = calloc(POINTS, sizeof(*scores));
    bw_hst *h = bw_hst_new(7, FEATURES);
    for (size_t i = 0; i < POINTS; i++) {
        scores[i] = bw_hst_score(h, s->points[i]);
        bw_hst_learn(h, s->points[i]);
    }
    double a = auc(s, scores);
    bw_hst_free(h);
    free(scores);
    return a;
}

/* The largest distance from the mean in deviations, of everything before. */
static double auc_of_z_score(const stream *s)
{
    double *scores = calloc(POINTS, sizeof(*scores));
    double mean[FEATURES] = {0}, square[FEATURES] = {0};
    for (size_t i = 0; i < POINTS; i++) {
        for (size_t q = 0; q < FEATURES; q++) {
            double delta = (double)s->points[i][q] - mean[q];
            double z = i > 1 ? fabs(delta) / sqrt(square[q] / (double)(i - 1)) : 0;
            if (z > scores[i])
                scores[i] = z;
            mean[q] += delta / (double)(i + 1);
            square[q] += delta * ((double)s->points[i][q] - mean[q]);
        }
    }
    double a = auc(s, scores);
    free(scores);
    return a;
}

static void finds_what_is_odd(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        maker *one;
        double drift, at_least, above_z;
    } CASES[] = {
        {"between clouds", between_clouds, 0, 0.95, 0.3},
        {"outside in one feature", outside_one_feature, 0, 0.96, -0.04},
        {"between drifting clouds", between_clouds, 0.002, 0.9, 0.3},
    };
    for (size_t i = 0; i < BW_COUNT(CASES); i++) {
        stream *s = make(CASES[i].one, CASES[i].drift);
        double trees = auc_of_trees(s), z = auc_of_z_score(s);
        print_message("%s: AUC %.3f, z-score %.3f\n", CASES[i].name, trees, z);
        assert_true(trees >= CASES[i].at_least);
        assert_true(trees >= z + CASES[i].above_z);
        free(s);
    }
}

/* A flag is an anomaly of 0.7: rare among usual points, common among odd ones. */
static void its_scale_means_something(void **state)
{
    (void)state;
    stream *s = make(outside_one_feature, 0);
    bw_hst *h = bw_hst_new(7, FEATURES);
    double usual = 0, n_usual = 0, flagged = 0;
    float absurd[FEATURES] = {1e9F, -1e9F, 1e9F, -1e9F};
    for (size_t i = 0; i < POINTS; i++) {
        double score = bw_hst_score(h, s->points[i]);
        assert_true(isnan(score) == (i < BW_HST_WINDOW));
        if (!isnan(score)) {
            assert_true(score >= 0 && score <= 1);
            if (!s->odd[i]) {
                usual += score;
                n_usual++;
                flagged += score >= 0.7;
            }
        }
        bw_hst_learn(h, s->points[i]);
    }
    print_message("usual points: mean %.3f, %.4f flagged; absurd: %.3f\n", usual / n_usual,
                  flagged / n_usual, bw_hst_score(h, absurd));
    assert_true(usual / n_usual < 0.15);
    assert_true(flagged / n_usual < 0.001);
    assert_true(bw_hst_score(h, absurd) >= 0.7);
    bw_hst_free(h);
    free(s);
}

/* ---- state ------------------------------------------------------------------------------ */

static void is_the_same_after_being_saved_at_any_point(void **state)
{
    (void)state;
    static const size_t AT[] = {0, 1, 249, 250, 251, 777};
    stream *s = make(between_clouds, 0);
    for (size_t i = 0; i < BW_COUNT(AT); i++) {
        bw_buf a = BW_BUF_INIT, b = BW_BUF_INIT;
        bw_hst *whole = bw_hst_new(7, FEATURES), *first = bw_hst_new(7, FEATURES);
        for (size_t n = 0; n < AT[i]; n++) {
            bw_hst_learn(whole, s->points[n]);
            bw_hst_learn(first, s->points[n]);
        }
        bw_hst_save(first, &a);
        assert_true(a.len <= 21 + 2 * BW_HST_WINDOW * FEATURES * 4);
        bw_hst *second = bw_hst_load(bw_buf_slice(&a));
        assert_non_null(second);
        for (size_t n = AT[i]; n < AT[i] + 600; n++) {
            double x = bw_hst_score(whole, s->points[n]), y = bw_hst_score(second, s->points[n]);
            assert_true(x == y || (isnan(x) && isnan(y)));
            bw_hst_learn(whole, s->points[n]);
            bw_hst_learn(second, s->points[n]);
        }
        bw_buf_clear(&a);
        bw_hst_save(whole, &a);
        bw_hst_save(second, &b);
        assert_true(bw_slice_eq(bw_buf_slice(&a), bw_buf_slice(&b)));
        bw_hst_free(whole);
        bw_hst_free(first);
        bw_hst_free(second);
        bw_buf_fini(&a);
        bw_buf_fini(&b);
    }
    free(s);
}

static void refuses_bytes_that_are_no_model(void **state)
{
    (void)state;
    bw_buf b = BW_BUF_INIT;
    bw_hst *h = bw_hst_new(1, 2);
    float p[2] = {1, 2};
    for (int i = 0; i < 300; i++)
        bw_hst_learn(h, p);
    bw_hst_save(h, &b);
    for (size_t cut = 0; cut < b.len; cut += 7)
        assert_null(bw_hst_load((bw_slice){b.ptr, cut}));
    b.ptr[0] = 'X';
    assert_null(bw_hst_load(bw_buf_slice(&b)));
    b.ptr[0] = 'H';
    b.ptr[4] = 0; /* features */
    assert_null(bw_hst_load(bw_buf_slice(&b)));
    b.ptr[4] = 2;
    memset(b.ptr + 21, 0xff, 4); /* a NaN */
    assert_null(bw_hst_load(bw_buf_slice(&b)));
    bw_hst_free(h);
    bw_buf_fini(&b);
}

static void takes_any_number(void **state)
{
    (void)state;
    bw_hst *h = bw_hst_new(3, 2);
    float hostile[][2] = {{NAN, INFINITY}, {-INFINITY, 3e38F}, {-3e38F, 3e38F}, {0, -0.0F}};
    for (int i = 0; i < 1000; i++) {
        double score = bw_hst_score(h, hostile[i % 4]);
        assert_true(isnan(score) || (score >= 0 && score <= 1));
        bw_hst_learn(h, hostile[i % 4]);
    }
    bw_hst_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_odd),
        cmocka_unit_test(its_scale_means_something),
        cmocka_unit_test(is_the_same_after_being_saved_at_any_point),
        cmocka_unit_test(refuses_bytes_that_are_no_model),
        cmocka_unit_test(takes_any_number),
    };
    return BW_RUN_TESTS(tests);
}
