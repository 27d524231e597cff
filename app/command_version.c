#include "app/commands.h"

static bw_exit run(const bw_cli_context *ctx)
{
    fputs("bridgewatch " BW_VERSION "\n", ctx->out);
    return BW_EXIT_OK;
}

const bw_cli_command bw_command_version = {
    .name = "version",
    .args = "",
    .help = "print the version",
    .needs = BW_NEEDS_NOTHING,
    .run = run,
};
