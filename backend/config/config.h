/*
 * The configuration in force: YAML read with positions, profile and command-line overrides laid
 * over it, checked against a schema (setting.h). Immutable after load, one arena, freed at once.
 *
 * YAML is read by libyaml's events. A syntax error is reported with line and column; otherwise
 * every unknown key (with the nearest valid one), duplicate key, wrong type, value out of range and
 * missing value is reported at once. Types come from the setting, not from YAML. Aliases, anchors,
 * tags, further documents, depth over 32 and files over 1 MiB are refused.
 *
 * ${NAME} and ${NAME:-default} (unset or empty, as in a shell; the default may hold another ${})
 * are expanded inside scalars; $${ stands for a literal ${. Secrets may also be file:PATH (relative
 * to the configuration file, read when used) or secret:projects/P/secrets/S[/versions/V] (resolved
 * by google). Nothing here prints a secret.
 *
 * Threads: load on one; a loaded configuration may be read from any.
 */
#ifndef BW_CONFIG_CONFIG_H
#define BW_CONFIG_CONFIG_H

#include "backend/config/schedule.h"
#include "backend/config/setting.h"
#include "backend/core/arena.h"

#define BW_CONFIG_MAX_SIZE  ((size_t)1 << 20)
#define BW_CONFIG_MAX_DEPTH 32

/* ---- problems ---- */

typedef struct bw_config_problem {
    const char *file;    /* or "" */
    int line, column;    /* from 1; 0 where there is no place (a missing file, an option) */
    const char *message; /* lower case, no full stop */
    const char *hint;    /* a sentence, or "" */
} bw_config_problem;

typedef struct bw_config_problems {
    bw_config_problem *items; /* in the order of the file */
    size_t count, cap;
    size_t left_off; /* how many more there were than anyone would read */
    bw_arena arena;
} bw_config_problems;

#define BW_CONFIG_PROBLEMS_INIT \
    {                           \
        .arena = BW_ARENA_INIT  \
    }

void bw_config_problems_fini(bw_config_problems *p);
/* One "file:line:column: message" line each, with a "HINT: ..." line after it. */
void bw_config_problems_format(const bw_config_problems *p, bw_buf *out);

/* ---- loading ---- */

typedef struct bw_config bw_config;
/* One object: the top level, one source, one sync. */
typedef struct bw_config_node bw_config_node;

/* A value given on the command line, over file and profile. */
typedef struct bw_config_override {
    const char *path; /* at the top level: "ui.theme" */
    const char *text;
    const char *origin; /* "--theme" */
} bw_config_override;

typedef struct bw_config_input {
    const char *file;    /* -c; NULL: $BRIDGEWATCH_CONFIG, ./bridgewatch.yaml, then
                            $XDG_CONFIG_HOME/bridgewatch/bridgewatch.yaml */
    const char *profile; /* NULL: none */
    const bw_config_override *overrides;
    size_t n_overrides;
    bool
        optional; /* where the search finds no file, the defaults alone are a configuration, unless a
                      profile is asked for */
    /* A variable that is not set is no error in a SECRET, which is absent then: for what connects to
       nothing, such as reading the state. */
    bool without_secrets;
    /* The environment; NULL: getenv. */
    const char *(*env)(void *user, const char *name);
    void *env_user;
} bw_config_input;

/* Finds, reads and checks. On success the caller frees *out. BW_NOT_FOUND: no file, or no such
   profile; BW_IO: unreadable; BW_INVALID: `problems` (caller-owned) has them all and err is the
   first with "(and N more)". */
BW_NODISCARD bw_status bw_config_load(const bw_config_schema *schema, const bw_config_input *input,
                                      bw_config **out, bw_config_problems *problems, bw_error *err);
/* The same from memory; `name` stands for the file in messages. input->file is not used, and input
   may be NULL. */
BW_NODISCARD bw_status bw_config_parse(const bw_config_schema *schema, const bw_config_input *input,
                                       const char *name, bw_slice text, bw_config **out,
                                       bw_config_problems *problems, bw_error *err);
void bw_config_free(bw_config *c);

/* ---- reading ---- */

/* The file that was read, NULL when there was none; the profile, or NULL. */
const char *bw_config_file(const bw_config *c);
const char *bw_config_profile(const bw_config *c);
const bw_config_schema *bw_config_schema_of(const bw_config *c);

/* The top level. */
const bw_config_node *bw_config_top(const bw_config *c);
/* The objects of a section, in the order of the file. */
size_t bw_config_count(const bw_config *c, const char *section);
const bw_config_node *bw_config_at(const bw_config *c, const char *section, size_t i);
/* The object of that name in a named section, or NULL. */
const bw_config_node *bw_config_find(const bw_config *c, const char *section, const char *name);
/* Its name in a named section; "" for others. */
const char *bw_config_node_name(const bw_config_node *n);

