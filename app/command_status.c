/* `status`: the home screen as text, from the store, with or without a running engine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/json_out.h"
#include "app/session.h"
#include "app/text_table.h"
#include "backend/core/units.h"
#include "backend/engine/sync.h"
#include "backend/score/table.h"

/* One line: a configured sync, a remembered one, or both. */
typedef struct line {
    bw_sync_record record;
    bool running;
    const char *run_kind; /* of the run under way */
    int64_t run_started_us;
    int64_t dead_letters;
    double lag_s;
    bw_table_score score;
} line;

typedef struct report {
    bw_arena arena;
    line *lines;
    size_t n;
    bw_engine_record engine;
    int64_t dead_letters;
} report;

static void judge(line *l, int64_t now)
{
    const bw_sync_record *r = &l->record;
    /* A source that did not answer the last run may have changed or not: nobody knows. */
    bool down = r->last_run_us != BW_TIME_NONE && isnan(r->lag_s);
    bool known = r->watermark_us != BW_TIME_NONE && r->source_offset_us != BW_TIME_NONE;
    l->lag_s =
        down || !known ? NAN : (double)(now + r->source_offset_us - r->watermark_us) / BW_SECOND;
    if (l->lag_s < 0)
        l->lag_s = 0;
    bw_table_facts facts = {
        .lag_s = l->lag_s,
        .target_s = (double)r->freshness_target_us / BW_SECOND,
        .failed = r->error != NULL,
        .drift = r->state && strcmp(r->state, "drift") == 0,
        .parked = r->parked_until_us != BW_TIME_NONE && r->parked_until_us > now,
        .paused = r->paused,
        .running = l->running,
    };
    l->score = bw_score_table(&facts);
}

static line *find(report *rep, const char *name)
{
    for (size_t i = 0; i < rep->n; i++) {
        if (strcmp(rep->lines[i].record.name, name) == 0)
            return &rep->lines[i];
    }
    return NULL;
}

/* Syncs that are configured but have never run. */
static bw_status add_configured(report *rep, const bw_config *config, size_t *cap, bw_error *err)
{
    bw_sync_def *defs;
    size_t n;
    if (!config || bw_config_count(config, "syncs") == 0)
        return BW_OK;
    bw_status s = bw_sync_defs_read(config, &rep->arena, &defs, &n, err);
    for (size_t i = 0; s == BW_OK && i < n; i++) {
        if (defs[i].pattern || find(rep, defs[i].name))
            continue;
        BW_GROW(rep->lines, rep->n + 1, *cap);
        rep->lines[rep->n++] =
            (line){.record = {
                       .name = defs[i].name,
                       .source = defs[i].source_name,
                       .target = bw_arena_printf(&rep->arena, "%s.%s", defs[i].target.dataset,
                                                 defs[i].target.table),
                       .mode = bw_sync_mode_name(defs[i].mode),
                       .watermark_us = BW_TIME_NONE,
                       .source_offset_us = BW_TIME_NONE,
                       .last_success_us = BW_TIME_NONE,
                       .next_run_us = BW_TIME_NONE,
                       .parked_until_us = BW_TIME_NONE,
                       .freshness_target_us = defs[i].freshness_target_us,
                   }};
    }
    return s;
}

static bw_status read_report(bw_session *s, report *rep, bw_error *err)
{
    bw_sync_record *records;
    bw_letter_group *groups;
    bw_run_record *runs;
    size_t n, n_groups, n_runs = 0, cap = 0;
    bw_arena *a = &rep->arena;
    bw_status status = bw_store_engine(s->store, a, &rep->engine, err);
    if (status == BW_OK)
        status = bw_store_sync_list(s->store, a, &records, &n, err);
    for (size_t i = 0; status == BW_OK && i < n; i++) {
        BW_GROW(rep->lines, rep->n + 1, cap);
        rep->lines[rep->n++] = (line){.record = records[i]};
    }
    if (status == BW_OK)
        status = add_configured(rep, s->ctx->config, &cap, err);
    if (status == BW_OK)
        status = bw_store_letter_groups(s->store, NULL, a, &groups, &n_groups, err);
    for (size_t i = 0; status == BW_OK && i < n_groups; i++) {
        line *l = find(rep, groups[i].sync);
        rep->dead_letters += groups[i].count;
        if (l)
            l->dead_letters += groups[i].count;
    }
    if (status == BW_OK && rep->engine.running)
        status = bw_store_runs(s->store, NULL, 0, 200, a, &runs, &n_runs, err);
    for (size_t i = 0; status == BW_OK && i < n_runs; i++) {
        line *l = strcmp(runs[i].state, "running") == 0 ? find(rep, runs[i].sync) : NULL;
        if (l) {
            l->running = true;
            l->run_kind = runs[i].kind;
            l->run_started_us = runs[i].started_us;
        }
    }
    for (size_t i = 0; i < rep->n; i++)
        judge(&rep->lines[i], bw_wall_us(bw_clock_system()));
    return status;
}

