/*
 * The stage of change events: a source of its own upon a source of messages. It takes each message as
 * an event (backend/events/), resolves the events against Datastore, and hands out one row per event:
 * the state that the event left behind, with the event beside it (bw_row_event). Messages that are
 * no events, that Datastore refuses, or whose conflict waits for an operator are rejected rows.
 *
 * Effects come in this order: Datastore while rows are fetched (each event once, by its stored
 * outcome); then, by the engine, the raw and current tables; then what is told to others
 * (reader_visible): one message per event that changed something, to the topic
 * `external-sync-<operation>`, with the attribute bw-event-id; then the commit; then the
 * acknowledgement of the messages (reader_ack).
 *
 * Fed with stored messages, the next reader hands out those instead of the subscription's: that is
 * how dead letters are replayed.
 * Threads: as source.h says.
 */
#ifndef BW_ENGINE_EVENTS_STAGE_H
#define BW_ENGINE_EVENTS_STAGE_H

#include "backend/engine/replayed.h"
#include "backend/engine/sync.h"
#include "backend/events/resolver.h"

/* Settings of a sync whose source is a subscription. */
extern const bw_setting_table bw_events_settings;
/* For the schema's check: what is said there must make sense together. */
void bw_events_settings_check(const bw_config_node *node, bw_config_problems *problems);

/* For the same: no subscription is read by two. */
void bw_subscriptions_check(const bw_config *config, bw_config_problems *problems);
/* Whether the source's subscription is the audit's or of dead letters: a pattern does not mean it. */
bool bw_subscription_is_collected(const bw_config *config, const bw_config_node *source,
                                  const char *name);

/* Columns of the current table. */
enum {
    BW_EVENT_ROW_KEY,           /* bw_event.key_text, the table's key */
    BW_EVENT_ROW_KIND,          /* of the entity */
    BW_EVENT_ROW_ENTITY_ID,     /* its name or id, without ancestors */
    BW_EVENT_ROW_DATA,          /* JSON: the entity's properties */
    BW_EVENT_ROW_LAST_MODIFIED, /* the newest timestamp that took part */
    BW_EVENT_ROW_RESOLVED,      /* a conflict was resolved by merging */
    BW_EVENT_ROW_COLUMNS
};

/* Puts the stage upon *source (of the class *class), which it closes in the end, or on a failure at
   once; then *source is NULL. INVALID: the sync's settings. `def` and `env` outlive the stage. */
BW_NODISCARD bw_status bw_events_stage_open(const bw_sync_def *def, const bw_source_env *env,
                                            bw_store *store, const bw_source_class **class,
                                            bw_source **source, bw_error *err);

/* Makes of what a subscription's messages are what the sync's table is. */
void bw_events_table(bw_table_info *info);
/* How the sync's messages are read as events. Borrows from the definition. */
void bw_events_rules_read(const bw_sync_def *def, bw_event_rules *rules);
/* And how conflicts are resolved, in which database; the rest of the options is left as it is. Lists
   are in the arena. */
void bw_events_resolver_read(const bw_sync_def *def, const bw_event_rules *rules, bw_arena *arena,
                             bw_resolver_options *options);
/* {"entity_key":...}: the key of the current table, which letters are listed under. */
bw_slice bw_event_entity_json(const bw_event *event, bw_arena *arena);

/* For the next reader that is opened on the stage, which borrows them. */
void bw_events_stage_feed(bw_source *source, const bw_replayed_message *messages, size_t count);

#endif
