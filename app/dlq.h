/* What the files of `dlq` share: command_dlq.c selects and shows, dlq_names.c knows what can be named,
   dlq_act.c acts, dlq_preview.c only says what would happen. Threads: main. */
#ifndef BW_APP_DLQ_H
#define BW_APP_DLQ_H

#include "app/act.h"
#include "app/json_out.h"
#include "backend/engine/sync.h"

typedef struct bw_dlq {
    bw_session session;
    bw_arena arena;
    bw_letter_filter filter; /* what the command line selects */
} bw_dlq;

/* Prints what is wrong with the command line. */
bw_exit bw_dlq_usage(const bw_cli_context *ctx, const char *text, const char *hint);

/* INVALID: --sync or --reason name something that does not exist. */
BW_NODISCARD bw_status bw_dlq_check_names(bw_dlq *d, bw_error *err);

/* The selected letters, some hundreds at a time, so that memory does not depend on how many there
   are; `content_max` as in the filter. `each` gets them with an arena that is theirs until it
   returns. */
typedef bw_status bw_dlq_each(void *user, const bw_dead_letter *letters, size_t n, bw_arena *arena,
                              bw_error *err);
BW_NODISCARD bw_status bw_dlq_walk(bw_dlq *d, size_t content_max, bw_dlq_each *each, void *user,
                                   bw_error *err);

/* The definition of a sync in the configuration. NOT_FOUND: a table of a pattern, or none at all. */
BW_NODISCARD bw_status bw_dlq_find_def(bw_dlq *d, const char *sync, bw_sync_def *out,
                                       bw_error *err);

/* {"id", "sync", ...}; content as text, or in content_base64 where it is none. */
json_t *bw_dlq_letter_json(const bw_dead_letter *letter);

bw_exit bw_dlq_replay(bw_dlq *d);
bw_exit bw_dlq_preview(bw_dlq *d); /* replay --dry-run */
bw_exit bw_dlq_discard(bw_dlq *d);
bw_exit bw_dlq_edit(bw_dlq *d);
bw_exit bw_dlq_cancel(bw_dlq *d);

#endif
