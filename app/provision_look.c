/* What the services say of topics, subscriptions, datasets and the dashboard. Reads only. */
#include <string.h>
#include <strings.h>

#include "app/provision.h"
#include "backend/core/units.h"
#include "backend/google/bigquery.h"
#include "backend/google/monitoring.h"
#include "backend/google/pubsub.h"

/* Subscriptions of a topic that are looked at. */
#define OTHERS_MAX 100
/* What Monitoring says is good to know, and no reason to wait for long. */
#define MONITORING_DEADLINE (5 * BW_SECOND)

static void set_unknown(bw_provision *p, bw_provision_item *item, const bw_error *err)
{
    item->action = BW_PROVISION_UNKNOWN;
    item->note = bw_arena_strdup(&p->arena, err->message);
    item->hint = err->hint[0] ? bw_arena_strdup(&p->arena, err->hint) : NULL;
}

/* What is not there is created, where the configuration says enough for that. */
static void set_missing(bw_provision_item *item)
{
    item->action = item->create || item->dataset ? BW_PROVISION_CREATE : BW_PROVISION_UNKNOWN;
    if (item->action == BW_PROVISION_UNKNOWN)
        item->note = "it is not there, and the configuration does not say what topic it is of";
}

static bool is_ours(const json_t *resource)
{
    const char *owner =
        json_string_value(json_object_get(json_object_get(resource, "labels"), BW_PROVISION_LABEL));
    return owner && strcmp(owner, BW_PROVISION_OWNER) == 0;
}

static bool is_pubsub(const bw_provision_item *item)
{
    return item->kind == BW_PROVISION_TOPIC || item->kind == BW_PROVISION_SUBSCRIPTION;
}

static bw_status get(bw_pubsub *ps, const bw_provision_item *item, json_t **found, bw_error *err)
{
    return item->kind == BW_PROVISION_TOPIC
               ? bw_pubsub_get_topic(ps, item->name, found, err)
               : bw_pubsub_get_subscription(ps, item->name, found, err);
}

static void look_pubsub(bw_provision *p, bw_pubsub *ps, bw_provision_item *item, bw_error *err)
{
    json_t *found = NULL;
    bw_status s = get(ps, item, &found, err);
    if (s == BW_NOT_FOUND)
        set_missing(item);
    else if (s != BW_OK)
        set_unknown(p, item, err);
    else if (item->kind == BW_PROVISION_SUBSCRIPTION)
        bw_provision_compare(item, found, &p->arena);
    else
        item->action = BW_PROVISION_UNCHANGED;
    json_decref(found);
}

/* ---- the dashboard ---------------------------------------------------------------------- */

static void compare_dashboard(bw_provision *p, bw_provision_item *item, const json_t *found)
{
    const char *key, *etag = json_string_value(json_object_get(found, "etag"));
    json_t *value;
    item->action = BW_PROVISION_UNCHANGED;
    item->etag = etag ? bw_arena_strdup(&p->arena, etag) : NULL;
    item->changes = BW_ARENA_ARRAY(&p->arena, bw_provision_change, json_object_size(item->create));
    json_object_foreach(item->create, key, value)
    {
        if (bw_provision_covers(json_object_get(found, key), value))
            continue;
        item->action = BW_PROVISION_UPDATE;
        item->changes[item->n_changes++] =
            (bw_provision_change){bw_arena_strdup(&p->arena, key), "another", "as described"};
    }
    if (item->action == BW_PROVISION_UPDATE && !is_ours(found)) {
        item->action = BW_PROVISION_CONFLICT;
        item->note = "a dashboard of this name was made by somebody else";
    }
}

static void look_dashboard(bw_provision *p, bw_provision_item *item)
{
    bw_error err = BW_ERROR_INIT;
    json_t *found = NULL;
    bw_monitoring *mon = bw_monitoring_new(p->session->google, NULL, bw_clock_system(), &p->cancel);
    bw_monitoring_set_deadline(mon, BW_PROVISION_DEADLINE);
    bw_status s = bw_monitoring_get_dashboard(mon, bw_provision_dashboard_id(p), &found, &err);
    if (s == BW_NOT_FOUND)
        set_missing(item);
    else if (s != BW_OK)
        set_unknown(p, item, &err);
    else
        compare_dashboard(p, item, found);
    json_decref(found);
    bw_monitoring_free(mon);
}

/* ---- looking ---------------------------------------------------------------------------- */

