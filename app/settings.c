#include "app/settings.h"

#include <stdio.h>

#include "backend/engine/events_stage.h"
#include "backend/engine/intake.h"
#include "backend/engine/metrics.h"
#include "backend/sources/source.h"

#define MIB       (INT64_C(1) << 20)
#define GIB       (INT64_C(1) << 30)
#define TIB       (INT64_C(1) << 40)
#define LOCAL_URL "\"http://127.0.0.1:9050\""

/* BigQuery allows four clustering columns. */
#define MAX_CLUSTER 4

static const char *const colours[] = {"red",     "yellow", "green", "blue",
                                      "magenta", "cyan",   "white", NULL};
static const char *const confirmations[] = {"ask", "type", NULL};
static const char *const compressions[] = {"auto", "on", "off", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "json", NULL};

static const bw_setting top_settings[] = {
    {.path = "project",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "$GOOGLE_CLOUD_PROJECT, else the credentials' own",
     .help = "the Google Cloud project that holds the destination",
     .example = "my-project"},
    {.path = "dataset",
     .type = BW_SETTING_STRING,
     .required = true,
     .nonempty = true,
     .help = "the BigQuery dataset that syncs load into unless they name another",
     .example = "analytics"},
    {.path = "location",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "where the dataset is; US for one that is created",
     .help = "where a dataset is created that does not exist yet",
     .example = "EU"},
    {.path = "credentials",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "adc; none where an emulator's host is given in the environment",
     .help = "who we are: adc (application default credentials), none, or the path of a key file",
     .example = "adc"},
    {.path = "endpoints.bigquery",
     .type = BW_SETTING_STRING,
     .absent = "$BIGQUERY_EMULATOR_HOST, else Google's",
     .help = "base URL of BigQuery",
     .example = LOCAL_URL},
    {.path = "endpoints.pubsub",
     .type = BW_SETTING_STRING,
     .absent = "$PUBSUB_EMULATOR_HOST, else Google's",
     .help = "base URL of Pub/Sub",
     .example = LOCAL_URL},
    {.path = "endpoints.datastore",
     .type = BW_SETTING_STRING,
     .absent = "$DATASTORE_EMULATOR_HOST, else Google's",
     .help = "base URL of Datastore",
     .example = LOCAL_URL},
    {.path = "endpoints.logging",
     .type = BW_SETTING_STRING,
     .absent = "Google's",
     .help = "base URL of Cloud Logging",
     .example = LOCAL_URL},
    {.path = "endpoints.monitoring",
     .type = BW_SETTING_STRING,
     .absent = "Google's",
     .help = "base URL of Cloud Monitoring",
     .example = LOCAL_URL},
    {.path = "endpoints.secretmanager",
     .type = BW_SETTING_STRING,
     .absent = "Google's",
     .help = "base URL of Secret Manager",
     .example = LOCAL_URL},
    {.path = "endpoints.oauth",
     .type = BW_SETTING_STRING,
     .absent = "the one that the credentials name",
     .help = "base URL of the token endpoint",
     .example = LOCAL_URL},
    {.path = "compression",
     .type = BW_SETTING_ENUM,
     .choices = compressions,
     .fallback = "auto",
     .help = "whether rows are sent as gzip; auto: when BigQuery's endpoint is on another machine"},
    {.path = "environment.label",
     .type = BW_SETTING_STRING,
     .help = "shown in the console's header, so that nobody mistakes production",
     .example = "PROD"},
    {.path = "environment.colour",
     .type = BW_SETTING_ENUM,
     .choices = colours,
     .help = "the label's colour",
     .example = "red"},
    {.path = "environment.color",
     .type = BW_SETTING_ENUM,
     .choices = colours,
     .same_as = "environment.colour"},
    {.path = "environment.confirm",
     .type = BW_SETTING_ENUM,
     .choices = confirmations,
     .fallback = "ask",
     .help = "how dangerous actions are confirmed; with type by typing the name of the target"},
    {.path = "read_only",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help = "refuse every command that changes something"},
    {.path = "state_dir",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .fallback = "${XDG_STATE_HOME:-${HOME}/.local/state}/bridgewatch",
     .help = "where checkpoints, dead letters and history are kept; not on a network file system",
     .example = "/var/lib/bridgewatch"},
    {.path = "log.level",
     .type = BW_SETTING_ENUM,
     .choices = log_levels,
     .fallback = "info",
     .help = "the least severe lines that are kept"},
    {.path = "log.format",
     .type = BW_SETTING_ENUM,
     .choices = log_formats,
     .fallback = "text",
     .help = "lines for people, or one JSON object per line"},
    {.path = "log.file",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "standard error; in the console bridgewatch.log in state_dir",
     .help = "a file that the log is appended to",
     .example = "/var/log/bridgewatch.log"},
    {.path = "ui.theme",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .fallback = "dark",
     .help = "the name of a theme, or the path of a theme file"},
    {.path = "ui.refresh",
     .type = BW_SETTING_DURATION,
     .fallback = "1s",
     .min = 100000,
     .max = BW_HOUR,
     .help = "how often the screens take new numbers"},
    {.path = "ui.mouse",
     .type = BW_SETTING_BOOL,
     .fallback = "true",
     .help = "take mouse clicks and the wheel"},
    {.path = "ui.ascii",
     .type = BW_SETTING_BOOL,
     .absent = "by the locale",
     .help = "draw with ASCII characters only",
     .example = "true"},
    {.path = "ui.plain",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help = "no borders, graphs or animation, for screen readers"},
    {.path = "ui.keys",
     .type = BW_SETTING_MAP,
     .help = "keys by action, separated by blanks; \"\" takes an action's keys away",
     .example = "{resync: \"F5\", quit: \"\"}"},
    {.path = "ui.columns",
     .type = BW_SETTING_MAP,
     .help = "columns by screen, only what differs: -NAME hides, +NAME shows, NAME<OTHER puts "
             "NAME before OTHER; what is arranged in the console wins",
     .example = "{syncs: \"+source -rows lag<state\"}"},
    {.path = "engine.workers",
     .type = BW_SETTING_INT,
     .fallback = "4",
     .min = 1,
     .max = 64,
     .help = "syncs that run at the same time"},
    {.path = "engine.memory",
     .type = BW_SETTING_SIZE,
     .fallback = "256MiB",
     .min = 32 * MIB,
     .max = TIB,
     .help = "what all runs together may hold of rows"},
    {.path = "engine.shutdown_timeout",
     .type = BW_SETTING_DURATION,
     .fallback = "30s",
     .min = BW_SECOND,
     .max = BW_HOUR,
     .help = "how long runs may take to end before the process leaves anyway"},
};
static const bw_setting_table top_table = BW_SETTING_TABLE(top_settings);

