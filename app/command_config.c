#include "app/commands.h"
#include "app/config_text.h"

static bw_exit run(const bw_cli_context *ctx)
{
    bw_buf text = BW_BUF_INIT;
    if (bw_cli_has(ctx->line, "reference"))
        bw_config_reference(ctx->schema, &text);
    else
        bw_config_text(ctx->config, &text);
    fputs(bw_buf_cstr(&text), ctx->out);
    bw_buf_fini(&text);
    return BW_EXIT_OK;
}

static const bw_cli_option options[] = {
    {.name = "reference",
     .help = "every setting with its default, as a file to start from",
     .needs_nothing = true},
};

const bw_cli_command bw_command_config = {
    .name = "config",
    .args = "",
    .help = "print the configuration in force, secrets hidden",
    .details = "Each value is followed by where it comes from: the line of the file, the profile, "
               "the environment variables in it, the option, or the setting's default.",
    .options = options,
    .n_options = BW_COUNT(options),
    .needs = BW_NEEDS_CONFIG,
    .run = run,
};
