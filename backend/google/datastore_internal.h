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

/* Members of answers. The text of a string without escapes; {NULL, 0} when it is none. */
bw_slice bw_datastore_text(bw_slice object, const char *member);
/* RFC 3339 as microseconds, BW_TIME_NONE when absent. */
int64_t bw_datastore_time(bw_slice object, const char *member);
/* An EntityResult. False when it has no entity. */
bool bw_datastore_read_result(bw_slice raw, bool found, bw_datastore_result *out);

#endif
