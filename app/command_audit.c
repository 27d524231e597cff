/* `audit`: the trail of what was done, by whom, and proof that nobody changed it. */
#include <stdio.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/json_out.h"
#include "app/session.h"
#include "app/text_table.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

#define DEFAULT_ENTRIES 100

static json_t *entry_json(const bw_audit_entry *e)
{
    json_t *o = json_object(), *detail = json_loads(e->detail, 0, NULL);
    json_object_set_new(o, "id", json_integer(e->id));
    json_object_set_new(o, "at", bw_json_time(e->at_us));
    json_object_set_new(o, "who", bw_json_text(e->who));
    json_object_set_new(o, "action", bw_json_text(e->action));
    json_object_set_new(o, "subject", bw_json_text(e->subject));
    json_object_set_new(o, "detail", detail ? detail : bw_json_text(e->detail));
    json_object_set_new(o, "hash", bw_json_text(e->hash));
    return o;
}

static void print_table(const bw_audit_entry *entries, size_t n, FILE *to)
{
    static const char *const titles[] = {"ID", "WHEN", "WHO", "ACTION", "SUBJECT", "DETAIL"};
    bw_text_table *t = bw_text_table_new(titles, BW_COUNT(titles), 0x1);
    char text[BW_TIME_TEXT];
    for (size_t i = 0; i < n; i++) {
        const bw_audit_entry *e = &entries[i];
        snprintf(text, sizeof(text), "%lld", (long long)e->id);
        bw_text_table_add(t, text);
        bw_text_table_add(t, bw_format_time(e->at_us - e->at_us % BW_SECOND, text));
        bw_text_table_add(t, e->who);
        bw_text_table_add(t, e->action);
        bw_text_table_add(t, e->subject);
        bw_text_table_add(t, strcmp(e->detail, "{}") == 0 ? NULL : e->detail);
    }
    bw_text_table_print(t, to);
    bw_text_table_free(t);
}

static bw_status list(const bw_cli_context *ctx, bw_store *store, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_audit_entry *entries;
    size_t n, limit = (size_t)bw_cli_number(ctx->line, "limit", DEFAULT_ENTRIES);
    bw_status s = bw_store_audit_list(store, bw_cli_value(ctx->line, "subject"),
                                      bw_cli_number(ctx->line, "before", 0), limit, &arena,
                                      &entries, &n, err);
    if (s == BW_OK && bw_cli_has(ctx->line, "json")) {
        json_t *doc = json_object(), *list = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, entry_json(&entries[i]));
        json_object_set_new(doc, "audit", list);
        bw_json_print(doc, ctx->out);
    } else if (s == BW_OK) {
        print_table(entries, n, ctx->out);
    }
    bw_arena_fini(&arena);
    return s;
}

static bw_status verify(const bw_cli_context *ctx, bw_store *store, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_audit_entry *newest = NULL;
    int64_t entries = 0;
    size_t n = 0;
    bw_status s = bw_store_audit_verify(store, &entries, err);
    if (s == BW_OK)
        s = bw_store_audit_list(store, NULL, 0, 1, &arena, &newest, &n, err);
    const char *hash = n > 0 ? newest->hash : "";
    if (s == BW_OK && bw_cli_has(ctx->line, "json")) {
        json_t *doc = json_object();
        json_object_set_new(doc, "ok", json_true());
        json_object_set_new(doc, "entries", json_integer(entries));
        json_object_set_new(doc, "newest", bw_json_text(n > 0 ? hash : NULL));
        bw_json_print(doc, ctx->out);
    } else if (s == BW_OK) {
        fprintf(ctx->out, "%lld entr%s, each with the hash of the one before%s%s\n",
                (long long)entries, entries == 1 ? "y" : "ies", n > 0 ? "; the newest is " : "",
                hash);
    }
    bw_arena_fini(&arena);
    return s;
}

static bw_exit run(const bw_cli_context *ctx)
{
    const char *what = ctx->line->n_args > 0 ? ctx->line->args[0] : "list";
    bool verifies = strcmp(what, "verify") == 0;
    bw_session session;
    bw_error err = BW_ERROR_INIT;
    if (!verifies && strcmp(what, "list") != 0) {
        bw_error_set(&err, BW_INVALID, "audit has no %s", what);
        bw_error_hint(&err, "It has list and verify.");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
    }
    bw_status s = bw_session_open(&session, ctx, false, &err);
    if (s == BW_OK)
        s = bw_session_store(&session, BW_STORE_SHARED, &err);
    if (s == BW_OK)
        s = verifies ? verify(ctx, session.store, &err) : list(ctx, session.store, &err);
    bw_exit code = s == BW_OK ? BW_EXIT_OK : bw_session_failed(ctx, &err);
    if (!bw_session_close(&session)) {
        fflush(ctx->out);
        _exit((int)code);
    }
    return code;
}

static const char *const words[] = {"list", "verify", NULL};

static const bw_cli_option options[] = {
    {.name = "limit",
     .arg = "N",
     .type = BW_SETTING_INT,
     .min = 1,
     .max = 1000000000,
     .help = "at most so many; 100 when not given"},
    {.name = "before",
     .arg = "ID",
     .type = BW_SETTING_INT,
     .min = 1,
     .max = INT64_MAX,
     .help = "those before this one"},
    {.name = "subject", .arg = "TEXT", .help = "those about this sync or event"},
    BW_CLI_JSON,
};

const bw_cli_command bw_command_audit = {
    .name = "audit",
    .args = "[list|verify]",
    .help = "the audit trail, newest entry first",
    .details =
        "verify walks the whole trail: each entry carries the hash of the one before, so an entry "
        "that was changed or taken out shows. Keep the newest hash elsewhere to compare with.",
    .options = options,
    .n_options = BW_COUNT(options),
    .max_args = 1,
    .words = words,
    .needs = BW_NEEDS_DEFAULTS,
    .run = run,
};
