/* Carrying out a plan: one call per resource, each of which may be repeated. */
#include <stdlib.h>
#include <string.h>

#include "app/json_out.h"
#include "app/provision.h"
#include "backend/google/bigquery.h"
#include "backend/google/monitoring.h"
#include "backend/google/pubsub.h"

typedef struct worker {
    bw_provision *p;
    bw_pubsub *ps;
    bw_bigquery *bq;
    bw_destination *destination;
    bw_monitoring *mon;
} worker;

/* ---- topics and subscriptions ----------------------------------------------------------- */

static bw_status do_topic(worker *w, bw_provision_item *item, bw_error *err)
{
    if (item->action == BW_PROVISION_DELETE)
        return bw_pubsub_delete_topic(w->ps, item->name, err);
    bw_status s = bw_pubsub_create_topic(w->ps, item->name, item->create, NULL, err);
    return s == BW_EXISTS ? BW_OK
                          : s; /* of an attempt whose answer was lost, or another's: the same */
}

/* The subscription that is there already may be our own, whose answer was lost. */
static bw_status check_existing(worker *w, bw_provision_item *item, bw_error *err)
{
    json_t *found = NULL;
    bw_provision_item look = {.kind = item->kind, .wanted = item->wanted};
    bw_status s = bw_pubsub_get_subscription(w->ps, item->name, &found, err);
    if (s == BW_OK) {
        bw_provision_compare(&look, found, &w->p->arena);
        if (look.action != BW_PROVISION_UNCHANGED) {
            s = bw_error_set(err, BW_CONFLICT,
                             "somebody else has created the subscription meanwhile");
            bw_error_hint(err, "Run provision again: it compares it with the configuration.");
        }
    }
    json_decref(look.patch);
    json_decref(found);
    return s;
}

static bw_status do_subscription(worker *w, bw_provision_item *item, bw_error *err)
{
    if (item->action == BW_PROVISION_DELETE)
        return bw_pubsub_delete_subscription(w->ps, item->name, err);
    if (item->action == BW_PROVISION_UPDATE)
        return bw_pubsub_patch_subscription(w->ps, item->name, item->patch, item->mask, NULL, err);
    bw_status s = bw_pubsub_create_subscription(w->ps, item->name, item->create, NULL, err);
    return s == BW_EXISTS ? check_existing(w, item, err) : s;
}

/* ---- datasets and tables ---------------------------------------------------------------- */

static bw_status do_dataset(worker *w, bw_provision_item *item, bw_error *err)
{
    return bw_destination_prepare_dataset(w->destination, item->dataset, &w->p->arena, NULL, err);
}

static bw_status fail_for_drift(const bw_target *target, bw_error *err)
{
    for (size_t i = 0; i < target->n_drift; i++) {
        const bw_drift *d = &target->drift[i];
        if (d->kind != BW_DRIFT_RETYPED)
            continue;
        bw_error_set(err, BW_INVALID, "column %s is %s at the source but %s", d->column,
                     d->source_side, d->target_side);
        return bw_error_hint(err, "%s", d->consequence);
    }
    return bw_error_set(err, BW_INVALID, "the columns do not fit");
}

/* A raw table is made with the one that it belongs to: that one's item, or NULL. */
static const bw_provision_item *main_of(const bw_provision *p, const bw_provision_table *table)
{
    for (size_t i = 0; table->raw && i < p->count; i++) {
        const bw_provision_table *other = p->items[i].table;
        if (other && !other->raw && !other->further && other->def == table->def)
            return &p->items[i];
    }
    return NULL;
}

static bw_status do_table(worker *w, bw_provision_item *item, bw_error *err)
{
    bw_provision *p = w->p;
    bw_provision_table *table = item->table;
    bw_target target;
    if (item->action == BW_PROVISION_DELETE)
        return bw_bigquery_delete_table(w->bq,
                                        &(bw_table_ref){item->dataset->project,
                                                        item->dataset->dataset,
                                                        strrchr(item->name, '.') + 1},
                                        err);
    const bw_provision_item *whole = main_of(p, table);
    if (whole && whole->table->prepared)
        return BW_OK;
    if (whole && whole->tried)
        return bw_error_set(err, whole->error.status, "it is made with %s, which failed",
                            whole->name);
    bw_status s = table->described ? BW_OK : bw_provision_describe(p, table, err);
    if (s == BW_OK)
        s = bw_destination_prepare(w->destination, &table->spec, &table->info.schema, &p->arena,
                                   &target, err);
    if (s == BW_OK && target.incompatible)
        s = fail_for_drift(&target, err);
    table->prepared = s == BW_OK;
    return s;
}

/* ---- the dashboard ---------------------------------------------------------------------- */

