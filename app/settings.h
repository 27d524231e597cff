/*
 * The schema of bridgewatch.yaml: the top level, `sources` with each registered driver's own
 * settings, `syncs`. Everything that reads, checks, prints or documents the configuration uses
 * this one. Threads: any, after init.
 */
#ifndef BW_APP_SETTINGS_H
#define BW_APP_SETTINGS_H

#include "backend/config/config.h"

#define BW_SETTINGS_MAX_SOURCES 16

/* Holds what depends on the drivers that are built in. Must outlive every use of the schema. */
typedef struct bw_settings {
    bw_setting_table top[3];
    bw_config_variant sources[BW_SETTINGS_MAX_SOURCES];
    bw_config_variant syncs[BW_SETTINGS_MAX_SOURCES];
    bw_config_section sections[2];
    bw_config_schema schema;
} bw_settings;

/* Fills it from the registry of drivers; returns &s->schema. */
const bw_config_schema *bw_settings_init(bw_settings *s);
/* The schema's check: what its tables cannot say. */
void bw_settings_check(const bw_config *config, bw_config_problems *problems);

#endif
