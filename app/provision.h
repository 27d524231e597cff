/*
 * What `provision` makes for the syncs of a configuration: topics, subscriptions, datasets, tables and
 * a dashboard. A plan is data: a list of resources, in the order in which they have to be made, each
 * with what is wanted, what was found and what is to be done. It is built from the configuration alone
 * (wish), then compared with what the services say (look), then carried out (apply, or destroy); and
 * it is printed as text, as JSON or, before anybody is asked, as Terraform's HCL.
 *
 * What the configuration does not state is chosen where a resource is created and left alone where it
 * is there. What was made here carries the label managed-by=bridgewatch: only that is ever deleted.
 * Threads: main.
 */
#ifndef BW_APP_PROVISION_H
#define BW_APP_PROVISION_H

#include <jansson.h>
#include <stdio.h>

#include "app/session.h"
#include "backend/destination/destination.h"
#include "backend/engine/sync.h"
#include "backend/google/bigquery.h"
#include "backend/google/pubsub.h"

#define BW_PROVISION_LABEL "managed-by"
#define BW_PROVISION_OWNER "bridgewatch"

/* Of a new dead-letter policy. Deliveries count in crashes and outages too, which are no fault of the
   message: as many as there can be. Poison is told apart by the engine, long before. */
#define BW_PROVISION_ATTEMPTS 100

/* How long one call may take, its retries included. */
#define BW_PROVISION_DEADLINE (30 * BW_SECOND)

typedef enum bw_provision_kind {
    BW_PROVISION_TOPIC,
    BW_PROVISION_SUBSCRIPTION,
    BW_PROVISION_DATASET,
    BW_PROVISION_TABLE,
    BW_PROVISION_DASHBOARD,
} bw_provision_kind;

typedef enum bw_provision_action {
    BW_PROVISION_CREATE,
    BW_PROVISION_UPDATE,
    BW_PROVISION_UNCHANGED,
    BW_PROVISION_CONFLICT, /* it differs in what cannot be changed */
    BW_PROVISION_UNKNOWN,  /* nobody says, or the configuration does not */
    BW_PROVISION_DELETE,
    BW_PROVISION_KEEP, /* not to be deleted: it is not ours, or others use it */
    BW_PROVISION_GONE, /* nothing to delete */
} bw_provision_action;

/* As they are printed: "topic", "create". */
const char *bw_provision_kind_name(bw_provision_kind kind);
const char *bw_provision_action_name(bw_provision_action action);

/* One field of a resource, as texts; `to` is NULL where a fixed one differs. */
typedef struct bw_provision_change {
    const char *field, *from, *to;
} bw_provision_change;

/* Why a table is wanted, and how it is to look. */
typedef struct bw_provision_table {
    const bw_sync_def *def;
    bw_sync_mode mode;
    bool described; /* the source was asked: `info` and `spec` are there */
    bool prepared;  /* made, or found to be as it should */
    bw_table_info info;
    bw_target_spec spec;
    const char *further; /* of `targets`; or NULL */
    bool raw;            /* the raw table of it: made with it */
} bw_provision_table;

typedef struct bw_provision_item {
    bw_provision_kind kind;
    const char *name;     /* in full, as the service has it */
    const char *for_whom; /* "sync shop.orders", "audit" */
    json_t *create;       /* the resource to create; NULL when the configuration lacks something */
    json_t *wanted;       /* the members that the configuration states */
    const bw_target_spec *dataset;
    bw_provision_table *table;

    bw_provision_action action;
    bw_provision_change *changes;
    size_t n_changes;
    const char *note; /* a sentence, or NULL */
    const char *hint; /* what to do, or NULL */
    json_t *patch;    /* UPDATE: what is sent, */
    const char *mask; /* and the names of its members */
    bool loses;       /* carrying it out drops messages that are kept now */
    const char *etag;

    bool tried;     /* it was carried out, */
    bw_error error; /* with this outcome */
} bw_provision_item;

typedef struct bw_provision {
    bw_session *session;
    const char *project; /* at the top */
    bw_arena arena;
    bw_cancel cancel;
    bw_sync_def *defs; /* of the configuration; patterns are not expanded */
    size_t n_defs;
    bw_provision_item *items;
    size_t count, cap;
    const char **notes; /* what it cannot do, in sentences */
    size_t n_notes, notes_cap;
} bw_provision;

