/*
 * What the console shows of each sync, for whoever looks at Cloud Monitoring: gauges
 * custom.googleapis.com/bridgewatch/{lag,freshness,dead_letters,rows,errors} with the label `sync`, in
 * the resource `global`. lag is seconds, freshness 0 to 100, rows the total committed, errors the
 * runs that failed in a row. What is not known is not written.
 * Threads: one of its own; start and stop by the engine's owner.
 */
#ifndef BW_ENGINE_METRICS_H
#define BW_ENGINE_METRICS_H

#include "backend/config/setting.h"
#include "backend/engine/engine.h"

typedef struct bw_metrics bw_metrics;

/* Top-level settings. */
extern const bw_setting_table bw_metrics_settings;

/* NULL when the configuration does not ask for it. Everything is borrowed and outlives it. */
bw_metrics *bw_metrics_start(bw_engine *engine, const bw_config *config, const bw_google *google,
                             const bw_clock *clock);
void bw_metrics_stop(bw_metrics *metrics);

#endif
