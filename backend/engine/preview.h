/*
 * What replaying dead letters would do now, without doing it: nothing is written anywhere. Of a row
 * it is known only that it would be read again; a message is parsed and, against Datastore as it is
 * at this moment, resolved in memory. Messages are seen one after the other, in groups of
 * BW_RESOLVER_GROUP. Threads: any; asks Datastore and waits for it.
 */
#ifndef BW_ENGINE_PREVIEW_H
#define BW_ENGINE_PREVIEW_H

#include "backend/core/cancel.h"
#include "backend/engine/sync.h"
#include "backend/store/store.h"

typedef enum bw_preview_outcome {
    BW_PREVIEW_READ_AGAIN, /* a row: its key is read again at the source */
    BW_PREVIEW_NO_KEY,     /* a row that nothing finds again */
    BW_PREVIEW_REFUSED,    /* still no event, or Datastore would refuse it: it stays a letter */
    BW_PREVIEW_APPLIED,
    BW_PREVIEW_MERGED,
    BW_PREVIEW_DELETED,
    BW_PREVIEW_IGNORED, /* what is stored is newer, and stays */
    BW_PREVIEW_MANUAL,  /* a conflict for an operator: it stays a letter */
    BW_PREVIEW_OUTCOMES,
} bw_preview_outcome;

/* "read again", "applied", ... */
const char *bw_preview_name(bw_preview_outcome outcome);

typedef struct bw_letter_preview {
    bw_preview_outcome outcome;
    const char *detail; /* why, in words; "" when there is nothing to say */
    bool done_already;  /* the event had its effect before: nothing changes in Datastore */
    bw_slice before,
        after; /* the entity's properties, JSON objects; empty: there is none, or not known */
} bw_letter_preview;

typedef struct bw_preview_env {
    const bw_google *google;
    const bw_clock *clock;
    const bw_cancel *cancel; /* or NULL */
} bw_preview_env;

/* Letters of one sync, whole; `out` has n of them, in the arena. */
BW_NODISCARD bw_status bw_letters_preview(const bw_preview_env *env, const bw_sync_def *def,
                                          const bw_dead_letter *letters, size_t n, bw_arena *arena,
                                          bw_letter_preview *out, bw_error *err);

/* Where messages of the sync would be published again, and who would get them. Strings in the arena. */
typedef struct bw_letter_audience {
    const char *topic;                /* in full */
    const char *own;                  /* the sync's subscription, in full */
    const char *const *subscriptions; /* all of the topic's, in full, its own among them */
    size_t n_subscriptions;
} bw_letter_audience;

/* INVALID for a sync of rows. */
BW_NODISCARD bw_status bw_letters_audience(const bw_preview_env *env, const bw_sync_def *def,
                                           bw_arena *arena, bw_letter_audience *out, bw_error *err);

#endif
