/* `sync`, `pause`, `resume`: what an operator asks of syncs. */
#include <stdlib.h>
#include <string.h>

#include "app/act.h"
#include "app/commands.h"
#include "backend/core/json.h"
#include "backend/core/units.h"

static bw_exit refuse(const bw_cli_context *ctx, const char *text, const char *hint)
{
    bw_error err = BW_ERROR_INIT;
    bw_error_set(&err, BW_INVALID, "%s", text);
    bw_error_hint(&err, "%s", hint);
    return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
}

static bw_exit run_sync(const bw_cli_context *ctx)
{
    const bw_cli_line *line = ctx->line;
    bw_arena arena = BW_ARENA_INIT;
    bw_command c = {.kind = BW_COMMAND_SYNC, .syncs = line->args, .n_syncs = line->n_args};
    bool full = bw_cli_has(line, "full"), since = bw_cli_has(line, "since");
    bool key = bw_cli_has(line, "key"), take = bw_cli_has(line, "take-over");
    if (full + since + key + take > 1)
        return refuse(ctx, "--full, --since, --key and --take-over exclude one another",
                      "Choose one of them.");
    c.since_us = bw_cli_number(line, "since", BW_TIME_NONE);
    c.kind = full    ? BW_COMMAND_FULL
             : since ? BW_COMMAND_SINCE
             : key   ? BW_COMMAND_KEYS
             : take  ? BW_COMMAND_TAKE_OVER
                     : BW_COMMAND_SYNC;
    const char **keys = BW_ARENA_ARRAY(&arena, const char *, line->n_given + 1);
    const char *text;
    while ((text = bw_cli_nth(line, "key", c.n_keys))) {
        if (!bw_json_valid(bw_slice_cstr(text), NULL, NULL) || text[0] != '{') {
            bw_arena_fini(&arena);
            return refuse(ctx, "a key is a JSON object of the key's columns",
                          "For example --key '{\"id\":3}'.");
        }
        keys[c.n_keys++] = text;
    }
    c.keys = keys;
    bw_exit code = bw_act(ctx, &c);
    bw_arena_fini(&arena);
    return code;
}

static bw_exit run_pause(const bw_cli_context *ctx)
{
    bw_command c = {
        .kind = BW_COMMAND_PAUSE, .syncs = ctx->line->args, .n_syncs = ctx->line->n_args};
    return bw_act(ctx, &c);
}

static bw_exit run_resume(const bw_cli_context *ctx)
{
    bw_command c = {
        .kind = BW_COMMAND_RESUME, .syncs = ctx->line->args, .n_syncs = ctx->line->n_args};
    return bw_act(ctx, &c);
}

static const bw_cli_option sync_options[] = {
    {.name = "full", .help = "read the whole table and replace the target's content atomically"},
    {.name = "since",
     .arg = "TIME",
     .type = BW_SETTING_TIME,
     .help = "read the rows that changed since then again"},
    {.name = "key",
     .arg = "JSON",
     .many = true,
     .help = "read the rows with these keys again: '{\"id\":3}'"},
    {.name = "take-over", .help = "claim a target that another state directory owns, then sync"},
    BW_CLI_JSON,
};

static const bw_cli_option plain_options[] = {BW_CLI_JSON};

const bw_cli_command bw_command_sync = {
    .name = "sync",
    .args = "SYNC...",
    .help = "sync now, or resync",
    .details =
        "Without options an incremental run now. Every resync leaves the old content in place "
        "until it has succeeded.\n"
        "When an engine runs on the state directory it does the work; otherwise this command does.",
    .options = sync_options,
    .n_options = BW_COUNT(sync_options),
    .min_args = 1,
    .max_args = SIZE_MAX,
    .needs = BW_NEEDS_CONFIG,
    .run = run_sync,
};

const bw_cli_command bw_command_pause = {
    .name = "pause",
    .args = "SYNC...",
    .help = "start no further runs of these syncs",
    .details = "A run under way goes on to its end. An engine that runs is told; else it finds the "
               "pause at its next start. `bridgewatch status` says who paused what.",
    .options = plain_options,
    .n_options = BW_COUNT(plain_options),
    .min_args = 1,
    .max_args = SIZE_MAX,
    .needs = BW_NEEDS_CONFIG,
    .without_secrets = true,
    .run = run_pause,
};

const bw_cli_command bw_command_resume = {
    .name = "resume",
    .args = "SYNC...",
    .help = "let paused or parked syncs run again",
    .details = "Whatever paused them, and before the time that they are parked until.",
    .options = plain_options,
    .n_options = BW_COUNT(plain_options),
    .min_args = 1,
    .max_args = SIZE_MAX,
    .needs = BW_NEEDS_CONFIG,
    .without_secrets = true,
    .run = run_resume,
};
