/*
 * The plan as HCL for Terraform's google provider. Resources refer to each other where both are in the
 * plan, so that Terraform makes them in order. Tables are left out: the engine makes them and changes
 * them with their source.
 */
#include <stdlib.h>
#include <string.h>

#include "app/provision.h"
#include "backend/engine/events_stage.h"

/* ---- the language ----------------------------------------------------------------------- */

/* "$${" stands for "${", but a sign before it would make that doubtful: then the sign is escaped. */
static void add_sign(bw_buf *out, char sign, bool doubtful)
{
    if (doubtful)
        bw_buf_addf(out, "\\u%04x", (unsigned)(unsigned char)sign);
    else
        bw_buf_addf(out, "%c%c", sign, sign);
}

void bw_hcl_add_string(bw_buf *out, const char *text)
{
    bw_buf_addc(out, '"');
    for (const char *c = text; *c; c++) {
        if ((*c == '$' || *c == '%') && c[1] == '{')
            add_sign(out, *c, c > text && c[-1] == *c);
        else if (*c == '"' || *c == '\\')
            bw_buf_addf(out, "\\%c", *c);
        else if (*c == '\n')
            bw_buf_adds(out, "\\n");
        else if ((unsigned char)*c < ' ' || *c == 127)
            bw_buf_addf(out, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            bw_buf_addc(out, *c);
    }
    bw_buf_addc(out, '"');
}

void bw_hcl_add_name(bw_buf *out, const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    if (!text[0] || !strchr(letters, text[0]))
        bw_buf_addc(out, '_');
    for (const char *c = text; *c; c++)
        bw_buf_addc(out, strchr(letters, *c) || strchr("0123456789-", *c) ? *c : '_');
}

#define ATTRIBUTES 16

/* What is being written: attributes that stand together have their signs in one column. */
typedef struct writer {
    bw_provision *p;
    bw_buf *out;
    const char *keys[ATTRIBUTES], *values[ATTRIBUTES];
    size_t count;
    int depth;
    const char **labels; /* "type.name" that are taken */
    size_t n_labels, labels_cap;
} writer;

static void flush(writer *w)
{
    size_t width = 0;
    for (size_t i = 0; i < w->count; i++)
        width = strlen(w->keys[i]) > width ? strlen(w->keys[i]) : width;
    for (size_t i = 0; i < w->count; i++)
        bw_buf_addf(w->out, "%*s%-*s = %s\n", 2 * w->depth, "", (int)width, w->keys[i],
                    w->values[i]);
    w->count = 0;
}

static void add_raw(writer *w, const char *key, const char *value)
{
    w->keys[w->count] = key;
    w->values[w->count++] = value;
}

static void add_text(writer *w, const char *key, const char *text)
{
    bw_buf b = BW_BUF_INIT;
    bw_hcl_add_string(&b, text);
    add_raw(w, key, bw_arena_strdup(&w->p->arena, bw_buf_cstr(&b)));
    bw_buf_fini(&b);
}

static void begin(writer *w, const char *head)
{
    flush(w);
    bw_buf_addf(w->out, "\n%*s%s {\n", 2 * w->depth, "", head);
    w->depth++;
}

static void end(writer *w)
{
    flush(w);
    w->depth--;
    bw_buf_addf(w->out, "%*s}\n", 2 * w->depth, "");
}

static void begin_block(writer *w, const char *sort, const char *type, const char *label)
{
    begin(w, bw_arena_printf(&w->p->arena, "%s \"%s\" \"%s\"", sort, type, label));
}

/* ---- names ------------------------------------------------------------------------------ */

static const char *id_of(const char *full)
{
    const char *slash = strrchr(full, '/');
    return slash ? slash + 1 : full;
}

static const char *project_of(writer *w, const char *full)
{
    const char *from = full + strlen("projects/"), *slash = strchr(from, '/');
    return slash ? bw_arena_strndup(&w->p->arena, from, (size_t)(slash - from)) : w->p->project;
}

static bool is_taken(const writer *w, const char *label)
{
    for (size_t i = 0; i < w->n_labels; i++)
        if (strcmp(w->labels[i], label) == 0)
            return true;
    return false;
}

/* What a resource of that type is called here; a number tells two apart that would be the same. */
static const char *new_label(writer *w, const char *type, const char *text)
{
    bw_arena *a = &w->p->arena;
    bw_buf b = BW_BUF_INIT;
    bw_hcl_add_name(&b, text);
    const char *label = bw_arena_strdup(a, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    const char *name = label, *full = bw_arena_printf(a, "%s.%s", type, name);
    for (int n = 2; is_taken(w, full); n++) {
        name = bw_arena_printf(a, "%s_%d", label, n);
        full = bw_arena_printf(a, "%s.%s", type, name);
    }
    BW_GROW(w->labels, w->n_labels + 1, w->labels_cap);
    w->labels[w->n_labels++] = full;
    return name;
}

/* Of each item, by its place. */
static const char *const types[] = {"google_pubsub_topic", "google_pubsub_subscription"};

static const char **name_items(writer *w)
{
    const char **names = BW_ARENA_ARRAY(&w->p->arena, const char *, w->p->count + 1);
    for (size_t i = 0; i < w->p->count; i++)
        if (w->p->items[i].kind < BW_COUNT(types))
            names[i] = new_label(w, types[w->p->items[i].kind], id_of(w->p->items[i].name));
    return names;
}

/* google_pubsub_topic.orders.id, or the quoted name of one that is not in the plan. */
static void add_reference(writer *w, const char *key, const char *topic, const char **names,
                          const char *member)
{
    bw_provision *p = w->p;
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].kind == BW_PROVISION_TOPIC && strcmp(p->items[i].name, topic) == 0) {
            add_raw(w, key,
                    bw_arena_printf(&p->arena, "%s.%s.%s", types[BW_PROVISION_TOPIC], names[i],
                                    member));
            return;
        }
    }
    add_text(w, key, topic);
}

