/* `provision`: shows what the configuration needs at Google, and makes it; or takes it away again. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/json_out.h"
#include "app/provision.h"
#include "backend/core/text.h"

typedef struct wishes {
    bool dry_run, destroy, tables, dashboard, yes;
    const char *format;
} wishes;

static bool is_format(const wishes *w, const char *format)
{
    return strcmp(w->format, format) == 0;
}

static bw_status read_wishes(const bw_cli_context *ctx, wishes *w, bw_error *err)
{
    const bw_cli_line *line = ctx->line;
    *w = (wishes){.dry_run = bw_cli_has(line, "dry-run"),
                  .destroy = bw_cli_has(line, "destroy"),
                  .tables = bw_cli_has(line, "tables"),
                  .dashboard = bw_cli_has(line, "dashboard"),
                  .yes = bw_cli_has(line, "yes"),
                  .format = bw_cli_value(line, "format")};
    if (!w->format)
        w->format = "text";
    if (w->tables && !w->destroy)
        return bw_error_set(err, BW_INVALID, "--tables is for --destroy");
    if (w->destroy && is_format(w, "terraform"))
        return bw_error_set(err, BW_INVALID, "--format terraform has nothing to destroy");
    if (w->dry_run || is_format(w, "terraform") || bw_cli_may_change(ctx, err) == BW_OK)
        return BW_OK;
    return bw_error_hint(err, "With --dry-run it only shows what it would do.");
}

/* ---- asking ----------------------------------------------------------------------------- */

static bool loses(const bw_provision *p)
{
    bool any = false;
    for (size_t i = 0; i < p->count; i++)
        any |= p->items[i].loses;
    return any;
}

/* What cannot be undone is confirmed by the name of what it is done to. */
static bw_status confirm(const bw_provision *p, bool destroy, size_t n, bw_error *err)
{
    const bw_cli_context *ctx = p->session->ctx;
    const char *label = bw_config_string(bw_config_top(ctx->config), "environment.label");
    const char *name = label && label[0] ? label : p->project;
    const char *what = destroy ? "delete" : "create and update";
    char *answer = NULL;
    size_t size = 0;
    if (!isatty(fileno(ctx->in))) {
        bw_error_set(err, BW_INVALID, "nobody is there to confirm: %s",
                     destroy ? "resources would be deleted" : "messages would be dropped");
        return bw_error_hint(err, "Give --yes, or call it on a terminal.");
    }
    fprintf(ctx->err, "\n%sType %s to %s %zu resources of project %s: ",
            loses(p) ? "Messages that the subscriptions still hold are lost. " : "", name, what, n,
            p->project);
    fflush(ctx->err);
    ssize_t len = getline(&answer, &size, ctx->in);
    while (len > 0 && strchr("\r\n", answer[len - 1]))
        answer[--len] = '\0';
    bool same = len >= 0 && strcmp(answer, name) == 0;
    free(answer);
    return same
               ? BW_OK
               : bw_error_set(err, BW_CANCELLED, "nothing was %s", destroy ? "deleted" : "changed");
}

/* ---- doing ------------------------------------------------------------------------------ */

static void tell(void *user, const bw_provision_item *item)
{
    const bw_cli_context *ctx = user;
    static const char *const done[] = {[BW_PROVISION_CREATE] = "created",
                                       [BW_PROVISION_UPDATE] = "updated",
                                       [BW_PROVISION_DELETE] = "deleted"};
    if (item->error.status != BW_OK) {
        bw_error err = item->error;
        bw_error_wrap(&err, "%s %s", bw_provision_kind_name(item->kind), item->name);
        bw_cli_fail(ctx->err, &err, BW_EXIT_FAILED);
        return;
    }
    bw_buf safe = BW_BUF_INIT;
    bw_text_sanitise(&safe, bw_slice_cstr(item->name));
    fprintf(ctx->out, "%s  %-12s  %s\n", done[item->action], bw_provision_kind_name(item->kind),
            bw_buf_cstr(&safe));
    fflush(ctx->out);
    bw_buf_fini(&safe);
}

static void tell_nobody(void *user, const bw_provision_item *item)
{
    (void)user;
    (void)item;
}

static size_t to_do(const bw_provision *p)
{
    return bw_provision_count(p, BW_PROVISION_CREATE) + bw_provision_count(p, BW_PROVISION_UPDATE) +
           bw_provision_count(p, BW_PROVISION_DELETE);
}

/* What an engine works with is not taken away under it. */
static bw_status check_engine(const bw_provision *p, const wishes *w, bw_error *err)
{
    char holder[128];
    if (!w->destroy || w->dry_run || !bw_store_engine_runs(p->session->state_dir, holder))
        return BW_OK;
    bw_error_set(err, BW_CONFLICT, "an engine runs on these: %s", holder);
    return bw_error_hint(err, "Stop it first.");
}

static bw_status look(bw_provision *p, const wishes *w, bw_error *err)
{
    bw_status s = bw_session_store(p->session, BW_STORE_SHARED, err);
    if (s == BW_OK)
        s = check_engine(p, w, err);
    if (s != BW_OK)
        return s;
    if (w->dashboard || w->destroy)
        bw_provision_wish_dashboard(p);
    if (w->destroy) {
        bw_provision_look_for_destroy(p, w->tables);
        return BW_OK;
    }
    bw_provision_look(p);
    bw_provision_look_tables(p);
    return BW_OK;
}

