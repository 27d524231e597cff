#include "backend/engine/scorer.h"

#include <math.h>
#include <stdlib.h>

struct bw_row_scorer {
    bw_scorer_options options;
};

bw_row_scorer *bw_scorer_new(const bw_scorer_options *options)
{
    bw_row_scorer *s = bw_xcalloc(1, sizeof(*s));
    s->options = *options;
    return s;
}

void bw_scorer_free(bw_row_scorer *s)
{
    free(s);
}

void bw_scorer_begin_chunk(bw_row_scorer *s, size_t rows)
{
    (void)s;
    (void)rows;
}

double bw_scorer_row(bw_row_scorer *s, const bw_value *row)
{
    (void)s;
    (void)row;
    return NAN;
}

void bw_scorer_model(const bw_row_scorer *s, bw_buf *out)
{
    (void)s;
    (void)out;
}

void bw_scorer_report(const bw_row_scorer *s, bw_arena *arena, bw_sync_detail *out)
{
    (void)s;
    (void)arena;
    (void)out;
}
