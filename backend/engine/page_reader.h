/* The store reader's thread: answers page queries. Threads: start and stop by the engine; ask and
   take by the UI. */
#ifndef BW_ENGINE_PAGE_READER_H
#define BW_ENGINE_PAGE_READER_H

#include <pthread.h>
#include <sys/eventfd.h>

#include "backend/engine/page.h"

/* An empty page for a query, with the arena that what it points at lives in; one reference. */
bw_page *bw_page_new(const bw_page_query *query, bw_arena **arena);

typedef struct bw_page_reader bw_page_reader;

/* Slots are numbered from 0; another number is a question without an answer. */
#define BW_PAGE_SLOTS 16

BW_NODISCARD bw_status bw_page_reader_start(const char *state_dir, const bw_clock *clock,
                                            bw_log_ring *ring, int wake_fd, bw_page_reader **out,
                                            bw_error *err);
/* What previews need, before the first question: the definitions (borrowed) of syncs of messages. */
void bw_page_reader_previews(bw_page_reader *r, const bw_google *google,
                             const bw_sync_def *const *defs, size_t n);
void bw_page_reader_stop(bw_page_reader *r);
void bw_page_reader_ask(bw_page_reader *r, int slot, const bw_page_query *query);
/* Referenced, or NULL. */
const bw_page *bw_page_reader_take(bw_page_reader *r, int slot);

#endif
