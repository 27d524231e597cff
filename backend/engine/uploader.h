/*
 * The uploading half of a run: a thread that owns a destination of its own and feeds one load job
 * at a time from buffers that the reader fills. Two buffers go round, so memory is bounded and the
 * source is read while the network is written.
 * Threads: all functions are called by the run's reader, but uploaded() by any.
 */
#ifndef BW_ENGINE_UPLOADER_H
#define BW_ENGINE_UPLOADER_H

#include "backend/destination/destination.h"

typedef struct bw_uploader bw_uploader;

/* Everything is borrowed and outlives the uploader; per_step_us as bw_destination_set_deadline. */
bw_uploader *bw_uploader_start(const bw_google *google, const bw_clock *clock,
                               const bw_cancel *cancel, const bw_budget_ops *budget,
                               bw_compression compression, int64_t per_step_us);
/* As bw_destination_set_listener; before the first load begins. */
void bw_uploader_set_listener(bw_uploader *u, void (*tell)(void *user, const char *text),
                              void *user);
/* Ends the thread; what was not ended is given up. */
void bw_uploader_stop(bw_uploader *u);

/* Begins a load job; its arguments are used until end or abort. Errors come with the next call. */
void bw_uploader_begin(bw_uploader *u, const bw_target *target, const char *table,
                       const bw_job_id *job, bw_write_disposition disposition);
/* An empty buffer to fill; waits while both are on their way. NULL when the load has failed (end
   says why) or the run is cancelled. */
bw_buf *bw_uploader_buffer(bw_uploader *u);
/* Hands the filled buffer over. */
void bw_uploader_send(bw_uploader *u, bw_buf *filled);
/* Waits for the job's end. Errors as bw_load_end. */
BW_NODISCARD bw_status bw_uploader_end(bw_uploader *u, bw_job_result *result, bw_error *err);
/* Gives the load up; the job is never made. */
void bw_uploader_abort(bw_uploader *u);
/* Bytes handed to the network by all loads so far. */
uint64_t bw_uploader_uploaded(const bw_uploader *u);

#endif
