/* The one list of commands. A new one is a line here and a declaration in commands.h. */
#include "app/commands.h"

static const bw_cli_command *const commands[] = {
    &bw_command_console, &bw_command_run,        &bw_command_check,     &bw_command_status,
    &bw_command_sync,    &bw_command_pause,      &bw_command_resume,    &bw_command_dlq,
    &bw_command_audit,   &bw_command_publish,    &bw_command_provision, &bw_command_score,
    &bw_command_row,     &bw_command_config,     &bw_command_demo,      &bw_command_version,
    &bw_command_help,    &bw_command_completion,
};

const bw_cli_command *const *bw_cli_commands(size_t *count)
{
    *count = BW_COUNT(commands);
    return commands;
}

const bw_cli_command *bw_cli_find(const char *name)
{
    for (size_t i = 0; i < BW_COUNT(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}
