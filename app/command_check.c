/* `check`: reads the configuration, connects to everything, says what is wrong and where. Changes
   nothing anywhere. */
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/json_out.h"
#include "app/session.h"
#include "backend/engine/events_stage.h"
#include "backend/engine/outbox.h"
#include "backend/engine/sync.h"
#include "backend/core/text.h"
#include "backend/google/bigquery.h"
#include "backend/google/datastore.h"

/* Somebody waits: what does not answer by then is down. */
#define ANSWER_WITHIN (20 * BW_SECOND)

typedef enum level { LEVEL_OK, LEVEL_NOTE, LEVEL_FAILED } level;

/* A sync whose table is there. */
typedef struct described {
    bw_sync_def def;
    bw_table_info info;
    bw_sync_mode mode;
} described;

typedef struct check {
    bw_session session;
    bw_arena arena;
    bw_cancel cancel;
    json_t *items; /* NULL: text */
    int failed, notes;
    described *tables; /* what the sources said, for the look at the targets */
    size_t n_tables, tables_cap;
} check;

static void say(check *c, level l, const char *what, const char *message, const char *hint)
{
    static const char *const marks[] = {"ok    ", "note  ", "FAILED"};
    c->failed += l == LEVEL_FAILED;
    c->notes += l == LEVEL_NOTE;
    if (c->items) {
        json_t *o = json_object();
        json_object_set_new(o, "what", bw_json_text(what));
        json_object_set_new(o, "ok", json_boolean(l != LEVEL_FAILED));
        json_object_set_new(o, "note", json_boolean(l == LEVEL_NOTE));
        json_object_set_new(o, "message", bw_json_text(message));
        json_object_set_new(o, "hint", hint && hint[0] ? bw_json_text(hint) : json_null());
        json_array_append_new(c->items, o);
        return;
    }
    FILE *out = c->session.ctx->out;
    char safe[2048];
    fprintf(out, "%s  %s: ", marks[l], bw_text_sanitise_to(safe, sizeof(safe), what));
    fprintf(out, "%s\n", bw_text_sanitise_to(safe, sizeof(safe), message));
    if (hint && hint[0])
        fprintf(out, "        HINT: %s\n", bw_text_sanitise_to(safe, sizeof(safe), hint));
}

static void say_error(check *c, const char *what, const bw_error *err)
{
    say(c, LEVEL_FAILED, what, err->message, err->hint);
}

/* As a run would describe it: with what the sync remembers. */
static bw_table_spec spec_of(check *c, const bw_sync_def *def)
{
    bw_table_spec spec = def->spec;
    bw_error ignored = BW_ERROR_INIT;
    bw_sync_record record;
    bool found = false;
    if (c->session.store &&
        bw_store_sync_get(c->session.store, def->name, &c->arena, &record, &found, &ignored) ==
            BW_OK &&
        found)
        spec.checkpoint = record.checkpoint;
    return spec;
}

/* ---- what events need beside their subscription ----------------------------------------- */

static void check_subscription(check *c, bw_pubsub *ps, const char *what, const char *name,
                               const char *use)
{
    bw_error err = BW_ERROR_INIT;
    bool exists = false;
    if (!name)
        return;
    if (bw_pubsub_subscription_exists(ps, name, &exists, &err) != BW_OK)
        say_error(c, what, &err);
    else if (!exists)
        say(c, LEVEL_FAILED, what, bw_arena_printf(&c->arena, "there is no %s %s", use, name),
            "`bridgewatch provision` creates it.");
    else
        say(c, LEVEL_OK, what, bw_arena_printf(&c->arena, "%s %s: there", use, name), NULL);
}

static void check_topics(check *c, bw_pubsub *ps, const char *what)
{
    for (int op = 0; op < BW_EVENT_OPERATION_COUNT; op++) {
        bw_error err = BW_ERROR_INIT;
        bool exists = false;
        const char *topic = bw_arena_printf(&c->arena, BW_OUTBOX_TOPIC "%s",
                                            bw_event_operation_name((bw_event_operation)op));
        if (bw_pubsub_topic_exists(ps, topic, &exists, &err) != BW_OK) {
            say_error(c, what, &err);
            return;
        }
        if (!exists)
            say(c, LEVEL_FAILED, what,
                bw_arena_printf(&c->arena, "external_events needs the topic %s", topic),
                "`bridgewatch provision` creates it.");
    }
}