/* ---- sources ---- */

static const bw_setting source_settings[] = {
    {.path = "type",
     .type = BW_SETTING_STRING,
     .required = true,
     .help = "the kind of system",
     .example = "postgres"},
};
static const bw_setting_table source_table = BW_SETTING_TABLE(source_settings);

/* ---- syncs ---- */

static const char *const modes[] = {"upsert", "append", "replace", "events", NULL};
static const char *const partitions[] = {"hour", "day", "month", "year", NULL};
static const char *const delete_ways[] = {"ignore", "reconcile", NULL};
static const char *const add_columns[] = {"true", "false", "backfill", NULL};
static const char *const column_types[] = {"string", "json", NULL};
static const char *const backfills[] = {"all", NULL};
static const char *const starts[] = {"destination", NULL};

static const bw_setting sync_settings[] = {
    {.path = "source",
     .type = BW_SETTING_STRING,
     .required = true,
     .help = "the name of one of the sources",
     .example = "shop"},
    {.path = "table",
     .type = BW_SETTING_STRING,
     .required = true,
     .nonempty = true,
     .help =
         "the table, or a pattern that stands for many (\"public.*\"); the kind, the subscription",
     .example = "public.orders"},
    {.path = "exclude",
     .type = BW_SETTING_LIST,
     .help = "patterns of tables that a pattern does not stand for",
     .example = "[public.audit_*]"},
    {.path = "name",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "SOURCE.TABLE without the default schema",
     .help = "what the sync is called on screens and commands",
     .example = "shop.orders"},
    {.path = "dataset",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "the top level's",
     .help = "the dataset that holds the target",
     .example = "analytics"},
    {.path = "target",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "the table's name",
     .help = "the BigQuery table",
     .example = "orders"},
    {.path = "mode",
     .type = BW_SETTING_ENUM,
     .choices = modes,
     .absent = "upsert where there is a key and a cursor, else replace",
     .help = "how changed rows land",
     .example = "upsert"},
    {.path = "key",
     .type = BW_SETTING_LIST,
     .min = 1,
     .max = 16,
     .absent = "the primary key, or a unique index over NOT NULL columns",
     .help = "the columns that identify a row",
     .example = "[id]"},
    {.path = "cursor",
     .type = BW_SETTING_STRING,
     .absent = "a NOT NULL timestamp column named updated_at, modified_at, last_modified or "
               "last_updated",
     .help = "the column that grows when a row changes; \"\" for none",
     .example = "updated_at"},
    {.path = "cursor_zone",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "the server's TimeZone",
     .help = "the time zone of a cursor without one",
     .example = "Europe/Berlin"},
    {.path = "lookback",
     .type = BW_SETTING_DURATION,
     .fallback = "60s",
     .min = 0,
     .max = 366 * BW_DAY,
     .help = "how far each window reaches back behind the one before"},
    {.path = "late_commit_limit",
     .type = BW_SETTING_DURATION,
     .fallback = "1h",
     .min = 0,
     .max = 366 * BW_DAY,
     .help = "how long an open transaction at the source may hold the window back"},
    {.path = "columns",
     .type = BW_SETTING_LIST,
     .min = 1,
     .max = 10000,
     .absent = "all",
     .help = "the columns that are read",
     .example = "[id, amount, status, updated_at]"},
    {.path = "as",
     .type = BW_SETTING_MAP,
     .choices = column_types,
     .help = "columns that are sent as string or json instead of their own type",
     .example = "{amount: string}"},
    {.path = "schedule",
     .type = BW_SETTING_SCHEDULE,
     .fallback = "every 1m",
     .help = "when it runs: every DURATION, five cron fields in local time, or manual",
     .example = "every 1m"},
    {.path = "cron",
     .type = BW_SETTING_SCHEDULE,
     .same_as = "schedule",
     .example = "\"0 */2 * * *\""},
    {.path = "freshness.target",
     .type = BW_SETTING_DURATION,
     .min = BW_SECOND,
     .max = 3660 * BW_DAY,
     .absent = "the larger of 5m and twice the schedule",
     .help = "how stale the table may be and still count as fresh",
     .example = "5m"},
    {.path = "backfill",
     .type = BW_SETTING_DURATION,
     .choices = backfills,
     .fallback = "all",
     .min = BW_SECOND,
     .max = 36600 * BW_DAY,
     .help = "what the first run reads: all, or the rows of such a span"},
    {.path = "start_from",
     .type = BW_SETTING_TIME,
     .choices = starts,
     .absent = "the beginning",
     .help = "where to begin without a checkpoint: a time, or what the destination holds (its "
             "newest row; with a number as cursor everything is read, and only what is missing is "
             "added)",
     .example = "destination"},
    {.path = "raw",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help = "also append every change to TARGET_raw"},
    {.path = "partition.field",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .help = "the column that a new target is partitioned by",
     .example = "created_at"},
    {.path = "partition.by",
     .type = BW_SETTING_ENUM,
     .choices = partitions,
     .absent = "day",
     .help = "the length of a partition",
     .example = "day"},
    {.path = "cluster",
     .type = BW_SETTING_LIST,
     .min = 1,
     .max = MAX_CLUSTER,
     .help = "the columns that a new target is clustered by",
     .example = "[customer_id]"},
    {.path = "batch.rows",
     .type = BW_SETTING_INT,
     .fallback = "1000000",
     .min = 1,
     .max = INT64_C(1000000000),
     .help = "rows after which windows and backfills are cut; memory does not depend on it"},
    {.path = "batch.bytes",
     .type = BW_SETTING_SIZE,
     .fallback = "1GiB",
     .min = MIB,
     .max = TIB,
     .help = "bytes after which windows and backfills are cut; memory does not depend on it"},
    {.path = "max_dead_letters",
     .type = BW_SETTING_INT,
     .fallback = "100",
     .min = -1,
     .max = INT64_C(1000000000),
     .help = "new dead letters in a run before it fails; -1 for any number"},
    {.path = "max_bytes_per_day",
     .type = BW_SETTING_SIZE,
     .fallback = "1TiB",
     .min = 0,
     .max = 1024 * 1024 * TIB,
     .help = "bytes that BigQuery may bill for this sync in a day"},
    {.path = "stall_timeout",
     .type = BW_SETTING_DURATION,
     .fallback = "10m",
     .min = BW_SECOND,
     .max = 7 * BW_DAY,
     .help = "how long a run may make no progress"},
    {.path = "deletes",
     .type = BW_SETTING_ENUM,
     .choices = delete_ways,
     .fallback = "ignore",
     .help = "rows that are gone at the source: not seen (ignore), or found by comparing keys "
             "(reconcile: not yet)"},
    {.path = "schema.add_columns",
     .type = BW_SETTING_ENUM,
     .choices = add_columns,
     .fallback = "true",
     .help = "add new source columns to the target, and widen its decimals in place where the "
             "source's have grown; backfill reads all rows again for new columns"},
    {.path = "allow_empty",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help = "let a replace of nothing empty the target"},
    {.path = "only_if_empty",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help = "let a replace fill the target only while that is empty"},
};
static const bw_setting_table sync_table = BW_SETTING_TABLE(sync_settings);