static void print_json(const report *rep, FILE *out)
{
    json_t *doc = json_object(), *engine = json_object(), *syncs = json_array(),
           *dead = json_object();
    bool known = rep->engine.version != NULL;
    json_object_set_new(engine, "state",
                        json_string(rep->engine.running ? "running" : "not running"));
    json_object_set_new(engine, "version", known ? bw_json_text(rep->engine.version) : json_null());
    json_object_set_new(engine, "started_at",
                        known ? bw_json_time(rep->engine.started_us) : json_null());
    json_object_set_new(doc, "engine", engine);
    for (size_t i = 0; i < rep->n; i++) {
        const line *l = &rep->lines[i];
        const bw_sync_record *r = &l->record;
        json_t *o = json_object();
        json_object_set_new(o, "sync", bw_json_text(r->name));
        json_object_set_new(o, "source", bw_json_text(r->source));
        json_object_set_new(o, "target", bw_json_text(r->target));
        json_object_set_new(o, "mode", bw_json_text(r->mode));
        json_object_set_new(o, "state", json_string(bw_sync_state_name(l->score.state)));
        json_object_set_new(o, "health", json_string(bw_health_name(l->score.health)));
        json_object_set_new(o, "activity", json_string(bw_activity_name(l->score.activity)));
        json_object_set_new(o, "freshness", bw_json_number(l->score.freshness));
        json_object_set_new(o, "lag_s", bw_json_number(l->lag_s));
        json_object_set_new(o, "last_success_at", bw_json_time(r->last_success_us));
        json_object_set_new(o, "next_run_at", bw_json_time(r->next_run_us));
        json_object_set_new(o, "slowed", bw_json_text(r->slowed));
        json_object_set_new(o, "rows_per_s", json_null()); /* only the engine's own console knows */
        json_object_set_new(o, "rows_total", json_integer(r->rows_total));
        json_object_set_new(o, "dead_letters", json_integer(l->dead_letters));
        json_object_set_new(o, "checkpoint", bw_json_text(r->checkpoint));
        json_object_set_new(o, "error", bw_json_text(r->error));
        json_array_append_new(syncs, o);
    }
    json_object_set_new(doc, "syncs", syncs);
    json_object_set_new(dead, "open", json_integer(rep->dead_letters));
    json_object_set_new(dead, "remote",
                        rep->engine.remote_letters >= 0 ? json_integer(rep->engine.remote_letters)
                                                        : json_null());
    json_object_set_new(doc, "dead_letters", dead);
    bw_json_print(doc, out);
}

/* What stands beside the scores, in the words of the Sync screen. */
static void print_notes(const report *rep, FILE *out)
{
    bool first = true;
    for (size_t i = 0; i < rep->n; i++) {
        const bw_sync_record *r = &rep->lines[i].record;
        const struct {
            int64_t n;
            const char *one, *many;
        } counts[] = {
            {r->null_cursors, "row has a NULL cursor: changes to it are not seen",
             "rows have a NULL cursor: changes to them are not seen"},
            {r->ahead_rows, "row is ahead of the source's clock",
             "rows are ahead of the source's clock"},
        };
        for (size_t k = 0; k < BW_COUNT(counts); k++)
            if (counts[k].n > 0)
                bw_text_note(out, &first, r->name, "%lld %s", (long long)counts[k].n,
                             counts[k].n == 1 ? counts[k].one : counts[k].many);
        if (rep->lines[i].running && rep->lines[i].score.health != BW_HEALTH_FRESH) {
            char took[BW_TIME_TEXT];
            int64_t since = bw_wall_us(bw_clock_system()) - rep->lines[i].run_started_us;
            bw_text_note(out, &first, r->name,
                         "%s run under way for %s; what it waits for is in the engine's log",
                         rep->lines[i].run_kind, bw_format_duration(since, took));
        }
        if (rep->lines[i].score.state == BW_STATE_PARKED) {
            char until[BW_TIME_TEXT];
            bw_text_note(
                out, &first, r->name, "parked until %s; resume ends it",
                bw_format_time(r->parked_until_us - r->parked_until_us % BW_SECOND, until));
        }
        if (r->paused)
            bw_text_note(out, &first, r->name, "paused by %s; `bridgewatch resume %s` ends it",
                         r->paused_by ? r->paused_by : "somebody", r->name);
        if (r->slowed)
            bw_text_note(out, &first, r->name, "%s", r->slowed);
        json_t *notes = r->notes ? json_loads(r->notes, 0, NULL) : NULL;
        for (size_t k = 0; k < json_array_size(notes); k++)
            bw_text_note(out, &first, r->name, "%s", json_string_value(json_array_get(notes, k)));
        json_decref(notes);
        if (r->error && r->hint && r->hint[0])
            bw_text_note(out, &first, r->name, "HINT: %s", r->hint);
    }
}