/* Whether Datastore answers in the namespace that the events are resolved in. */
static void check_entities(check *c, const bw_sync_def *def, const char *what)
{
    bw_error err = BW_ERROR_INIT;
    const bw_config_node *node = def->node;
    bw_datastore *ds = bw_datastore_new(
        c->session.google, bw_config_string(node, "datastore.project"),
        bw_config_string(node, "datastore.database"), bw_clock_system(), &c->cancel);
    bw_datastore_set_deadline(ds, ANSWER_WITHIN);
    bw_datastore_query query = {.namespace = bw_config_string(node, "datastore.namespace"),
                                .query = BW_SLICE_LIT("{\"kind\":[{\"name\":\"_bw_event\"}]}")};
    int64_t count = 0;
    if (bw_datastore_count(ds, &query, 1, &count, NULL, &err) != BW_OK)
        say_error(c, what, &err);
    else
        say(c, LEVEL_OK, what, "Datastore answers", NULL);
    bw_datastore_free(ds);
}

static void check_events(check *c, const bw_sync_def *def, const char *what)
{
    const bw_config_node *top = bw_config_top(c->session.ctx->config);
    bw_pubsub *ps = bw_pubsub_new(c->session.google, NULL, bw_clock_system(), &c->cancel);
    bw_pubsub_set_deadline(ps, ANSWER_WITHIN);
    check_subscription(c, ps, what, def->dead_letter_subscription, "dead-letter subscription");
    check_subscription(c, ps, what, bw_config_string(top, "audit.subscription"),
                       "audit subscription");
    if (bw_config_bool(def->node, "external_events"))
        check_topics(c, ps, what);
    bw_pubsub_free(ps);
    check_entities(c, def, what);
}

static void check_table(check *c, bw_source *source, const bw_sync_def *def)
{
    bw_error err = BW_ERROR_INIT;
    bw_table_info info;
    bw_table_spec spec = spec_of(c, def);
    const char *what = bw_arena_printf(&c->arena, "sync %s", def->name);
    if (def->source->describe(source, &spec, &c->arena, &info, &err) != BW_OK) {
        say_error(c, what, &err);
        return;
    }
    if (def->mode == BW_MODE_EVENTS)
        bw_events_table(&info);
    const char *cursor = info.cursor >= 0 ? info.schema.fields[info.cursor].source_name : NULL;
    bw_sync_mode mode;
    if (bw_sync_resolve_mode(def, &info, &mode, &err) != BW_OK) {
        say_error(c, what, &err);
        return;
    }
    BW_GROW(c->tables, c->n_tables + 1, c->tables_cap);
    described *table = &c->tables[c->n_tables++];
    *table = (described){*def, info, mode};
    for (size_t i = 0; i + 1 < c->n_tables && !table->def.rival; i++) {
        if (bw_sync_defs_clash(&c->tables[i].def, def))
            table->def.rival = c->tables[i].def.name;
    }
    if (bw_sync_check_rival(&table->def, &err) != BW_OK)
        say_error(c, what, &err);
    say(c, LEVEL_OK, what,
        bw_arena_printf(&c->arena, "%s, %zu columns, mode %s, key: %s, cursor: %s", info.name,
                        info.schema.count, bw_sync_mode_name(mode), info.key_origin,
                        cursor ? cursor : info.cursor_origin),
        NULL);
    if (info.cursor_problem)
        say(c, LEVEL_FAILED, what, info.cursor_problem, NULL);
    for (size_t i = 0; i < info.n_warnings; i++)
        say(c, LEVEL_NOTE, what, info.warnings[i], NULL);
    if (def->mode == BW_MODE_EVENTS)
        check_events(c, def, what);
}

static void check_pattern(check *c, bw_source *source, const bw_sync_def *def)
{
    bw_error err = BW_ERROR_INIT;
    const char *const *tables;
    size_t n;
    const char *what = bw_arena_printf(&c->arena, "pattern %s", def->spec.table);
    if (def->source->list(source, def->spec.table, &c->arena, &tables, &n, &err) != BW_OK) {
        say_error(c, what, &err);
        return;
    }
    size_t excluded = 0;
    for (size_t i = 0; i < n; i++)
        excluded += bw_sync_def_excludes(def, tables[i]);
    const char *text = bw_arena_printf(&c->arena, "%zu table%s", n, n == 1 ? "" : "s");
    if (excluded > 0)
        text = bw_arena_printf(&c->arena, "%s, %zu of them excluded", text, excluded);
    say(c, n ? LEVEL_OK : LEVEL_FAILED, what, text, NULL);
    /* In the engine's order: what has a target comes before what is new. */
    for (size_t i = 0; i < 2 * n; i++) {
        bw_sync_def one;
        const char *table = tables[i % n];
        if (bw_sync_def_excludes(def, table))
            continue;
        bw_sync_def_expand(def, table, &c->arena, &one);
        bool has_written =
            c->session.store && bw_store_sync_has_written(c->session.store, one.name);
        if (has_written == (i < n))
            check_table(c, source, &one);
    }
}

