/*
 * What every Google client shares: the project, where each service is, and who we are. Credentials
 * are application default credentials (a service account's key, an authorized user, the metadata
 * server), a named key file, or none. Tokens are refreshed when less than five minutes are left,
 * by one thread at a time, and never reach a log.
 * Threads: a bw_google is shared by all; the clients made on it belong to one thread each.
 */
#ifndef BW_GOOGLE_GOOGLE_H
#define BW_GOOGLE_GOOGLE_H

#include "backend/core/cancel.h"

typedef struct bw_google bw_google;

typedef struct bw_google_options {
    const char *project;     /* NULL: from the credentials or the metadata server */
    const char *credentials; /* "adc", "none" or the path of a key file */
    /* Base URLs ("http://127.0.0.1:9050"); NULL: the service's own, or its emulator's host from the
       environment (BIGQUERY_EMULATOR_HOST, PUBSUB_EMULATOR_HOST, DATASTORE_EMULATOR_HOST). */
    const char *bigquery, *pubsub, *datastore, *logging, *monitoring, *secretmanager, *oauth;
    const bw_clock *clock;
} bw_google_options;

/* Strings are copied. INVALID for an unreadable or malformed key file, naming it. Asks nobody over
   the network. */
BW_NODISCARD bw_status bw_google_new(const bw_google_options *options, bw_google **out,
                                     bw_error *err);
void bw_google_free(bw_google *google);

/* The project, or NULL when it is only known by asking the metadata server. */
const char *bw_google_project(const bw_google *google);
/* The project, asking the metadata server when it is only known there (at most some seconds). *out is
   the caller's (free()). NOT_FOUND when nobody names one. */
BW_NODISCARD bw_status bw_google_find_project(const bw_google *google, const bw_cancel *cancel,
                                              char **out, bw_error *err);
/* "service account x@y", "user", "metadata server", "none": for check and the Sources screen. */
const char *bw_google_identity(const bw_google *google);
/* Fetches a token unless a good one is there: what `check` calls to say that the credentials work.
   Retries for at most `timeout_us`. BW_OK with no credentials. */
BW_NODISCARD bw_status bw_google_check_credentials(const bw_google *google, const bw_cancel *cancel,
                                                   int64_t timeout_us, bw_error *err);

#endif
