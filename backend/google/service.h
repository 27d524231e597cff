/*
 * What the clients in this room need of bw_google: where each service is, and the headers that say
 * who we are. A token goes to https, to this machine, and nowhere else.
 * Threads: any.
 */
#ifndef BW_GOOGLE_SERVICE_H
#define BW_GOOGLE_SERVICE_H

#include "backend/google/google.h"
#include "backend/google/token.h"

typedef enum bw_service {
    BW_SERVICE_BIGQUERY,
    BW_SERVICE_PUBSUB,
    BW_SERVICE_DATASTORE,
    BW_SERVICE_LOGGING,
    BW_SERVICE_MONITORING,
    BW_SERVICE_SECRETMANAGER,
    BW_SERVICE_COUNT
} bw_service;

/* Base URL without a slash at its end: "https://bigquery.googleapis.com". */
const char *bw_google_base(const bw_google *google, bw_service service);
const bw_clock *bw_google_clock(const bw_google *google);
/* The project to bill quota to (header x-goog-user-project), or NULL. */
const char *bw_google_quota_project(const bw_google *google);
/* NULL when requests to this service go without a token: no credentials, or an emulator that is not
   to see those that merely lay around. */
bw_token_cache *bw_google_tokens(const bw_google *google, bw_service service);
/* DENIED when a token must not be sent to this URL: plain http over a network. */
BW_NODISCARD bw_status bw_google_may_send_token(const char *url, bw_error *err);

#endif
