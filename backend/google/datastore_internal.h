/* What the files of the Datastore client share: see datastore.h. */
#ifndef BW_GOOGLE_DATASTORE_INTERNAL_H
#define BW_GOOGLE_DATASTORE_INTERNAL_H

#include "backend/google/datastore.h"
#include "backend/google/rest.h"

struct bw_datastore {
    bw_rest rest;
    const char *root; /* https://datastore.googleapis.com */
    char *project;    /* or NULL */
    char *database;   /* "" for the default one */
    char *routing;    /* the header for a named database, or NULL */
    bw_buf request;   /* the body that is being written */
};

typedef struct bw_datastore_call {
    const char *verb; /* "lookup": the method's name in the URL */
    const char *what; /* completes "cannot ..." */
    bool once;        /* as in bw_rest_call */
    bool in_transaction;
} bw_datastore_call;

/* Begins ds->request: {"databaseId":"..." with a comma after it where one is named. */
bw_buf *bw_datastore_request(bw_datastore *ds);
/* Adds "readOptions":{...} with a comma before it, unless there is nothing to say. */
void bw_datastore_add_read(bw_buf *body, const bw_datastore_read *read);
/* "name":"text" for what the service wrote in base64. */
void bw_datastore_add_opaque(bw_buf *body, const char *name, bw_slice base64);
/* Sends ds->request; *answer is the validated JSON object, in the arena. */
BW_NODISCARD bw_status bw_datastore_send(bw_datastore *ds, const bw_datastore_call *call,
                                         bw_arena *arena, bw_slice *answer, bw_error *err);
/* The answer does not make sense: UNAVAILABLE. */
bw_status bw_datastore_nonsense(const bw_datastore_call *call, const char *why, bw_error *err);

/* Raw values of answers. The text of a string without escapes; {NULL, 0} when it is none. */
bw_slice bw_datastore_text_of(bw_slice raw);
/* RFC 3339 as microseconds, BW_TIME_NONE when it is none. */
int64_t bw_datastore_time_of(bw_slice raw);
/* The same for a member. */
bw_slice bw_datastore_text(bw_slice object, const char *member);
int64_t bw_datastore_time(bw_slice object, const char *member);
/* One of the keys that were asked for. */
typedef struct bw_dsasked {
    bw_slice identity;
    bw_slice key;
    size_t place; /* in the request, and so in the results */
    bool answered;
} bw_dsasked;

typedef struct bw_dslookup {
    bw_arena *arena;
    bw_dsasked *keys; /* sorted by identity */
    size_t count;
    bw_datastore_answer *out;
} bw_dslookup;

/* INVALID for a key that is not complete. */
BW_NODISCARD bw_status bw_dslookup_init(bw_dslookup *l, const bw_slice *keys, size_t n,
                                        bw_arena *arena, bw_datastore_answer *out, bw_error *err);
/* Puts the results of one (validated) answer into their places. False when one of them has no
   entity or was not asked for. */
bool bw_dslookup_take(bw_dslookup *l, bw_slice answer);
size_t bw_dslookup_unanswered(const bw_dslookup *l);
/* The batch of a (validated) answer; NULL, or why it makes no sense. */
const char *bw_datastore_read_batch(bw_slice answer, bw_arena *arena, bw_datastore_batch *out);
/* An EntityResult. False when it has no entity. */
bool bw_datastore_read_result(bw_slice raw, bool found, bw_datastore_result *out);

#endif