static bw_pubsub *open_pubsub(bw_provision *p)
{
    bw_pubsub *ps = bw_pubsub_new(p->session->google, NULL, bw_clock_system(), &p->cancel);
    bw_pubsub_set_deadline(ps, BW_PROVISION_DEADLINE);
    return ps;
}

void bw_provision_look(bw_provision *p)
{
    bw_pubsub *ps = open_pubsub(p);
    bw_error down = BW_ERROR_INIT;
    for (size_t i = 0; i < p->count; i++) {
        bw_provision_item *item = &p->items[i];
        bw_error err = BW_ERROR_INIT;
        if (item->kind == BW_PROVISION_DASHBOARD)
            look_dashboard(p, item);
        if (!is_pubsub(item))
            continue;
        /* Who does not answer is not asked again and again. */
        if (down.status != BW_OK)
            set_unknown(p, item, &down);
        else
            look_pubsub(p, ps, item, &err);
        if (err.status == BW_UNAVAILABLE || err.status == BW_TIMEOUT)
            down = err;
    }
    bw_pubsub_free(ps);
}

/* ---- before deleting -------------------------------------------------------------------- */

static void keep(bw_provision_item *item, const char *why)
{
    item->action = BW_PROVISION_KEEP;
    item->note = why;
}

/* Whether the subscription is to be deleted before its topic, and was if that has been tried. */
static bool goes_too(bw_provision *p, const char *subscription)
{
    const bw_provision_item *item = bw_provision_find(p, BW_PROVISION_SUBSCRIPTION, subscription);
    return item && item->action == BW_PROVISION_DELETE && item->error.status == BW_OK;
}

/* A topic that others listen to is theirs as well. */
static void check_others(bw_provision *p, bw_pubsub *ps, bw_provision_item *item)
{
    bw_error err = BW_ERROR_INIT;
    json_t *names = NULL, *name;
    size_t i;
    if (bw_pubsub_list_topic_subscriptions(ps, item->name, OTHERS_MAX, &names, &err) != BW_OK) {
        set_unknown(p, item, &err);
        return;
    }
    json_array_foreach(names, i, name)
    {
        const char *other = json_string_value(name);
        if (goes_too(p, other))
            continue;
        keep(item, bw_arena_printf(&p->arena, "%s is subscribed to it and stays", other));
        break;
    }
    json_decref(names);
}

/* What deleting it loses, as far as Monitoring says. */
static const char *held(bw_provision *p, const char *subscription)
{
    bw_error err = BW_ERROR_INIT;
    bw_subscription_backlog backlog;
    char at[BW_TIME_TEXT];
    bw_monitoring *mon = bw_monitoring_new(p->session->google, NULL, bw_clock_system(), &p->cancel);
    bw_monitoring_set_deadline(mon, MONITORING_DEADLINE);
    bw_status s = bw_monitoring_backlog(mon, subscription, &backlog, &err);
    bw_monitoring_free(mon);
    if (s != BW_OK || backlog.messages < 0)
        return "how many messages it holds is not known";
    return bw_arena_printf(&p->arena, "it held %lld messages that are not acknowledged at %s",
                           (long long)backlog.messages, bw_format_time(backlog.messages_at_us, at));
}

static void look_before_delete(bw_provision *p, bw_pubsub *ps, bw_provision_item *item)
{
    bw_error err = BW_ERROR_INIT;
    json_t *found = NULL;
    bw_status s = get(ps, item, &found, &err);
    item->hint = NULL;
    if (s == BW_NOT_FOUND)
        item->action = BW_PROVISION_GONE;
    else if (s != BW_OK)
        set_unknown(p, item, &err);
    else if (!is_ours(found))
        keep(item,
             "it was not made by provision: no label " BW_PROVISION_LABEL "=" BW_PROVISION_OWNER);
    else
        item->action = BW_PROVISION_DELETE;
    json_decref(found);
    if (item->action == BW_PROVISION_DELETE && item->kind == BW_PROVISION_TOPIC)
        check_others(p, ps, item);
}

static void look_dashboard_before_delete(bw_provision *p, bw_provision_item *item)
{
    bw_error err = BW_ERROR_INIT;
    json_t *found = NULL;
    bw_monitoring *mon = bw_monitoring_new(p->session->google, NULL, bw_clock_system(), &p->cancel);
    bw_monitoring_set_deadline(mon, BW_PROVISION_DEADLINE);
    bw_status s = bw_monitoring_get_dashboard(mon, bw_provision_dashboard_id(p), &found, &err);
    if (s == BW_NOT_FOUND)
        item->action = BW_PROVISION_GONE;
    else if (s != BW_OK)
        set_unknown(p, item, &err);
    else if (is_ours(found))
        item->action = BW_PROVISION_DELETE;
    else
        keep(item, "it was not made by provision");
    json_decref(found);
    bw_monitoring_free(mon);
}