/* Whether this source, or a secret of it, is kept at Google. */
static bool asks_google(const bw_source_class *class, const bw_config_node *node)
{
    if (class->capabilities & BW_SOURCE_GOOGLE)
        return true;
    for (size_t i = 0; i < class->n_settings; i++) {
        const bw_setting *s = &class->settings[i];
        if (s->type == BW_SETTING_SECRET &&
            bw_config_secret(node, s->path).kind == BW_SECRET_REFERENCE)
            return true;
    }
    return false;
}

static void check_source(check *c, const bw_config_node *node, const bw_sync_def *defs, size_t n)
{
    bw_error err = BW_ERROR_INIT;
    const char *name = bw_config_node_name(node);
    const char *what = bw_arena_printf(&c->arena, "source %s", name);
    const bw_source_class *class = bw_source_find(bw_config_string(node, "type"));
    bw_source_env env = {.clock = bw_clock_system(),
                         .cancel = &c->cancel,
                         .subject = name,
                         .stall_timeout_us = ANSWER_WITHIN};
    bw_source *source;
    bw_source_status status;
    if (asks_google(class, node) && bw_session_google(&c->session, &err) != BW_OK) {
        say_error(c, what, &err);
        return;
    }
    env.google = c->session.google;
    if (class->open(class, node, &env, &source, &err) != BW_OK) {
        say_error(c, what, &err);
        return;
    }
    if (class->status(source, &c->arena, &status, &err) != BW_OK) {
        say_error(c, what, &err);
    } else {
        say(c, LEVEL_OK, what,
            bw_arena_printf(&c->arena, "%s, answers in %.1f ms", status.version,
                            (double)status.latency_us / 1000),
            NULL);
        for (size_t i = 0; i < status.n_warnings; i++)
            say(c, LEVEL_NOTE, what, status.warnings[i], NULL);
        for (size_t i = 0; i < n; i++) {
            if (defs[i].source_node != node)
                continue;
            if (defs[i].pattern)
                check_pattern(c, source, &defs[i]);
            else
                check_table(c, source, &defs[i]);
        }
    }
    class->close(source);
}

/* The place of a dataset that is there counts, whatever the setting says. */
static void say_dataset(check *c, const char *what, json_t *dataset)
{
    const char *wanted = bw_config_string(bw_config_top(c->session.ctx->config), "location");
    const char *place = json_string_value(json_object_get(dataset, "location"));
    say(c, LEVEL_OK, what, place ? bw_arena_printf(&c->arena, "there, in %s", place) : "there",
        NULL);
    if (place && wanted && strcasecmp(place, wanted) != 0)
        say(c, LEVEL_NOTE, what,
            bw_arena_printf(&c->arena, "it is in %s, location says %s", place, wanted),
            "Jobs go where the dataset is; location is only for datasets that are made. Correct "
            "it, or name another dataset if the data must not be there.");
}

/* True when BigQuery answers. */
static bool check_datasets(check *c, const bw_sync_def *defs, size_t n)
{
    bw_error err = BW_ERROR_INIT;
    bool answers = true;
    bw_bigquery *bq = bw_bigquery_new(c->session.google, bw_clock_system(), &c->cancel);
    bw_bigquery_set_deadline(bq, ANSWER_WITHIN);
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= strcmp(defs[k].target.dataset, defs[i].target.dataset) == 0;
        if (seen)
            continue;
        const char *what = bw_arena_printf(&c->arena, "dataset %s", defs[i].target.dataset);
        json_t *dataset = NULL;
        bw_status s = bw_bigquery_get_dataset(bq, defs[i].target.project, defs[i].target.dataset,
                                              &dataset, &err);
        if (s == BW_OK)
            say_dataset(c, what, dataset);
        else if (s == BW_NOT_FOUND)
            say(c, LEVEL_NOTE, what, "not there yet: the first run makes it", NULL);
        else
            say_error(c, what, &err);
        answers &= s == BW_OK || s == BW_NOT_FOUND;
        json_decref(dataset);
    }
    bw_bigquery_free(bq);
    return answers;
}

