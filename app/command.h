/*
 * The commands as a table. A command is one const entry in its own file and one line in
 * commands.c; parsing, help, the manual page and completions follow from the entry.
 */
#ifndef BW_APP_COMMAND_H
#define BW_APP_COMMAND_H

#include <stdio.h>

#include "app/options.h"
#include "backend/config/config.h"

/* The exit status of the process. */
typedef enum bw_exit {
    BW_EXIT_OK = 0,
    BW_EXIT_FAILED = 1,      /* something that was asked for failed */
    BW_EXIT_USAGE = 2,       /* usage or configuration, no terminal, another engine on the state */
    BW_EXIT_INTERRUPTED = 3, /* SIGINT, or any ending signal under --once */
} bw_exit;

/* Which configuration a command needs to begin. */
typedef enum bw_cli_needs {
    BW_NEEDS_NOTHING,  /* ctx->config is NULL */
    BW_NEEDS_DEFAULTS, /* a file where there is one, else the defaults */
    BW_NEEDS_CONFIG,   /* a file; without one the command is refused */
} bw_cli_needs;

typedef struct bw_cli_context {
    const bw_cli_line *line;
    const bw_config *config; /* with the global options laid over it */
    const bw_config_schema *schema;
    bool read_only; /* --read-only or the setting */
    FILE *in, *out, *err;
} bw_cli_context;

typedef struct bw_cli_command {
    const char *name;
    const char *args; /* how its arguments are written: "[SYNC...]"; "" for none */
    const char *help; /* one line, lower case, no full stop */
    /* For `help COMMAND` and the manual page: sentences, paragraphs separated by a newline; NULL. */
    const char *details;
    const bw_cli_option *options;
    size_t n_options;
    size_t min_args, max_args; /* max SIZE_MAX: any number */
    const char *const *words;  /* what the first argument may be, for completion; or NULL */
    bw_cli_needs needs;
    /* It connects to nothing: secrets whose variables are not set are no reason to refuse it. */
    bool without_secrets;
    bool needs_log; /* it runs for long: without its log it does not start */
    /* Does it. Reports to ctx->err by bw_cli_fail() and returns the exit status. Main thread. */
    bw_exit (*run)(const bw_cli_context *ctx);
} bw_cli_command;

/* All of them, in the order of the documentation. */
const bw_cli_command *const *bw_cli_commands(size_t *count);
const bw_cli_command *bw_cli_find(const char *name);

/* DENIED, saying whether the option or which line of which file refuses, when ctx is read-only. */
BW_NODISCARD bw_status bw_cli_may_change(const bw_cli_context *ctx, bw_error *err);

/* Prints "bridgewatch: message" and the hint to the stream, sanitised; returns `status`. */
bw_exit bw_cli_fail(FILE *to, const bw_error *err, bw_exit status);

/* The whole program on given streams: parses, loads, runs. */
bw_exit bw_cli_main(int argc, char *const *argv, FILE *in, FILE *out, FILE *err);

#endif
