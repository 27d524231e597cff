/*
 * The command line: options and commands as tables, and how a line is read with them. Help, the
 * manual page and the shells' completions are made from the same tables.
 *
 * Global options stand before or after the command; a command's own options after it. --name VALUE,
 * --name=VALUE, -x VALUE and -xVALUE; after -- everything is an argument, and so is a single -.
 * Threads: any; a table is const, a line belongs to one thread.
 */
#ifndef BW_APP_OPTIONS_H
#define BW_APP_OPTIONS_H

#include "backend/config/setting.h"
#include "backend/core/arena.h"
#include "backend/core/error.h"

typedef struct bw_cli_option {
    const char *name;   /* without the dashes */
    char letter;        /* 'c' for -c, or 0 */
    const char *arg;    /* what it takes ("FILE"); NULL for a switch */
    bool many;          /* takes all the words that follow, up to the next option */
    bool hidden;        /* not documented */
    bool needs_nothing; /* with it the command needs no configuration */
    const char *help;   /* lower case, no full stop */
    /* How the value is checked: STRING (0) not at all, ENUM by choices, INT DURATION SIZE TIME by
       their form and, unless both are 0, bounds. */
    bw_setting_type type;
    int64_t min, max;
    const char *const *choices; /* ENUM; NULL-terminated */
    /* Global options: the setting that it overrides, and with what where it takes no value. */
    const char *setting, *value;
} bw_cli_option;

/* The option that every command with a JSON form has. */
#define BW_CLI_JSON                                                    \
    {                                                                  \
        .name = "json", .help = "one JSON document on standard output" \
    }

typedef struct bw_cli_given {
    const bw_cli_option *option;
    const char *value; /* NULL for a switch */
} bw_cli_given;

struct bw_cli_command;

/* A command line that was understood. Texts are argv's. */
typedef struct bw_cli_line {
    const struct bw_cli_command *command; /* never NULL */
    const bw_cli_given *given;            /* in order */
    size_t n_given;
    const char *const *args; /* what is left after the command */
    size_t n_args;
    bool help;    /* --help or -h was there: nothing else was checked */
    bool version; /* --version */
} bw_cli_line;

/*
 * Reads argv[1..] against the commands; without a command the line is that of `fallback`. The line
 * lives in the arena. BW_INVALID: an unknown command or option (with the nearest one), a missing,
 * superfluous or malformed value, too few or too many arguments.
 */
BW_NODISCARD bw_status bw_cli_parse(const struct bw_cli_command *const *commands, size_t n_commands,
                                    const char *fallback, int argc, char *const *argv,
                                    bw_arena *arena, bw_cli_line *out, bw_error *err);

/* The global options. */
const bw_cli_option *bw_cli_globals(size_t *count);

/* Whether the option was given. */
bool bw_cli_has(const bw_cli_line *line, const char *name);
/* The value given last, or NULL. */
const char *bw_cli_value(const bw_cli_line *line, const char *name);
/* The n-th value given, or NULL after the last: for options that may be repeated. */
const char *bw_cli_nth(const bw_cli_line *line, const char *name, size_t n);
/* The value of an INT, DURATION (us), SIZE (bytes) or TIME (us) option, or `absent`. */
int64_t bw_cli_number(const bw_cli_line *line, const char *name, int64_t absent);

#endif
