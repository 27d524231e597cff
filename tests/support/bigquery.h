/*
 * BigQuery's REST API for tests, over the tests' own HTTP client: one dataset of one project. The
 * functions fail the running test when the service does not answer as it must. Threads: one.
 */
#ifndef BW_TESTS_SUPPORT_BIGQUERY_H
#define BW_TESTS_SUPPORT_BIGQUERY_H

#include "tests/support/http_client.h"

typedef struct bw_test_bq bw_test_bq;

/* `url` is the service's ("http://127.0.0.1:9050"). Makes the dataset when it is not there. */
bw_test_bq *bw_test_bq_new(const char *url, const char *project, const char *dataset);
void bw_test_bq_free(bw_test_bq *bq);
bw_test_http *bw_test_bq_http(bw_test_bq *bq);

/* Makes a table; `fields` is a JSON array, `members` further ones of the resource (",\"labels\":{}")
   or NULL. */
void bw_test_bq_table(bw_test_bq *bq, const char *table, const char *fields, const char *members);
/* Uploads newline-delimited JSON as a multipart load job and returns the status; `members` are
   further ones of configuration.load (",\"schema\":..."), `job` an id or NULL. */
int bw_test_bq_upload(bw_test_bq *bq, const char *table, const char *job, const char *members,
                      const void *data, size_t size);
/* Waits until the job is done and returns it (free()). `location` may be NULL. */
char *bw_test_bq_wait(bw_test_bq *bq, const char *job, const char *location);
/* Upload and wait: the finished job (free()). */
char *bw_test_bq_load(bw_test_bq *bq, const char *table, const char *members, const char *data);
/* The rows of a table as text: cells separated by |, rows ended by a newline, NULL for NULL, nested
   ones as JSON (free()). Pages are followed. */
char *bw_test_bq_rows(bw_test_bq *bq, const char *table);
/* The same for a query's result. Fails the test when the query fails. */
char *bw_test_bq_query(bw_test_bq *bq, const char *sql);
/* Runs a query and returns the HTTP status; the body is the client's last answer. */
int bw_test_bq_try_query(bw_test_bq *bq, const char *sql);

/*
 * The value at a path of member names and indices ("status.errors.0.reason"): strings unescaped,
 * everything else raw; "" when there is none. Borrowed from a static ring of 8 results.
 */
const char *bw_test_json_at(const char *json, const char *path);
/* Whether there is a value at the path. */
bool bw_test_json_has(const char *json, const char *path);

#endif
