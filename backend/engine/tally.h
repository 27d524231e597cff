/*
 * How the rows of a run, of a batch or of several runs are counted out, in one sentence. The counts
 * add up: what was read was loaded, was at the target already, or became a dead letter.
 * Threads: any.
 */
#ifndef BW_ENGINE_TALLY_H
#define BW_ENGINE_TALLY_H

#include <stdint.h>

#define BW_TALLY_TEXT 128

/* "12 rows read, 9 loaded, 2 already there, 1 dead-lettered", without the third where it is none.
   Returns `out`. */
const char *bw_tally_text(int64_t rows_read, int64_t loaded, int64_t present, int64_t dead_letters,
                          char out[BW_TALLY_TEXT]);

#endif
