#include "app/commands.h"
#include "app/help.h"
#include "app/man.h"
#include "backend/core/text.h"

static bw_exit print_man(const bw_cli_context *ctx, const char *section)
{
    bw_buf page = BW_BUF_INIT;
    if (section[0] == '1')
        bw_man_program(&page);
    else
        bw_man_configuration(ctx->schema, &page);
    fputs(bw_buf_cstr(&page), ctx->out);
    bw_buf_fini(&page);
    return BW_EXIT_OK;
}

static bw_exit unknown(const bw_cli_context *ctx, const char *name)
{
    bw_error err = BW_ERROR_INIT;
    const char *names[64];
    size_t n;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    for (size_t i = 0; i < n && i < BW_COUNT(names); i++)
        names[i] = commands[i]->name;
    const char *near = bw_nearest(name, names, n < BW_COUNT(names) ? n : BW_COUNT(names));
    bw_error_set(&err, BW_INVALID, "unknown command %s", name);
    if (near)
        bw_error_hint(&err, "Did you mean %s?", near);
    else
        bw_error_hint(&err, "`bridgewatch help` lists the commands.");
    return bw_cli_fail(ctx->err, &err, BW_EXIT_USAGE);
}

static bw_exit run(const bw_cli_context *ctx)
{
    const char *section = bw_cli_value(ctx->line, "man");
    const bw_cli_command *command = NULL;
    if (section)
        return print_man(ctx, section);
    if (ctx->line->n_args > 0 && !(command = bw_cli_find(ctx->line->args[0])))
        return unknown(ctx, ctx->line->args[0]);
    bw_help_print(command, ctx->out);
    return BW_EXIT_OK;
}

static const char *const sections[] = {"1", "5", NULL};

static const bw_cli_option options[] = {
    {.name = "man",
     .arg = "SECTION",
     .hidden = true,
     .help = "print the manual page of section 1 or 5",
     .type = BW_SETTING_ENUM,
     .choices = sections},
};

const bw_cli_command bw_command_help = {
    .name = "help",
    .args = "[COMMAND]",
    .help = "explain the program, or a command",
    .options = options,
    .n_options = BW_COUNT(options),
    .max_args = 1,
    .needs = BW_NEEDS_NOTHING,
    .run = run,
};