/* Reads the definitions. The session has Google. INVALID as bw_sync_defs_read(). */
BW_NODISCARD bw_status bw_provision_init(bw_provision *p, bw_session *session, bw_error *err);
void bw_provision_fini(bw_provision *p);
/* The item of that kind and name; appended, when it is new, with *is_new. Valid until the next. */
bw_provision_item *bw_provision_add(bw_provision *p, bw_provision_kind kind, const char *name,
                                    const char *for_whom, bool *is_new);
bw_provision_item *bw_provision_find(bw_provision *p, bw_provision_kind kind, const char *name);
void bw_provision_note(bw_provision *p, const char *sentence);

/* ---- what is wanted --------------------------------------------------------------------- */

/* The topics and subscriptions of the syncs and of audit, from the configuration alone. */
void bw_provision_wish(bw_provision *p);
/* The full name of the subscription that a sync reads, in the arena. */
const char *bw_provision_subscription_of(bw_provision *p, const bw_sync_def *def);
/* The dashboard of all syncs. */
void bw_provision_wish_dashboard(bw_provision *p);
/* Its id in the project, in the arena, and the resource without its name (the caller's). */
const char *bw_provision_dashboard_id(bw_provision *p);
json_t *bw_provision_dashboard(const bw_provision *p);

/* ---- what is there ---------------------------------------------------------------------- */

/* Sets the item's action, changes, mask and patch for a subscription that was found. Pure. */
void bw_provision_compare(bw_provision_item *item, const json_t *found, bw_arena *arena);
/* Whether everything of `wanted` is in `found`; what is empty or zero may be missing. Pure. */
bool bw_provision_covers(const json_t *found, const json_t *wanted);
/* Asks the services about all items but tables. Sends nothing but reads. */
void bw_provision_look(bw_provision *p);
/* Adds datasets and tables, asking the sources and BigQuery. Sends nothing but reads. */
void bw_provision_look_tables(bw_provision *p);
/* Adds them by their names alone, for deleting; only what patterns stand for is asked. */
void bw_provision_name_tables(bw_provision *p);
/* Asks the table's source: its schema and with it the specification. NOT_FOUND: no such table. */
BW_NODISCARD bw_status bw_provision_describe(bw_provision *p, bw_provision_table *table,
                                             bw_error *err);

/* What may be deleted: turns the actions into DELETE, KEEP and GONE. With `tables` the tables of the
   syncs too, where they carry this store's label. The order becomes that of deleting. */
void bw_provision_look_for_destroy(bw_provision *p, bool tables);
/* Whether what was to be deleted still is, now that somebody has thought about it for a while:
   NOT_FOUND, CONFLICT. */
BW_NODISCARD bw_status bw_provision_look_again(bw_provision *p, bw_pubsub *ps, bw_bigquery *bq,
                                               const bw_provision_item *item, bw_error *err);

/* ---- doing it --------------------------------------------------------------------------- */

/* Creates, updates and deletes what the plan says, each with an entry in the audit trail, telling each
   outcome. Goes on after a failure. */
void bw_provision_apply(bw_provision *p, void (*tell)(void *user, const bw_provision_item *item),
                        void *user);

/* ---- printing --------------------------------------------------------------------------- */

/* How many items have that action, and of those tried how many failed. */
size_t bw_provision_count(const bw_provision *p, bw_provision_action action);
size_t bw_provision_failed(const bw_provision *p);
void bw_provision_print(const bw_provision *p, FILE *out);
/* {"ok", "resources": [...], "notes": [...]}; the caller's. */
json_t *bw_provision_json(const bw_provision *p);
/* The same resources as HCL. Deterministic; asks nobody. */
void bw_provision_terraform(bw_provision *p, bool dashboard, bw_buf *out);
/* Appends a quoted string of HCL that means exactly `text`. */
void bw_hcl_add_string(bw_buf *out, const char *text);
/* Appends a name of HCL made of `text`: letters, digits, _ and -; not beginning with a digit. */
void bw_hcl_add_name(bw_buf *out, const char *text);

#endif
