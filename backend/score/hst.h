/*
 * Streaming half-space trees: how unusual a point is among the ones before it, one pass, constant
 * memory. After Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011: an
 * ensemble of random trees that halve the space; each window of points fills the trees, and the
 * filled trees judge the next window by the mass found where a point falls.
 *
 * Of our own: features are scaled by the middle 96 % of the last window (never narrower than one
 * unit, so a caller gives a feature such units that a difference of 1 means something); what lies
 * far outside falls into empty space. The masses that the trees give are averaged as logarithms and
 * set against the last window's median, which makes 0 the usual and 1 the unheard of. A point that one
 * feature alone puts far outside, which most trees never look at, scores up to 0.6 for that.
 *
 * The same seed and the same points give the same scores and the same bytes. About a microsecond per
 * point, learning included. Threads: one at a time.
 */
#ifndef BW_SCORE_HST_H
#define BW_SCORE_HST_H

#include "backend/core/buf.h"

#define BW_HST_TREES        25
#define BW_HST_DEPTH        10
#define BW_HST_WINDOW       250
#define BW_HST_MAX_FEATURES 16

typedef struct bw_hst bw_hst;

/* 1 to BW_HST_MAX_FEATURES features. */
bw_hst *bw_hst_new(uint64_t seed, size_t features);
void bw_hst_free(bw_hst *hst);

/* The point's anomaly, 0 to 1; NAN before the first window is full. A feature that is NAN counts as
   0. Does not learn. */
double bw_hst_score(const bw_hst *hst, const float *point);
/* Takes the point into the current window. */
void bw_hst_learn(bw_hst *hst, const float *point);
/* Points learned so far. */
uint64_t bw_hst_learned(const bw_hst *hst);

/* Appends the state: the two windows as they are, 4 bytes a value; the trees follow from the seed. */
void bw_hst_save(const bw_hst *hst, bw_buf *out);
/* The model of saved bytes, or NULL when they are not such bytes (another version, damage). */
bw_hst *bw_hst_load(bw_slice bytes);

#endif