/*
 * The getters return the value given, else the default. `path` must be a setting of the node's
 * scope with that type: anything else is a bug and ends the program. Everything returned lives as
 * long as the configuration.
 */
/* False when there is neither a value nor a default. */
bool bw_config_has(const bw_config_node *n, const char *path);
/* True when the operator wrote it (in the file, a profile or an option). */
bool bw_config_given(const bw_config_node *n, const char *path);
/* STRING and ENUM, and the text as written of every other scalar but a SECRET; NULL when absent. */
const char *bw_config_string(const bw_config_node *n, const char *path);
/* ENUM: the index within the setting's choices; -1 when absent. */
int bw_config_choice(const bw_config_node *n, const char *path);
/* The word given instead of a value (setting.choices of an INT, DURATION, SIZE or TIME), or NULL. */
const char *bw_config_word(const bw_config_node *n, const char *path);
/* False when absent. */
bool bw_config_bool(const bw_config_node *n, const char *path);
/* The next four: 0 when absent or given as a word, BW_TIME_NONE for a time. */
int64_t bw_config_int(const bw_config_node *n, const char *path);
int64_t bw_config_duration(const bw_config_node *n, const char *path); /* microseconds */
int64_t bw_config_size(const bw_config_node *n, const char *path);     /* bytes */
int64_t bw_config_time(const bw_config_node *n, const char *path);     /* microseconds */
/* How many texts; *items points at them. */
size_t bw_config_list(const bw_config_node *n, const char *path, const char *const **items);
typedef struct bw_config_pair {
    const char *name, *value;
} bw_config_pair;
size_t bw_config_map(const bw_config_node *n, const char *path, const bw_config_pair **pairs);
/* NULL when absent. */
const bw_schedule *bw_config_schedule(const bw_config_node *n, const char *path);

typedef enum bw_secret_kind {
    BW_SECRET_NONE,      /* absent */
    BW_SECRET_TEXT,      /* the secret itself */
    BW_SECRET_FILE,      /* text is the path of a file whose content it is */
    BW_SECRET_REFERENCE, /* text is projects/P/secrets/S[/versions/V]: google resolves it */
} bw_secret_kind;
typedef struct bw_secret {
    bw_secret_kind kind;
    const char *text;
} bw_secret;
bw_secret bw_config_secret(const bw_config_node *n, const char *path);
/* TEXT, or the FILE's content (up to 64 KiB, without the line end) into *out (free()); *out is NULL
   for NONE. BW_IO; BW_UNSUPPORTED for a REFERENCE. */
BW_NODISCARD bw_status bw_secret_read(bw_secret s, char **out, bw_error *err);

/* ---- where things come from ---- */

typedef enum bw_origin_kind {
    BW_ORIGIN_NONE,    /* absent */
    BW_ORIGIN_DEFAULT, /* the setting's */
    BW_ORIGIN_FILE,
    BW_ORIGIN_OPTION, /* text is the option */
} bw_origin_kind;
typedef struct bw_origin {
    bw_origin_kind kind;
    int line, column;
    const char *text;    /* "bridgewatch.yaml:12", "default", "--theme" */
    const char *env;     /* the variables that were expanded in it, "A, B"; or NULL */
    const char *profile; /* the profile that set it; or NULL */
} bw_origin;
bw_origin bw_config_origin(const bw_config_node *n, const char *path);
/* "bridgewatch.yaml:31:5: " for the value at `path`, or for the object itself with path NULL: to
   put before a message that is about it. Appends nothing where there is no place. */
void bw_config_where(const bw_config_node *n, const char *path, bw_buf *out);
/* For a schema's check: a problem at that place. `hint` may be NULL. */
void bw_config_complain(bw_config_problems *p, const bw_config_node *n, const char *path,
                        const char *hint, const char *fmt, ...) BW_PRINTF(5, 6);

/* The settings of a node's scope, in the order of the tables, for printing them. */
size_t bw_config_node_count(const bw_config_node *n);
const bw_setting *bw_config_node_setting(const bw_config_node *n, size_t i);
/* Whether the node's scope has such a setting: every other question about one that it has not is a bug. */
bool bw_config_knows(const bw_config_node *n, const char *path);
/* The value in force as YAML on one line: quoted where needed, a secret (a password within a URL, too)
   as "***". */
void bw_config_value_yaml(const bw_config_node *n, size_t i, bw_buf *out);

#endif
