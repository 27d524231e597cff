/* What the files of the Pub/Sub client share: see pubsub.h. */
#ifndef BW_GOOGLE_PUBSUB_INTERNAL_H
#define BW_GOOGLE_PUBSUB_INTERNAL_H

#include "backend/google/pubsub.h"
#include "backend/google/rest.h"

struct bw_pubsub {
    bw_rest rest;
    const char *root; /* https://pubsub.googleapis.com */
    char *project;    /* or NULL */
};

/* ROOT/v1/NAME:VERB (free()); `verb` NULL for the resource itself. NULL with the error set when
   `name` is not the name of a "topics" or "subscriptions" resource. */
char *bw_pubsub_url(const bw_pubsub *ps, const char *collection, const char *name, const char *verb,
                    bw_error *err);

#endif