static bw_status show_and_do(bw_provision *p, const wishes *w, bw_error *err)
{
    const bw_cli_context *ctx = p->session->ctx;
    bool json = is_format(w, "json");
    bw_status s = look(p, w, err);
    if (s != BW_OK)
        return s;
    if (!json)
        bw_provision_print(p, ctx->out);
    if (!w->dry_run && to_do(p) > 0) {
        if ((w->destroy || loses(p)) && !w->yes)
            s = confirm(p, w->destroy, to_do(p), err);
        if (s == BW_OK)
            s = check_engine(p, w, err);
        if (s == BW_OK && !json)
            fputc('\n', ctx->out);
        if (s == BW_OK)
            bw_provision_apply(p, json ? tell_nobody : tell, (void *)(uintptr_t)ctx);
    }
    if (s == BW_OK && json)
        bw_json_print(bw_provision_json(p), ctx->out);
    return s;
}

static bw_status run_in(bw_session *session, const wishes *w, bool *well, bw_error *err)
{
    bw_provision p;
    bw_status s = bw_session_google(session, err);
    if (s != BW_OK)
        return s;
    s = bw_provision_init(&p, session, err);
    if (s == BW_OK)
        bw_provision_wish(&p);
    if (s == BW_OK && is_format(w, "terraform")) {
        bw_buf text = BW_BUF_INIT;
        bw_provision_terraform(&p, w->dashboard, &text);
        fwrite(text.ptr, 1, text.len, session->ctx->out);
        bw_buf_fini(&text);
    } else if (s == BW_OK) {
        s = show_and_do(&p, w, err);
    }
    *well = bw_provision_failed(&p) == 0 && bw_provision_count(&p, BW_PROVISION_CONFLICT) == 0 &&
            (is_format(w, "terraform") || bw_provision_count(&p, BW_PROVISION_UNKNOWN) == 0);
    bw_provision_fini(&p);
    return s;
}

/* A script reads one document whatever happened. */
static bw_exit failed(const bw_cli_context *ctx, const bw_error *err)
{
    const char *format = bw_cli_value(ctx->line, "format");
    if (format && strcmp(format, "json") == 0) {
        json_t *doc = json_object();
        json_object_set_new(doc, "ok", json_false());
        json_object_set_new(doc, "error", bw_json_error(err));
        bw_json_print(doc, ctx->out);
    }
    return bw_session_failed(ctx, err);
}

static bw_exit run(const bw_cli_context *ctx)
{
    bw_session session;
    bw_error err = BW_ERROR_INIT;
    wishes w;
    bool well = false;
    bw_status s = bw_session_open(&session, ctx, false, &err);
    if (s == BW_OK)
        s = read_wishes(ctx, &w, &err);
    if (s == BW_OK)
        s = run_in(&session, &w, &well, &err);
    bw_exit code = s != BW_OK ? failed(ctx, &err) : well ? BW_EXIT_OK : BW_EXIT_FAILED;
    bw_session_close(&session);
    return code;
}

static const char *const formats[] = {"text", "json", "terraform", NULL};

static const bw_cli_option options[] = {
    {.name = "dry-run", .help = "only show the plan; nothing but reads is sent"},
    {.name = "dashboard", .help = "a dashboard of Cloud Monitoring, too"},
    {.name = "destroy", .help = "delete what provision has made, after asking"},
    {.name = "tables", .help = "with --destroy: the tables of this state directory, too"},
    {.name = "yes", .help = "do not ask"},
    {.name = "format",
     .arg = "F",
     .type = BW_SETTING_ENUM,
     .choices = formats,
     .help = "text; json: one document; terraform: print the same resources as HCL, do nothing"},
};

const bw_cli_command bw_command_provision = {
    .name = "provision",
    .args = "",
    .help = "create the topics, subscriptions, datasets and tables that the configuration names",
    .details =
        "Shows what is to be created or updated, then does it. Each resource is asked for first: "
        "what is as it should be is left alone, so that it can be called again at any time, also "
        "after it was interrupted. What the configuration does not state is chosen where a "
        "resource is created and left as it is where it is there. A subscription's topic, ordering "
        "and filter cannot be changed: where they differ that is a conflict, and nothing is done "
        "to it. It asks only before an update that drops messages. The exit status is 1 when a "
        "step failed, and when the plan has a conflict or "
        "something unknown.\n"
        "What it creates carries the label managed-by=bridgewatch. --destroy deletes only what the "
        "configuration names and what carries that label, keeps topics that others are subscribed "
        "to, and never a dataset; with --tables also the tables with this store's label bw_owner. "
        "It asks for the environment's label, or the project's name, to be typed.\n"
        "--format terraform asks nobody, and prints what provision itself has no right to make "
        "besides: the bindings of a dead-letter policy, and the TTL policy of the outcomes of "
        "events in Datastore.",
    .options = options,
    .n_options = BW_COUNT(options),
    .needs = BW_NEEDS_CONFIG,
    .run = run,
};
