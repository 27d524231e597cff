/* From argv to an exit status: parse, load, run. */
#include "app/command.h"

#include <errno.h>

#include "app/help.h"
#include "app/json_out.h"
#include "app/settings.h"
#include "backend/core/log.h"
#include "backend/core/text.h"

/* The command that a line without one means. */
#define DEFAULT_COMMAND "console"

bw_exit bw_cli_fail(FILE *to, const bw_error *err, bw_exit status)
{
    bw_buf text = BW_BUF_INIT;
    bw_buf_adds(&text, "bridgewatch: ");
    bw_text_sanitise(&text, bw_slice_cstr(err->message));
    if (err->hint[0]) {
        bw_buf_adds(&text, "\n  HINT: ");
        bw_text_sanitise(&text, bw_slice_cstr(err->hint));
    }
    fprintf(to, "%s\n", bw_buf_cstr(&text));
    bw_buf_fini(&text);
    return status;
}

bw_status bw_cli_may_change(const bw_cli_context *ctx, bw_error *err)
{
    if (!ctx->read_only)
        return BW_OK;
    bw_origin origin = bw_config_origin(bw_config_top(ctx->config), "read_only");
    if (origin.kind == BW_ORIGIN_FILE) {
        bw_error_set(err, BW_DENIED, "refused: read-only, by %s:%d%s%s", origin.text, origin.line,
                     origin.profile ? ", profile " : "", origin.profile ? origin.profile : "");
        return bw_error_hint(err, "Use a configuration or profile without it to change things.");
    }
    bw_error_set(err, BW_DENIED, "refused: read-only, by %s", origin.text);
    return bw_error_hint(err, "Leave it away to change things.");
}

/* The global options that stand for a setting, laid over the file. */
static size_t overrides_of(const bw_cli_line *line, bw_arena *arena, bw_config_override **out)
{
    bw_config_override *o = BW_ARENA_ARRAY(arena, bw_config_override, line->n_given + 1);
    size_t n = 0;
    for (size_t i = 0; i < line->n_given; i++) {
        const bw_cli_option *option = line->given[i].option;
        if (!option->setting)
            continue;
        o[n].path = option->setting;
        o[n].text = option->value ? option->value : line->given[i].value;
        o[n++].origin = bw_arena_printf(arena, "--%s", option->name);
    }
    *out = o;
    return n;
}

static bw_exit print_problems(FILE *to, const bw_config_problems *problems, const bw_error *err)
{
    /* Not about a line: no file, no such profile. */
    if (problems->count == 1 && !problems->items[0].file[0])
        return bw_cli_fail(to, err, BW_EXIT_USAGE);
    bw_buf text = BW_BUF_INIT;
    bw_config_problems_format(problems, &text);
    fputs(bw_buf_cstr(&text), to);
    bw_buf_fini(&text);
    return BW_EXIT_USAGE;
}

/* The same for a script, which reads one document whatever happened. */
static void print_problems_json(FILE *to, const bw_config_problems *problems, const bw_error *err)
{
    json_t *doc = json_object(), *list = json_array();
    for (size_t i = 0; i < problems->count; i++) {
        const bw_config_problem *p = &problems->items[i];
        json_t *o = json_object();
        json_object_set_new(o, "file", bw_json_text(p->file));
        json_object_set_new(o, "line", p->line ? json_integer(p->line) : json_null());
        json_object_set_new(o, "column", p->line ? json_integer(p->column) : json_null());
        json_object_set_new(o, "message", bw_json_text(p->message));
        json_object_set_new(o, "hint", bw_json_text(p->hint[0] ? p->hint : NULL));
        json_array_append_new(list, o);
    }
    json_object_set_new(doc, "ok", json_false());
    json_object_set_new(doc, "error", bw_json_error(err));
    json_object_set_new(doc, "problems", list);
    bw_json_print(doc, to);
}

static bw_exit load_and_run(bw_cli_context *ctx, bw_arena *arena)
{
    const bw_cli_command *command = ctx->line->command;
    bw_config_override *overrides;
    bw_config_input input = {
        .file = bw_cli_value(ctx->line, "config"),
        .profile = bw_cli_value(ctx->line, "profile"),
        .n_overrides = overrides_of(ctx->line, arena, &overrides),
        .optional = command->needs == BW_NEEDS_DEFAULTS,
        .without_secrets = command->without_secrets,
    };
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_config *config = NULL;
    bw_log_level level;
    bw_exit status;
    input.overrides = overrides;
    if (bw_config_load(ctx->schema, &input, &config, &problems, &err) == BW_OK) {
        const bw_config_node *top = bw_config_top(config);
        ctx->config = config;
        ctx->read_only = bw_config_bool(top, "read_only");
        if (bw_log_level_parse(bw_config_string(top, "log.level"), &level))
            bw_log_set_level(level);
        status = command->run(ctx);
    } else {
        status = print_problems(ctx->err, &problems, &err);
        if (bw_cli_has(ctx->line, "json"))
            print_problems_json(ctx->out, &problems, &err);
    }
    bw_config_free(config);
    bw_config_problems_fini(&problems);
    return status;
}

static bool needs_nothing(const bw_cli_line *line)
{
    for (size_t i = 0; i < line->n_given; i++)
        if (line->given[i].option->needs_nothing)
            return true;
    return line->command->needs == BW_NEEDS_NOTHING;
}

static bw_exit run_line(bw_cli_context *ctx, bw_arena *arena)
{
    const bw_cli_line *line = ctx->line;
    if (line->version) {
        fputs("bridgewatch " BW_VERSION "\n", ctx->out);
        return BW_EXIT_OK;
    }
    if (line->help) {
        bool asked = line->command && strcmp(line->command->name, DEFAULT_COMMAND) != 0;
        bw_help_print(asked ? line->command : NULL, ctx->out);
        return BW_EXIT_OK;
    }
    if (needs_nothing(line))
        return line->command->run(ctx);
    return load_and_run(ctx, arena);
}

/* A full disk or a closed pipe is a failure of what was asked for. */
static bw_exit finish_output(const bw_cli_context *ctx, bw_exit status)
{
    bool failed = ferror(ctx->out) != 0; /* in an earlier part: why is not known any more */
    errno = 0;
    failed |= fflush(ctx->out) != 0;
    if (!failed)
        return status;
    bw_error err = BW_ERROR_INIT;
    if (errno)
        (void)bw_error_errno(&err, BW_IO, errno, "cannot write standard output");
    else
        (void)bw_error_set(&err, BW_IO, "cannot write all of standard output");
    return bw_cli_fail(ctx->err, &err, status == BW_EXIT_OK ? BW_EXIT_FAILED : status);
}

bw_exit bw_cli_main(int argc, char *const *argv, FILE *in, FILE *out, FILE *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error error = BW_ERROR_INIT;
    bw_settings settings;
    bw_cli_line line;
    size_t n;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    bw_exit status;
    if (bw_cli_parse(commands, n, DEFAULT_COMMAND, argc, argv, &arena, &line, &error) != BW_OK) {
        status = bw_cli_fail(err, &error, BW_EXIT_USAGE);
    } else {
        bw_cli_context ctx = {
            .line = &line, .schema = bw_settings_init(&settings), .in = in, .out = out, .err = err};
        status = run_line(&ctx, &arena);
        status = finish_output(&ctx, status);
    }
    bw_arena_fini(&arena);
    return status;
}
