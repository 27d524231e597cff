/* The commands' entries, each in a file of its own. Threads: const. */
#ifndef BW_APP_COMMANDS_H
#define BW_APP_COMMANDS_H

#include "app/command.h"

extern const bw_cli_command bw_command_console, bw_command_run, bw_command_status, bw_command_sync,
    bw_command_pause, bw_command_resume, bw_command_check, bw_command_dlq, bw_command_audit,
    bw_command_publish, bw_command_provision, bw_command_demo, bw_command_score, bw_command_row,
    bw_command_config, bw_command_version, bw_command_help, bw_command_completion;

#endif
