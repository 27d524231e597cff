/*
 * Cloud Monitoring's REST API (v3), thinly: what a subscription still holds, our own metrics, and
 * dashboards. Calls are repeated when transient; errors and json_t arguments as in bigquery.h.
 * Threads: a client belongs to one thread.
 */
#ifndef BW_GOOGLE_MONITORING_H
#define BW_GOOGLE_MONITORING_H

#include <jansson.h>

#include "backend/google/google.h"

typedef struct bw_monitoring bw_monitoring;

/* Borrowed, outlive the client; cancel may be NULL. `project` (copied) NULL: bw_google_project(). */
bw_monitoring *bw_monitoring_new(const bw_google *google, const char *project,
                                 const bw_clock *clock, const bw_cancel *cancel);
void bw_monitoring_free(bw_monitoring *mon);
/* How long one call may take, its retries included. Default 10 min. */
void bw_monitoring_set_deadline(bw_monitoring *mon, int64_t per_call_us);

/* What a subscription holds that is not acknowledged, as Monitoring last sampled it (every 60 s,
   visible minutes later). A metric without a point is unknown: it is never taken for 0. */
typedef struct bw_subscription_backlog {
    int64_t messages;          /* -1: unknown */
    int64_t messages_at_us;    /* of that point, or BW_TIME_NONE */
    double oldest_unacked_s;   /* NAN: unknown */
    int64_t oldest_unacked_at; /* microseconds, or BW_TIME_NONE */
} bw_subscription_backlog;

/* `subscription`: its id, or its full name (then the project is that of the name). On failure *out
   is all unknown. */
BW_NODISCARD bw_status bw_monitoring_backlog(bw_monitoring *mon, const char *subscription,
                                             bw_subscription_backlog *out, bw_error *err);
/* timeSeries.list: the TimeSeries of all pages as an array, points newest first. */
BW_NODISCARD bw_status bw_monitoring_list(bw_monitoring *mon, const char *project,
                                          const char *filter, int64_t from_us, int64_t to_us,
                                          json_t **out, bw_error *err);

#define BW_MONITORING_SERIES_MAX 200 /* of one request */

/*
 * timeSeries.create: an array of TimeSeries with one point each, sent in requests of at most 200. A
 * request that fails does not keep the others from being sent; the first failure is the result.
 * A point that is not newer than the last one of its series is refused by the service: INVALID.
 */
BW_NODISCARD bw_status bw_monitoring_write(bw_monitoring *mon, const json_t *series, bw_error *err);
/* A gauge's TimeSeries for that: metric type (short: "lag" is custom.googleapis.com/bridgewatch/lag),
   the sync's name as label `sync`, resource global. The caller's. */
json_t *bw_monitoring_gauge(const char *metric, const char *sync, double value, int64_t at_us);

/*
 * Dashboards (monitoring/v1, projects.dashboards), by id in the client's project. A Dashboard is taken
 * without its name, which is filled in. create: EXISTS after a lost answer may be our own. patch
 * replaces the whole dashboard: `etag` is that of the one that was read, CONFLICT when it has changed
 * since (after a lost answer that may be our own change: get it and look). delete: NOT_FOUND when it
 * was not there (after a lost answer: OK).
 */
BW_NODISCARD bw_status bw_monitoring_get_dashboard(bw_monitoring *mon, const char *id, json_t **out,
                                                   bw_error *err);
BW_NODISCARD bw_status bw_monitoring_create_dashboard(bw_monitoring *mon, const char *id,
                                                      const json_t *dashboard, bw_error *err);
BW_NODISCARD bw_status bw_monitoring_patch_dashboard(bw_monitoring *mon, const char *id,
                                                     const json_t *dashboard, const char *etag,
                                                     bw_error *err);
BW_NODISCARD bw_status bw_monitoring_delete_dashboard(bw_monitoring *mon, const char *id,
                                                      bw_error *err);

#endif