/* ---- what tables cannot say ---- */

static void check_urls(const bw_config *c, bw_config_problems *problems)
{
    const bw_config_node *top = bw_config_top(c);
    for (size_t i = 0; i < bw_config_node_count(top); i++) {
        const bw_setting *s = bw_config_node_setting(top, i);
        const char *url =
            strncmp(s->path, "endpoints.", 10) == 0 ? bw_config_string(top, s->path) : NULL;
        if (url && strpbrk(url, "@"))
            bw_config_complain(problems, top, s->path, "Write http://HOST:PORT or https://HOST.",
                               "%s must not hold a user or a password", s->path);
        else if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
            bw_config_complain(problems, top, s->path, "Write http://HOST:PORT or https://HOST.",
                               "%s must be a URL", s->path);
    }
}

/* What the configuration has a word for and the engine does not do yet is refused: a promise that
   nobody keeps would be shown as kept. */
static void check_not_there_yet(const bw_config_node *n, bw_config_problems *problems)
{
    const char *deletes = bw_config_string(n, "deletes");
    if (deletes && strcmp(deletes, "reconcile") == 0)
        bw_config_complain(problems, n, "deletes",
                           "Write deletes: ignore; mode: replace sees every delete.",
                           "this version does not compare keys to find deletes");
}