/* Whose the target is, and whether its columns still fit. */
static void check_target(check *c, bw_destination *d, const described *t)
{
    bw_error err = BW_ERROR_INIT;
    bw_target_spec spec;
    bw_target target;
    const char *owner = c->session.store ? bw_store_id(c->session.store) : "none";
    const char *what = bw_arena_printf(&c->arena, "target %s", t->def.target.table);
    bw_sync_target_spec(&t->def, t->mode, &t->info, owner, &spec);
    bw_status s = bw_destination_inspect(d, &spec, &t->info.schema, &c->arena, &target, &err);
    if (s == BW_NOT_FOUND) {
        say(c, LEVEL_NOTE, what, "not there yet: the first run makes it", NULL);
        return;
    }
    if (s != BW_OK) {
        say_error(c, what, &err);
        return;
    }
    if (target.n_drift == 0)
        say(c, LEVEL_OK, what, "there, and the columns fit", NULL);
    for (size_t i = 0; i < target.n_drift; i++) {
        const bw_drift *drift = &target.drift[i];
        say(c, drift->kind == BW_DRIFT_RETYPED ? LEVEL_FAILED : LEVEL_NOTE, what,
            bw_arena_printf(&c->arena, "column %s %s: %s at the source, %s at the target",
                            drift->column, bw_drift_kind_name(drift->kind), drift->source_side,
                            drift->target_side),
            drift->consequence);
    }
}

static void check_targets(check *c)
{
    bw_destination *d = bw_destination_new(c->session.google, bw_clock_system(), &c->cancel, NULL);
    bw_destination_set_deadline(d, ANSWER_WITHIN);
    for (size_t i = 0; i < c->n_tables; i++)
        check_target(c, d, &c->tables[i]);
    bw_destination_free(d);
}

static void check_destination(check *c, const bw_sync_def *defs, size_t n)
{
    bw_error err = BW_ERROR_INIT;
    if (bw_session_google(&c->session, &err) != BW_OK) {
        say_error(c, "credentials", &err);
        return;
    }
    if (bw_google_check_credentials(c->session.google, &c->cancel, 10 * BW_SECOND, &err) != BW_OK) {
        say_error(c, "credentials", &err); /* nobody would answer without them */
        return;
    }
    say(c, LEVEL_OK, "credentials", bw_google_identity(c->session.google), NULL);
    if (check_datasets(c, defs, n))
        check_targets(c);
}

static void check_state(check *c)
{
    bw_error err = BW_ERROR_INIT;
    char holder[128];
    if (bw_session_store(&c->session, BW_STORE_SHARED, &err) != BW_OK) {
        say_error(c, "state", &err);
        return;
    }
    bool runs = bw_store_engine_runs(c->session.state_dir, holder);
    say(c, LEVEL_OK, "state",
        bw_arena_printf(&c->arena, "%s%s%s", c->session.state_dir, runs ? ", an engine runs: " : "",
                        runs ? holder : ""),
        NULL);
}

static bw_exit run(const bw_cli_context *ctx)
{
    check c = {.arena = BW_ARENA_INIT};
    bw_error err = BW_ERROR_INIT;
    bw_sync_def *defs = NULL;
    size_t n = 0;
    bw_status status = bw_session_open(&c.session, ctx, false, &err);
    if (status == BW_OK)
        status = bw_sync_defs_read(ctx->config, &c.arena, &defs, &n, &err);
    if (status != BW_OK) {
        bw_exit code = bw_session_failed(ctx, &err);
        (void)bw_session_close(&c.session);
        bw_arena_fini(&c.arena);
        return code;
    }
    bw_cancel_init(&c.cancel);
    c.items = bw_cli_has(ctx->line, "json") ? json_array() : NULL;
    say(&c, LEVEL_OK, "configuration",
        bw_config_file(ctx->config) ? bw_config_file(ctx->config) : "defaults", NULL);
    if (n == 0)
        say(&c, LEVEL_NOTE, "configuration", BW_NO_SYNCS, BW_NO_SYNCS_HINT);
    check_state(&c);
    for (size_t i = 0; i < bw_config_count(ctx->config, "sources"); i++)
        check_source(&c, bw_config_at(ctx->config, "sources", i), defs, n);
    check_destination(&c, defs, n);
    if (c.items) {
        json_t *doc = json_object();
        json_object_set_new(doc, "ok", json_boolean(c.failed == 0));
        json_object_set_new(doc, "checks", c.items);
        bw_json_print(doc, ctx->out);
    } else {
        fputc('\n', ctx->out);
        if (c.failed)
            fprintf(ctx->out, "something is wrong: %d FAILED above\n", c.failed);
        else
            fputs(c.notes ? "all well, with notes\n" : "all well\n", ctx->out);
    }
    free(c.tables);
    bw_cancel_fini(&c.cancel);
    bw_arena_fini(&c.arena);
    (void)bw_session_close(&c.session);
    return c.failed ? BW_EXIT_FAILED : BW_EXIT_OK;
}

static const bw_cli_option options[] = {BW_CLI_JSON};

const bw_cli_command bw_command_check = {
    .name = "check",
    .args = "",
    .help = "read the configuration, connect to everything, say what is wrong and where",
    .details = "Changes nothing: no table is made and no row is read.",
    .options = options,
    .n_options = BW_COUNT(options),
    .needs = BW_NEEDS_CONFIG,
    .run = run,
};
