#include "app/commands.h"
#include "app/completion.h"

static bw_exit run(const bw_cli_context *ctx)
{
    bw_buf script = BW_BUF_INIT;
    bw_error err = BW_ERROR_INIT;
    const char *shell = ctx->line->args[0];
    if (!bw_completion_script(shell, &script)) {
        bw_error_set(&err, BW_INVALID, "there is no completion for %s", shell);
        bw_error_hint(&err, "There is one for bash, zsh and fish.");
        return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
    }
    fputs(bw_buf_cstr(&script), ctx->out);
    bw_buf_fini(&script);
    return BW_EXIT_OK;
}

const bw_cli_command bw_command_completion = {
    .name = "completion",
    .args = "bash|zsh|fish",
    .help = "print a completion script for a shell",
    .details = "In bash: source <(bridgewatch completion bash).",
    .min_args = 1,
    .max_args = 1,
    .words = bw_completion_shells,
    .needs = BW_NEEDS_NOTHING,
    .run = run,
};
