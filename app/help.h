/* What the program says about itself in a terminal, made from the tables. Threads: any. */
#ifndef BW_APP_HELP_H
#define BW_APP_HELP_H

#include "app/command.h"

/* The program in two sentences, for help and the manual page. */
#define BW_HELP_SUMMARY                                                                          \
    "bridgewatch keeps tables in BigQuery in step with the databases they come from, and shows " \
    "on one screen what is late, why, and what was held back. Without a command it opens the "   \
    "console with the engine in it."

/* Help of one command, or of the program (NULL). */
void bw_help_print(const bw_cli_command *command, FILE *out);
/* "bridgewatch sync SYNC... [--full] [--since T]". */
void bw_help_usage(const bw_cli_command *command, bw_buf *out);
/* "-c, --config FILE"; "--key K..." for one that takes many. */
void bw_help_option_term(const bw_cli_option *option, bw_buf *out);
/* Appends words wrapped to `width` columns, every line but the first indented. */
void bw_help_wrap(const char *text, size_t indent, size_t at, size_t width, bw_buf *out);

#endif
