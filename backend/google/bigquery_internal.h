/* What the files of the BigQuery client share: see bigquery.h. */
#ifndef BW_GOOGLE_BIGQUERY_INTERNAL_H
#define BW_GOOGLE_BIGQUERY_INTERNAL_H

#include "backend/google/bigquery.h"
#include "backend/google/rest.h"

struct bw_bigquery {
    bw_rest rest;
    const char *root;    /* https://bigquery.googleapis.com */
    const char *project; /* or NULL */
};

/* The project to use, never NULL on BW_OK. */
BW_NODISCARD bw_status bw_bigquery_project(const bw_bigquery *bq, const char *project,
                                           const char **out, bw_error *err);
/*
 * ROOT/bigquery/v2/projects/PROJECT and the NULL-terminated segments, each escaped, as a query-less
 * URL (free()). NULL with the error set when no project is known.
 */
char *bw_bigquery_url(const bw_bigquery *bq, const char *project, const char *const *segments,
                      bw_error *err);
/* Appends "?name=value" or "&name=value" to the URL; returns the new one and frees the old. A NULL
   value leaves it as it is. */
char *bw_bigquery_url_add(char *url, const char *name, const char *value);
/* A copy of a Job resource with jobReference.projectId filled in (json_decref); INTERNAL when it has
   no jobReference.jobId: a job without an id of ours could not be found again. */
BW_NODISCARD bw_status bw_bigquery_own_job(const bw_bigquery *bq, const char *project,
                                           const json_t *job, json_t **out, bw_error *err);

#endif