/* By names alone: a source that does not answer is no reason to keep its table. */
static void look_table_before_delete(bw_provision *p, bw_bigquery *bq, bw_provision_item *item)
{
    bw_error err = BW_ERROR_INIT;
    json_t *found = NULL;
    const bw_target_spec *spec = item->dataset;
    const char *table = strrchr(item->name, '.') + 1;
    bw_status s = bw_bigquery_get_table(bq, &(bw_table_ref){spec->project, spec->dataset, table},
                                        &found, &err);
    const char *owner =
        json_string_value(json_object_get(json_object_get(found, "labels"), BW_LABEL_OWNER));
    if (s == BW_NOT_FOUND)
        item->action = BW_PROVISION_GONE;
    else if (s != BW_OK)
        set_unknown(p, item, &err);
    else if (owner && strcmp(owner, bw_store_id(p->session->store)) == 0)
        item->action = BW_PROVISION_DELETE;
    else
        keep(item, "it does not carry this store's label " BW_LABEL_OWNER);
    json_decref(found);
}

/* What is subscribed goes before what it is subscribed to. */
static void reverse(bw_provision *p)
{
    for (size_t i = 0; i + 1 < p->count - i; i++) {
        bw_provision_item item = p->items[i];
        p->items[i] = p->items[p->count - 1 - i];
        p->items[p->count - 1 - i] = item;
    }
}

static void look_at(bw_provision *p, bw_pubsub *ps, bw_bigquery *bq, bw_provision_item *item)
{
    if (item->kind == BW_PROVISION_TABLE)
        look_table_before_delete(p, bq, item);
    else if (item->kind == BW_PROVISION_DASHBOARD)
        look_dashboard_before_delete(p, item);
    else if (item->kind == BW_PROVISION_DATASET)
        keep(item, "datasets are never deleted");
    else
        look_before_delete(p, ps, item);
}

static void look_all_of(bw_provision *p, bw_pubsub *ps, bw_bigquery *bq, bw_provision_kind kind)
{
    for (size_t i = 0; i < p->count; i++) {
        bw_provision_item *item = &p->items[i];
        if (item->kind != kind)
            continue;
        look_at(p, ps, bq, item);
        if (item->action != BW_PROVISION_DELETE || kind != BW_PROVISION_SUBSCRIPTION)
            continue;
        item->note = held(p, item->name);
        item->loses = true;
    }
}

bw_status bw_provision_look_again(bw_provision *p, bw_pubsub *ps, bw_bigquery *bq,
                                  const bw_provision_item *item, bw_error *err)
{
    bw_provision_item now = *item;
    now.note = NULL;
    look_at(p, ps, bq, &now);
    if (now.action == BW_PROVISION_DELETE)
        return BW_OK;
    if (now.action == BW_PROVISION_GONE)
        return bw_error_set(err, BW_NOT_FOUND, "it is gone already");
    bw_error_set(err, BW_CONFLICT, "it is kept, because that has changed: %s",
                 now.note ? now.note : "nobody says what it is now");
    return bw_error_hint(err, "Run it again: it shows what is there now.");
}

void bw_provision_look_for_destroy(bw_provision *p, bool tables)
{
    static const bw_provision_kind order[] = {BW_PROVISION_DASHBOARD, BW_PROVISION_TABLE,
                                              BW_PROVISION_DATASET, BW_PROVISION_SUBSCRIPTION,
                                              BW_PROVISION_TOPIC};
    bw_pubsub *ps = open_pubsub(p);
    bw_bigquery *bq = bw_bigquery_new(p->session->google, bw_clock_system(), &p->cancel);
    bw_bigquery_set_deadline(bq, BW_PROVISION_DEADLINE);
    p->n_notes = 0; /* they are about what is made */
    if (tables)
        bw_provision_name_tables(p);
    for (size_t i = 0; i < BW_COUNT(order); i++)
        look_all_of(p, ps, bq, order[i]);
    if (p->count)
        reverse(p);
    bw_bigquery_free(bq);
    bw_pubsub_free(ps);
}