static bw_status do_dashboard(worker *w, bw_provision_item *item, bw_error *err)
{
    const char *id = bw_provision_dashboard_id(w->p);
    json_t *found = NULL;
    if (item->action == BW_PROVISION_DELETE)
        return bw_monitoring_delete_dashboard(w->mon, id, err);
    bw_status s = item->action == BW_PROVISION_CREATE
                      ? bw_monitoring_create_dashboard(w->mon, id, item->create, err)
                      : bw_monitoring_patch_dashboard(w->mon, id, item->create, item->etag, err);
    if (s != BW_EXISTS && s != BW_CONFLICT)
        return s;
    /* After a lost answer it is our own that is there. */
    bw_error later = BW_ERROR_INIT;
    if (bw_monitoring_get_dashboard(w->mon, id, &found, &later) == BW_OK &&
        bw_provision_covers(found, item->create))
        s = BW_OK;
    else
        bw_error_hint(err, "Somebody else has changed it meanwhile: run provision again.");
    json_decref(found);
    return s;
}

/* ---- the audit trail -------------------------------------------------------------------- */

static bw_status audit(const bw_provision *p, const bw_provision_item *item, bw_error *err)
{
    json_t *detail = json_object(), *changes = json_object();
    json_object_set_new(detail, "kind", bw_json_text(bw_provision_kind_name(item->kind)));
    json_object_set_new(detail, "action", bw_json_text(bw_provision_action_name(item->action)));
    for (size_t i = 0; i < item->n_changes; i++) {
        json_t *change = json_array();
        json_array_append_new(change, bw_json_text(item->changes[i].from));
        json_array_append_new(change, bw_json_text(item->changes[i].to));
        json_object_set_new(changes, item->changes[i].field, change);
    }
    json_object_set_new(detail, "changes", changes);
    char *text = json_dumps(detail, JSON_COMPACT);
    bw_status s = bw_store_audit_add(p->session->store, p->session->who, "provision", item->name,
                                     text ? text : "{}", err);
    free(text);
    json_decref(detail);
    return s == BW_OK ? s : bw_error_wrap(err, "done, but not in the audit trail");
}

/* ---- all of it -------------------------------------------------------------------------- */

static bool is_to_do(const bw_provision_item *item)
{
    return item->action == BW_PROVISION_CREATE || item->action == BW_PROVISION_UPDATE ||
           item->action == BW_PROVISION_DELETE;
}

static bw_status carry_out(worker *w, bw_provision_item *item, bw_error *err)
{
    static bw_status (*const doers[])(worker *, bw_provision_item *, bw_error *) = {
        [BW_PROVISION_TOPIC] = do_topic,         [BW_PROVISION_SUBSCRIPTION] = do_subscription,
        [BW_PROVISION_DATASET] = do_dataset,     [BW_PROVISION_TABLE] = do_table,
        [BW_PROVISION_DASHBOARD] = do_dashboard,
    };
    bw_status s = item->action == BW_PROVISION_DELETE
                      ? bw_provision_look_again(w->p, w->ps, w->bq, item, err)
                      : BW_OK;
    if (s == BW_OK)
        s = doers[item->kind](w, item, err);
    /* What somebody else deleted meanwhile is gone as wanted. */
    return s == BW_NOT_FOUND && item->action == BW_PROVISION_DELETE ? BW_OK : s;
}

void bw_provision_apply(bw_provision *p, void (*tell)(void *user, const bw_provision_item *item),
                        void *user)
{
    const bw_google *google = p->session->google;
    const bw_clock *clock = bw_clock_system();
    worker w = {.p = p,
                .ps = bw_pubsub_new(google, NULL, clock, &p->cancel),
                .bq = bw_bigquery_new(google, clock, &p->cancel),
                .destination = bw_destination_new(google, clock, &p->cancel, NULL),
                .mon = bw_monitoring_new(google, NULL, clock, &p->cancel)};
    bw_pubsub_set_deadline(w.ps, BW_PROVISION_DEADLINE);
    bw_bigquery_set_deadline(w.bq, BW_PROVISION_DEADLINE);
    bw_destination_set_deadline(w.destination, BW_PROVISION_DEADLINE);
    bw_monitoring_set_deadline(w.mon, BW_PROVISION_DEADLINE);
    for (size_t i = 0; i < p->count; i++) {
        bw_provision_item *item = &p->items[i];
        bw_error err = BW_ERROR_INIT;
        if (!is_to_do(item))
            continue;
        bw_status s = carry_out(&w, item, &err);
        if (s == BW_OK)
            s = audit(p, item, &err);
        item->tried = true;
        if (s != BW_OK)
            item->error = err;
        tell(user, item);
    }
    bw_monitoring_free(w.mon);
    bw_destination_free(w.destination);
    bw_bigquery_free(w.bq);
    bw_pubsub_free(w.ps);
}
