/*
 * What comes in beside the syncs: the dead-letter subscriptions of syncs (`dead_letter_subscription`),
 * whose messages become open dead letters, and the audit subscription (`audit.subscription`), whose
 * events are put into the audit trail and, where asked for, into Cloud Logging. Each has a collector
 * of its own, so that none holds up a sync or another.
 * Threads: the engine's.
 */
#ifndef BW_ENGINE_INTAKE_H
#define BW_ENGINE_INTAKE_H

#include "backend/engine/collector.h"
#include "backend/engine/sync.h"
#include "backend/store/store.h"

typedef struct bw_intake bw_intake;

typedef struct bw_intake_options {
    const bw_config *config;
    const bw_google *google;
    bw_store *store;
    const bw_clock *clock;
    bool drain;  /* end when the subscriptions are empty */
    int wake_fd; /* eventfd that is written when something came in */
} bw_intake_options;

/* Top-level settings of the audit subscription. */
extern const bw_setting_table bw_audit_settings;

/* Definitions outlive the intake. */
bw_intake *bw_intake_start(const bw_intake_options *options, const bw_sync_def *const *defs,
                           size_t count);
void bw_intake_stop(bw_intake *intake);

/* Messages kept so far, of all. */
int64_t bw_intake_kept(const bw_intake *intake);
/* With `drain`: every one is over. */
bool bw_intake_over(const bw_intake *intake);
/* The first problem of any, with the name of its subscription; false when all work. */
bool bw_intake_problem(bw_intake *intake, char *text, size_t size);
/* What the dead-letter subscriptions still hold; -1 when one of them is not known, or there is none. */
int64_t bw_intake_remote_letters(const bw_intake *intake);

#endif