static bool is_stream(const bw_source_class *class)
{
    return class && (class->capabilities & BW_SOURCE_STREAM) != 0;
}

static const bw_source_class *class_of(const bw_config *c, const bw_config_node *n)
{
    const bw_config_node *source = bw_config_find(c, "sources", bw_config_string(n, "source"));
    return source ? bw_source_find(bw_config_string(source, "type")) : NULL;
}

/* Which modes are for tables and which for subscriptions. */
static void check_mode(const bw_config *c, const bw_config_node *n, bw_config_problems *problems)
{
    const char *mode = bw_config_string(n, "mode");
    const bw_source_class *class = class_of(c, n);
    if (!mode || !class)
        return;
    bool stream = is_stream(class);
    if (!stream && strcmp(mode, "events") == 0)
        bw_config_complain(problems, n, "mode", "Use upsert, append or replace.",
                           "mode events is for subscriptions, not for sources of type %s",
                           class->kind);
    if (stream && strcmp(mode, "events") != 0 && strcmp(mode, "append") != 0)
        bw_config_complain(problems, n, "mode", "Use events or append.",
                           "a subscription has no rows to %s", mode);
}

/* A connection string where a host belongs holds a password, which messages would show. */
static void check_hosts(const bw_config *c, bw_config_problems *problems)
{
    for (size_t i = 0; i < bw_config_count(c, "sources"); i++) {
        const bw_config_node *n = bw_config_at(c, "sources", i);
        bool has = false;
        for (size_t k = 0; k < bw_config_node_count(n); k++)
            has |= strcmp(bw_config_node_setting(n, k)->path, "host") == 0;
        const char *host = has ? bw_config_string(n, "host") : NULL;
        if (host && host[0] != '/' && strpbrk(host, "/@="))
            bw_config_complain(problems, n, "host",
                               "Write host: NAME, and beside it port:, database:, user: and "
                               "password:; take the password out of the file if it was in here.",
                               "sources.%s.host must be the name of a host, not a URL",
                               bw_config_node_name(n));
    }
}