/* ---- Pub/Sub ---------------------------------------------------------------------------- */

static void add_labels(writer *w)
{
    begin(w, "labels =");
    add_raw(w, BW_PROVISION_LABEL, "\"" BW_PROVISION_OWNER "\"");
    end(w);
}

static void write_topic(writer *w, const bw_provision_item *item, const char *name)
{
    begin_block(w, "resource", types[BW_PROVISION_TOPIC], name);
    add_text(w, "project", project_of(w, item->name));
    add_text(w, "name", id_of(item->name));
    add_labels(w);
    end(w);
}

/* How a member of the resource is written. */
static const struct {
    const char *member, *attribute;
} members[] = {
    {"ackDeadlineSeconds", "ack_deadline_seconds"},
    {"messageRetentionDuration", "message_retention_duration"},
    {"retainAckedMessages", "retain_acked_messages"},
    {"enableMessageOrdering", "enable_message_ordering"},
    {"filter", "filter"},
};

static void add_value(writer *w, const char *key, const json_t *value)
{
    if (json_is_string(value))
        add_text(w, key, json_string_value(value));
    else if (json_is_integer(value))
        add_raw(w, key,
                bw_arena_printf(&w->p->arena, "%lld", (long long)json_integer_value(value)));
    else if (json_is_boolean(value))
        add_raw(w, key, json_is_true(value) ? "true" : "false");
}

static void write_policies(writer *w, const json_t *resource, const char **names)
{
    const json_t *retry = json_object_get(resource, "retryPolicy");
    const json_t *dead = json_object_get(resource, "deadLetterPolicy");
    begin(w, "expiration_policy");
    add_text(w, "ttl", "");
    end(w);
    begin(w, "retry_policy");
    add_value(w, "minimum_backoff", json_object_get(retry, "minimumBackoff"));
    add_value(w, "maximum_backoff", json_object_get(retry, "maximumBackoff"));
    end(w);
    if (!dead)
        return;
    begin(w, "dead_letter_policy");
    add_reference(w, "dead_letter_topic",
                  json_string_value(json_object_get(dead, "deadLetterTopic")), names, "id");
    add_value(w, "max_delivery_attempts", json_object_get(dead, "maxDeliveryAttempts"));
    end(w);
}

