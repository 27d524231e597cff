/*
 * Snapshots and pages as an engine would make them, at a fixed time: what the tests of the screens
 * draw. Threads: any.
 */
#ifndef BW_TESTS_SUPPORT_SNAPSHOT_FIXTURE_H
#define BW_TESTS_SUPPORT_SNAPSHOT_FIXTURE_H

#include "backend/engine/page.h"
#include "backend/engine/snapshot.h"

typedef enum bw_fixture_kind {
    BW_FIXTURE_USUAL,   /* a shop's syncs: most fresh, one failed, one parked, one running, ... */
    BW_FIXTURE_HOSTILE, /* the same, but every text from outside tries to act on the terminal */
    BW_FIXTURE_EMPTY,   /* nothing is configured, nothing has happened */
} bw_fixture_kind;

/* Text that tries to colour, to set the title, to break lines, to reverse the order of characters. */
#define BW_HOSTILE                             \
    "x\033[31mred\033]0;owned\a\r\n\t\xc2\x9b" \
    "2J\xe2\x80\xae"                           \
    "abc\xff\x7f"

/* Made at that time on both clocks; one reference. `turn` numbers snapshots: later ones have moved
   on (lags grow, rows are read, and the order by state changes at turn 5). */
const bw_snapshot *bw_fixture_snapshot(bw_fixture_kind kind, int64_t mono_us, int64_t wall_us,
                                       unsigned turn);
/* The answer to a query; one reference. */
const bw_page *bw_fixture_page(bw_fixture_kind kind, const bw_page_query *query, int64_t mono_us,
                               int64_t wall_us);

#endif
