/*
 * What can be configured, as data. A setting is one const entry that carries its type, default,
 * bounds and documentation; each room and driver declares its own const arrays, and app
 * concatenates them into one schema. Parsing, checking, suggestions, `config --reference` and the
 * manual page are all computed from these entries.
 *
 *     static const bw_setting settings[] = {
 *         {.path = "host", .type = BW_SETTING_STRING, .help = "host name or socket directory"},
 *         {.path = "port", .type = BW_SETTING_INT, .fallback = "5432", .min = 1, .max = 65535,
 *          .help = "TCP port"},
 *         {.path = "password", .type = BW_SETTING_SECRET, .absent = "~/.pgpass"},
 *     };
 *     const bw_setting_table bw_postgres_settings = BW_SETTING_TABLE(settings);
 *
 * Threads: any (the tables are const).
 */
#ifndef BW_CONFIG_SETTING_H
#define BW_CONFIG_SETTING_H

#include "backend/core/buf.h"

typedef enum bw_setting_type {
    BW_SETTING_STRING,
    BW_SETTING_BOOL,     /* true false yes no on off */
    BW_SETTING_INT,      /* whole number; min and max bound it */
    BW_SETTING_DURATION, /* "30s": microseconds; min and max in microseconds */
    BW_SETTING_SIZE,     /* "1GiB": bytes; min and max in bytes */
    BW_SETTING_ENUM,     /* one of choices */
    BW_SETTING_LIST,     /* a list of texts; min and max bound how many; choices, if any, each */
    BW_SETTING_MAP,      /* texts by name; choices, if any, bound the values */
    BW_SETTING_TIME,     /* RFC 3339: microseconds since 1970 */
    BW_SETTING_SECRET, /* a text that is never printed; or file:PATH, secret:projects/P/secrets/S */
    BW_SETTING_SCHEDULE, /* "every 1m", "cron: 0 5 * * *", "manual"; see schedule.h */
    BW_SETTING_TYPES,
} bw_setting_type;

typedef struct bw_setting {
    const char
        *path; /* within its scope, dotted: "freshness.target" is {freshness: {target: ...}} */
    bw_setting_type type;
    /* The default, as an operator would write it ("30s", "[a, b]" for a list); ${NAME:-text} is
       expanded. NULL: there is none, and the getters say that it is absent. */
    const char *fallback;
    /* Only for the documentation, without a fallback: what applies then ("the table's name"). */
    const char *absent;
    int64_t min, max; /* inclusive; both 0: unbounded */
    /* NULL-terminated. ENUM: all that is allowed. INT, DURATION, SIZE and TIME: words that are
       allowed instead of a value ("all"), read by bw_config_word(). */
    const char *const *choices;
    bool required;       /* must be given; then it has no fallback */
    bool nonempty;       /* STRING: "" is refused */
    const char *same_as; /* another way to write the setting of that path; nothing is stored here */
    const char *help;    /* one line, lower case, no full stop */
    const char *example; /* a value for the documentation; else the fallback is shown */
} bw_setting;

typedef struct bw_setting_table {
    const bw_setting *items;
    size_t count;
} bw_setting_table;

#define BW_SETTING_TABLE(array)  \
    {                            \
        (array), BW_COUNT(array) \
    }

/* Settings that depend on what kind of thing an object is: the driver's. */
typedef struct bw_config_variant {
    const char *name; /* the value of the selector: "postgres" */
    bw_setting_table settings;
} bw_config_variant;

/* Objects that there can be several of. */
typedef struct bw_config_section {
    const char *name; /* "sources", "syncs" */
    bool named;       /* a map of objects by name; else a list of objects */
    const char *help;
    const bw_setting_table *tables; /* those of every kind */
    size_t n_tables;
    const char *selector; /* the setting that selects the variant ("type"); NULL: no variants */
    /* With `via`, the selector names an object of that section, whose own selector counts: a sync's
       "source" names an entry of "sources", and that entry's "type" selects. */
    const char *via;
    const bw_config_variant *variants;
    size_t n_variants;
} bw_config_section;

struct bw_config;
struct bw_config_problems;

typedef struct bw_config_schema {
    const bw_setting_table *tables; /* the top level */
    size_t n_tables;
    const bw_config_section *sections; /* referred to ones (`via`) before those that refer */
    size_t n_sections;
    /* Checks what tables cannot say, after everything else was well; adds to the problems. */
    void (*check)(const struct bw_config *config, struct bw_config_problems *problems);
} bw_config_schema;

/* Appends what its value must be: "a whole number from 1 to 65535", "one of upsert, append". */
void bw_setting_describe(const bw_setting *setting, bw_buf *out);
/* Reads the text of a BOOL, INT, DURATION, SIZE or TIME into a number and checks its bounds; false
   when it is not one. Words (choices) are not looked at. */
bool bw_setting_parse_number(const bw_setting *setting, bw_slice text, int64_t *out);

#endif