static void write_subscription(writer *w, const bw_provision_item *item, const char *name,
                               const char **names)
{
    if (!item->create) {
        bw_buf_addf(w->out, "\n# The configuration does not say what topic this is of: %s\n",
                    id_of(item->name));
        return;
    }
    begin_block(w, "resource", types[BW_PROVISION_SUBSCRIPTION], name);
    add_text(w, "project", project_of(w, item->name));
    add_text(w, "name", id_of(item->name));
    add_reference(w, "topic", json_string_value(json_object_get(item->create, "topic")), names,
                  "id");
    for (size_t i = 0; i < BW_COUNT(members); i++)
        add_value(w, members[i].attribute, json_object_get(item->create, members[i].member));
    add_labels(w);
    write_policies(w, item->create, names);
    end(w);
}

/* ---- what a dead-letter policy needs ---------------------------------------------------- */

#define AGENT                                                                                      \
    "\"serviceAccount:service-${data.google_project.%s.number}@gcp-sa-pubsub.iam.gserviceaccount." \
    "com\""

static const char *write_project(writer *w, const char *project)
{
    bw_arena *a = &w->p->arena;
    bw_buf b = BW_BUF_INIT;
    bw_hcl_add_name(&b, project);
    const char *label = bw_arena_strdup(a, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    if (is_taken(w, bw_arena_printf(a, "google_project.%s", label)))
        return label;
    new_label(w, "google_project", label);
    begin_block(w, "data", "google_project", label);
    add_text(w, "project_id", project);
    end(w);
    return label;
}

/* Pub/Sub itself forwards: it must be allowed to publish there and to acknowledge here. */
static void write_bindings(writer *w, const bw_provision_item *item, const char *name,
                           const char **names)
{
    static const char on_topic[] = "google_pubsub_topic_iam_member",
                      on_subscription[] = "google_pubsub_subscription_iam_member";
    bw_arena *a = &w->p->arena;
    const json_t *dead = json_object_get(item->create, "deadLetterPolicy");
    const char *topic = json_string_value(json_object_get(dead, "deadLetterTopic"));
    if (!topic)
        return;
    const char *project = project_of(w, item->name);
    const char *agent = bw_arena_printf(a, AGENT, write_project(w, project));
    const char *label = new_label(w, on_topic, bw_arena_printf(a, "%s_dead_letters", name));
    begin_block(w, "resource", on_topic, label);
    add_text(w, "project", project_of(w, topic));
    add_reference(w, "topic", topic, names, "name");
    add_raw(w, "role", "\"roles/pubsub.publisher\"");
    add_raw(w, "member", agent);
    end(w);
    label = new_label(w, on_subscription, bw_arena_printf(a, "%s_dead_letters", name));
    begin_block(w, "resource", on_subscription, label);
    add_text(w, "project", project);
    add_raw(w, "subscription",
            bw_arena_printf(a, "%s.%s.name", types[BW_PROVISION_SUBSCRIPTION], name));
    add_raw(w, "role", "\"roles/pubsub.subscriber\"");
    add_raw(w, "member", agent);
    end(w);
}

/* ---- BigQuery, Datastore, Monitoring ---------------------------------------------------- */

static void write_dataset(writer *w, const bw_target_spec *spec)
{
    static const char type[] = "google_bigquery_dataset";
    const char *project = spec->project ? spec->project : w->p->project;
    const char *key = bw_arena_printf(&w->p->arena, "%s:%s", project, spec->dataset);
    if (is_taken(w, key))
        return;
    BW_GROW(w->labels, w->n_labels + 1, w->labels_cap);
    w->labels[w->n_labels++] = key;
    begin_block(w, "resource", type, new_label(w, type, spec->dataset));
    add_text(w, "project", project);
    add_text(w, "dataset_id", spec->dataset);
    add_text(w, "location", spec->location ? spec->location : "US");
    add_raw(w, "delete_contents_on_destroy", "false");
    end(w);
}

static void write_datasets(writer *w)
{
    bw_provision *p = w->p;
    for (size_t i = 0; i < p->n_defs; i++) {
        write_dataset(w, &p->defs[i].target);
        for (size_t k = 0; k < p->defs[i].n_further; k++) {
            bw_target_spec spec = p->defs[i].target;
            bw_sync_further_spec(p->defs[i].further[k], &p->arena, &spec);
            write_dataset(w, &spec);
        }
    }
}

/* The stored outcomes of events carry the time from which nobody needs them. */
static void write_ttl(writer *w, const bw_sync_def *def)
{
    static const char type[] = "google_firestore_field";
    const char *project = bw_config_string(def->node, "datastore.project");
    const char *database = bw_config_string(def->node, "datastore.database");
    if (!project)
        project = w->p->project;
    if (!database || !database[0])
        database = "(default)";
    const char *key = bw_arena_printf(&w->p->arena, "ttl:%s:%s", project, database);
    if (is_taken(w, key))
        return;
    BW_GROW(w->labels, w->n_labels + 1, w->labels_cap);
    w->labels[w->n_labels++] = key;
    begin_block(w, "resource", type, new_label(w, type, "bridgewatch_event_outcomes"));
    add_text(w, "project", project);
    add_text(w, "database", database);
    add_text(w, "collection", "_bw_event");
    add_text(w, "field", "_bw_expires");
    flush(w);
    bw_buf_adds(w->out, "\n  ttl_config {}\n");
    end(w);
}

/* In a here-document only templates mean something, and their signs stand in strings of JSON. */
static void write_dashboard(writer *w)
{
    bw_provision *p = w->p;
    json_t *dashboard = bw_provision_dashboard(p);
    json_object_set_new(dashboard, "name",
                        json_string(bw_arena_printf(&p->arena, "projects/%s/dashboards/%s",
                                                    p->project, bw_provision_dashboard_id(p))));
    char *text = json_dumps(dashboard, JSON_INDENT(2) | JSON_SORT_KEYS);
    begin_block(w, "resource", "google_monitoring_dashboard", "bridgewatch");
    add_text(w, "project", p->project);
    flush(w);
    bw_buf_adds(w->out, "\n  dashboard_json = <<EOT\n");
    for (const char *c = text; c && *c; c++) {
        if ((*c == '$' || *c == '%') && c[1] == '{')
            add_sign(w->out, *c, true);
        else
            bw_buf_addc(w->out, *c);
    }
    bw_buf_adds(w->out, "\nEOT\n");
    end(w);
    free(text);
    json_decref(dashboard);
}

void bw_provision_terraform(bw_provision *p, bool dashboard, bw_buf *out)
{
    writer w = {.p = p, .out = out};
    bw_buf_adds(out, "# Made by bridgewatch provision --format terraform from its configuration.\n"
                     "# The tables are made, and changed with their sources, by bridgewatch.\n");
    const char **names = name_items(&w);
    for (size_t i = 0; i < p->count; i++) {
        if (p->items[i].kind == BW_PROVISION_TOPIC)
            write_topic(&w, &p->items[i], names[i]);
        else if (p->items[i].kind == BW_PROVISION_SUBSCRIPTION)
            write_subscription(&w, &p->items[i], names[i], names);
    }
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].kind == BW_PROVISION_SUBSCRIPTION && p->items[i].create)
            write_bindings(&w, &p->items[i], names[i], names);
    write_datasets(&w);
    for (size_t i = 0; i < p->n_defs; i++)
        if (p->defs[i].mode == BW_MODE_EVENTS)
            write_ttl(&w, &p->defs[i]);
    if (dashboard)
        write_dashboard(&w);
    free(w.labels);
}
