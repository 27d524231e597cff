#include "backend/engine/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/thread.h"
#include "backend/google/monitoring.h"

#define SUBJECT       "metrics"
#define CALL_DEADLINE (20 * BW_SECOND)

static const bw_setting settings[] = {
    {.path = "metrics.cloud_monitoring",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help =
         "write lag, freshness, dead letters, rows and errors of each sync to Cloud Monitoring"},
    {.path = "metrics.interval",
     .type = BW_SETTING_DURATION,
     .fallback = "1m",
     .min = 10 * BW_SECOND,
     .max = BW_HOUR,
     .help = "how often"},
};
const bw_setting_table bw_metrics_settings = BW_SETTING_TABLE(settings);

struct bw_metrics {
    bw_engine *engine;
    const bw_clock *clock;
    int64_t interval_us;
    bw_cancel cancel;
    pthread_t thread;
    bw_monitoring *monitoring;
    bool failing; /* said already */
};

static void add(json_t *series, const char *metric, const bw_sync_view *sync, double value,
                int64_t at_us)
{
    if (!isnan(value))
        json_array_append_new(series, bw_monitoring_gauge(metric, sync->name, value, at_us));
}

static json_t *series_of(const bw_snapshot *snapshot)
{
    json_t *series = json_array();
    for (size_t i = 0; i < snapshot->n_syncs; i++) {
        const bw_sync_view *v = &snapshot->syncs[i];
        int64_t at = snapshot->wall_us;
        add(series, "lag", v, v->lag_s, at);
        add(series, "freshness", v, v->freshness, at);
        add(series, "dead_letters", v, v->dead_letters < 0 ? NAN : (double)v->dead_letters, at);
        add(series, "rows", v, (double)v->rows_total, at);
        add(series, "errors", v, v->failures, at);
    }
    return series;
}

static void write_once(bw_metrics *m)
{
    bw_error err = BW_ERROR_INIT;
    const bw_snapshot *snapshot = bw_engine_snapshot(m->engine);
    if (!snapshot)
        return;
    json_t *series = series_of(snapshot);
    bw_snapshot_unref(snapshot);
    bw_status s =
        json_array_size(series) ? bw_monitoring_write(m->monitoring, series, &err) : BW_OK;
    json_decref(series);
    if (s != BW_OK && !m->failing && !bw_cancelled(&m->cancel))
        bw_log_error(BW_LOG_WARN, SUBJECT, &err);
    else if (s == BW_OK && m->failing)
        bw_log(BW_LOG_INFO, SUBJECT, "Cloud Monitoring takes them again");
    m->failing = s != BW_OK;
}

static void *run(void *arg)
{
    bw_metrics *m = arg;
    int64_t next = bw_mono_us(m->clock) + m->interval_us;
    bw_error cancelled = BW_ERROR_INIT;
    while (bw_wait_until(&m->cancel, m->clock, next, &cancelled) == BW_OK) {
        next = bw_mono_us(m->clock) + m->interval_us;
        write_once(m);
    }
    return NULL;
}

bw_metrics *bw_metrics_start(bw_engine *engine, const bw_config *config, const bw_google *google,
                             const bw_clock *clock)
{
    const bw_config_node *top = bw_config_top(config);
    if (!google || !bw_config_bool(top, "metrics.cloud_monitoring"))
        return NULL;
    bw_metrics *m = bw_xcalloc(1, sizeof(*m));
    m->engine = engine;
    m->clock = clock;
    m->interval_us = bw_config_duration(top, "metrics.interval");
    bw_cancel_init(&m->cancel);
    m->monitoring = bw_monitoring_new(google, NULL, clock, &m->cancel);
    bw_monitoring_set_deadline(m->monitoring, CALL_DEADLINE);
    bw_thread_start(&m->thread, "metrics", run, m);
    return m;
}

void bw_metrics_stop(bw_metrics *m)
{
    if (!m)
        return;
    bw_cancel_raise(&m->cancel);
    pthread_join(m->thread, NULL);
    bw_monitoring_free(m->monitoring);
    bw_cancel_fini(&m->cancel);
    free(m);
}