static void print_text(const report *rep, FILE *out)
{
    static const char *const titles[] = {"SYNC",   "MODE",    "STATE", "FRESH", "LAG",
                                         "LOADED", "LAST OK", "DLQ",   "ERROR"};
    char text[BW_TIME_TEXT];
    int64_t now = bw_wall_us(bw_clock_system());
    fprintf(out, "engine %s, %zu sync%s, %lld dead letter%s",
            rep->engine.running ? "running" : "not running", rep->n, rep->n == 1 ? "" : "s",
            (long long)rep->dead_letters, rep->dead_letters == 1 ? "" : "s");
    if (rep->engine.remote_letters > 0)
        fprintf(out, ", %lld more at dead-letter subscriptions",
                (long long)rep->engine.remote_letters);
    fputs("\n\n", out);
    bw_text_table *t = bw_text_table_new(titles, BW_COUNT(titles), 0xF8 & ~0x40u);
    for (size_t i = 0; i < rep->n; i++) {
        const line *l = &rep->lines[i];
        const bw_sync_record *r = &l->record;
        bw_text_table_add(t, r->name);
        bw_text_table_add(t, r->mode);
        bw_text_table_add(t, bw_sync_state_name(l->score.state));
        snprintf(text, sizeof(text), "%.0f", floor(l->score.freshness));
        bw_text_table_add(t, isnan(l->score.freshness) ? NULL : text);
        bw_text_table_add(
            t, isnan(l->lag_s) ? NULL : bw_format_duration((int64_t)(l->lag_s * BW_SECOND), text));
        snprintf(text, sizeof(text), "%lld", (long long)r->rows_total);
        bw_text_table_add(t, text);
        bw_text_table_add(t, r->last_success_us == BW_TIME_NONE
                                 ? NULL
                                 : bw_format_duration(now - r->last_success_us, text));
        snprintf(text, sizeof(text), "%lld", (long long)l->dead_letters);
        bw_text_table_add(t, text);
        bw_text_table_add(t, r->error ? bw_text_of(r->name, r->error) : "");
    }
    bw_text_table_print(t, out);
    bw_text_table_free(t);
    print_notes(rep, out);
}

/* For a shell to complete. A name holds that of a table, and bash expands what it is offered: one with
   anything that could mean something to a shell is left out. */
static void print_names(const report *rep, FILE *out)
{
    static const char harmless[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/-";
    for (size_t i = 0; i < rep->n; i++) {
        const char *name = rep->lines[i].record.name;
        if (name[strspn(name, harmless)] == '\0')
            fprintf(out, "%s\n", name);
    }
}

static bw_exit run(const bw_cli_context *ctx)
{
    bw_session s;
    report rep = {.arena = BW_ARENA_INIT};
    bw_error err = BW_ERROR_INIT;
    bw_status status = bw_session_open(&s, ctx, false, &err);
    if (status == BW_OK)
        status = bw_session_store(&s, BW_STORE_SHARED, &err);
    if (status == BW_OK)
        status = read_report(&s, &rep, &err);
    if (status == BW_OK && bw_cli_has(ctx->line, "names"))
        print_names(&rep, ctx->out);
    else if (status == BW_OK && bw_cli_has(ctx->line, "json"))
        print_json(&rep, ctx->out);
    else if (status == BW_OK)
        print_text(&rep, ctx->out);
    bw_exit code = status == BW_OK ? BW_EXIT_OK : bw_session_failed(ctx, &err);
    free(rep.lines);
    bw_arena_fini(&rep.arena);
    (void)bw_session_close(&s);
    return code;
}

static const bw_cli_option options[] = {
    BW_CLI_JSON,
    {.name = "names", .help = "only the names of the syncs, for completions", .hidden = true},
};

const bw_cli_command bw_command_status = {
    .name = "status",
    .args = "",
    .help = "print the state of every sync",
    .details =
        "Reads the state directory and works with or without a running engine; an engine whose "
        "heartbeat is older than 15 s counts as not running.\n"
        "FRESH is 100 while LAG, how far the target is behind its source, is within the sync's "
        "freshness target, and halves with every further target. LOADED counts the rows since the "
        "state was made, LAST OK is how long ago a run was well, DLQ the dead letters that are "
        "open. What is not known is -.",
    .options = options,
    .n_options = BW_COUNT(options),
    .needs = BW_NEEDS_DEFAULTS,
    .without_secrets = true,
    .run = run,
};
