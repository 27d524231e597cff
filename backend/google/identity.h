/*
 * Who we are to Google: what a key file or the environment says, read once and immutable after that.
 * Application default credentials are looked for in Google's order: GOOGLE_APPLICATION_CREDENTIALS,
 * gcloud's well-known file, the metadata server. Secrets stay inside and never reach an error text.
 * Threads: any.
 */
#ifndef BW_GOOGLE_IDENTITY_H
#define BW_GOOGLE_IDENTITY_H

#include <openssl/types.h>

#include "backend/core/error.h"

typedef enum bw_identity_kind {
    BW_IDENTITY_NONE,
    BW_IDENTITY_SERVICE_ACCOUNT,
    BW_IDENTITY_USER,
    BW_IDENTITY_METADATA,
} bw_identity_kind;

/* How deliberately the credentials were chosen: decides which endpoints may see a token. */
typedef enum bw_identity_origin {
    BW_IDENTITY_FOUND,          /* lay where gcloud or Compute Engine puts them */
    BW_IDENTITY_BY_ENVIRONMENT, /* GOOGLE_APPLICATION_CREDENTIALS, GCE_METADATA_HOST */
    BW_IDENTITY_BY_NAME,        /* the configuration names the file */
} bw_identity_origin;

typedef struct bw_identity {
    bw_identity_kind kind;
    bw_identity_origin origin;
    char *file;          /* the key file, or NULL */
    char *project;       /* as the file says, or NULL */
    char *quota_project; /* for the header x-goog-user-project, or NULL */
    char *token_uri;
    char *email, *key_id; /* service account */
    EVP_PKEY *key;
    char *client_id, *client_secret, *refresh_token; /* user */
    char *metadata;                                  /* base URL of the metadata server */
    char *description;                               /* "service account x@y" */
} bw_identity;

/*
 * credentials: NULL or "adc", "none", or a key file's path. `emulated`: an endpoint is an emulator, so
 * that finding no credentials means "none" and not the metadata server. INVALID for
 * a file that cannot be read or is malformed, naming the file and the field.
 */
BW_NODISCARD bw_status bw_identity_load(const char *credentials, bool emulated, bw_identity *out,
                                        bw_error *err);
void bw_identity_fini(bw_identity *identity);

#endif