static void check_syncs(const bw_config *c, bw_config_problems *problems)
{
    for (size_t i = 0; i < bw_config_count(c, "syncs"); i++) {
        const bw_config_node *n = bw_config_at(c, "syncs", i);
        const char *table = bw_config_string(n, "table"), *mode = bw_config_string(n, "mode");
        static const char *const single[] = {"name", "target", "key", "columns"};
        bool pattern = strpbrk(table, "*?[") != NULL;
        check_not_there_yet(n, problems);
        check_mode(c, n, problems);
        if (is_stream(class_of(c, n)))
            bw_events_settings_check(n, problems);
        for (size_t k = 0; pattern && k < BW_COUNT(single); k++)
            if (bw_config_given(n, single[k]))
                bw_config_complain(problems, n, single[k], "Name the table in an entry of its own.",
                                   "a pattern stands for many tables and takes no %s", single[k]);
        if (bw_config_bool(n, "only_if_empty") && mode && strcmp(mode, "replace") != 0)
            bw_config_complain(problems, n, "only_if_empty", NULL,
                               "only_if_empty is for mode replace");
        if (bw_config_given(n, "partition.by") && !bw_config_has(n, "partition.field"))
            bw_config_complain(problems, n, "partition.by",
                               "Write partition: {field: COLUMN, by: day}.",
                               "partition.by needs partition.field");
    }
}

static void check(const bw_config *c, bw_config_problems *problems)
{
    check_urls(c, problems);
    check_hosts(c, problems);
    check_syncs(c, problems);
    bw_subscriptions_check(c, problems);
}

const bw_config_schema *bw_settings_init(bw_settings *s)
{
    size_t n;
    const bw_source_class *const *classes = bw_source_classes(&n);
    if (n > BW_SETTINGS_MAX_SOURCES)
        n = BW_SETTINGS_MAX_SOURCES;
    static const bw_setting_table none = {NULL, 0};
    for (size_t i = 0; i < n; i++) {
        s->sources[i] =
            (bw_config_variant){classes[i]->kind, {classes[i]->settings, classes[i]->n_settings}};
        bool stream = is_stream(classes[i]);
        s->syncs[i] = (bw_config_variant){classes[i]->kind, stream ? bw_events_settings : none};
    }
    s->sections[0] = (bw_config_section){.name = "sources",
                                         .named = true,
                                         .help = "the systems that rows come from, by name",
                                         .tables = &source_table,
                                         .n_tables = 1,
                                         .selector = "type",
                                         .variants = s->sources,
                                         .n_variants = n};
    s->sections[1] = (bw_config_section){.name = "syncs",
                                         .help = "what is synced, one entry per table or pattern",
                                         .tables = &sync_table,
                                         .n_tables = 1,
                                         .selector = "source",
                                         .via = "sources",
                                         .variants = s->syncs,
                                         .n_variants = n};
    s->top[0] = top_table;
    s->top[1] = bw_audit_settings;
    s->top[2] = bw_metrics_settings;
    s->schema = (bw_config_schema){.tables = s->top,
                                   .n_tables = BW_COUNT(s->top),
                                   .sections = s->sections,
                                   .n_sections = BW_COUNT(s->sections),
                                   .check = check};
    return &s->schema;
}
