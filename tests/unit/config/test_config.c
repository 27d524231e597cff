/*
 * Covers: backend/config: reading, checking, profiles, expansion, suggestions, origins, secrets.
 * What is wrong is reported all at once, each with its place and what to do.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/config/config.h"

/* ---- a small schema ---- */

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const all[] = {"all", "none", NULL};

static const bw_setting top_settings[] = {
    {.path = "project", .type = BW_SETTING_STRING, .fallback = "${CLOUD_PROJECT:-}"},
    {.path = "dataset",
     .type = BW_SETTING_STRING,
     .required = true,
     .nonempty = true,
     .help = "default destination"},
    {.path = "state_dir",
     .type = BW_SETTING_STRING,
     .fallback = "${XDG_STATE_HOME:-${HOME}/.local/state}/bridgewatch"},
    {.path = "log.level", .type = BW_SETTING_ENUM, .choices = levels, .fallback = "info"},
    {.path = "log.file", .type = BW_SETTING_STRING},
    {.path = "ui.mouse", .type = BW_SETTING_BOOL, .fallback = "true"},
    {.path = "ui.keys", .type = BW_SETTING_MAP, .fallback = "{}"},
    {.path = "engine.workers", .type = BW_SETTING_INT, .fallback = "4", .min = 1, .max = 64},
    {.path = "engine.memory",
     .type = BW_SETTING_SIZE,
     .fallback = "256MiB",
     .min = 64 << 20,
     .max = INT64_C(1) << 40},
};
static const bw_setting_table top_table = BW_SETTING_TABLE(top_settings);

static const bw_setting source_settings[] = {
    {.path = "type", .type = BW_SETTING_STRING, .required = true, .help = "which driver"},
};
static const bw_setting_table source_table = BW_SETTING_TABLE(source_settings);

static const bw_setting postgres_settings[] = {
    {.path = "host", .type = BW_SETTING_STRING, .required = true, .help = "host name"},
    {.path = "port", .type = BW_SETTING_INT, .fallback = "5432", .min = 1, .max = 65535},
    {.path = "password", .type = BW_SETTING_SECRET},
    {.path = "connect_timeout",
     .type = BW_SETTING_DURATION,
     .fallback = "30s",
     .min = BW_SECOND,
     .max = BW_HOUR},
};
static const bw_setting mongodb_settings[] = {
    {.path = "uri", .type = BW_SETTING_SECRET, .required = true, .help = "connection string"},
};
static const bw_config_variant drivers[] = {
    {"postgres", BW_SETTING_TABLE(postgres_settings)},
    {"mongodb", BW_SETTING_TABLE(mongodb_settings)},
};

static const bw_setting sync_settings[] = {
    {.path = "source", .type = BW_SETTING_STRING, .required = true},
    {.path = "table", .type = BW_SETTING_STRING, .required = true},
    {.path = "key", .type = BW_SETTING_LIST, .min = 1, .max = 4},
    {.path = "as",
     .type = BW_SETTING_MAP,
     .choices = (const char *const[]){"string", "json", NULL}},
    {.path = "schedule", .type = BW_SETTING_SCHEDULE, .fallback = "every 1m"},
    {.path = "cron", .type = BW_SETTING_SCHEDULE, .same_as = "schedule"},
    {.path = "freshness.target", .type = BW_SETTING_DURATION},
    {.path = "backfill", .type = BW_SETTING_DURATION, .choices = all, .fallback = "all"},
    {.path = "start_from", .type = BW_SETTING_TIME},
};
static const bw_setting_table sync_table = BW_SETTING_TABLE(sync_settings);
static const bw_setting postgres_sync_settings[] = {
    {.path = "cursor_zone", .type = BW_SETTING_STRING},
};
static const bw_config_variant sync_drivers[] = {
    {"postgres", BW_SETTING_TABLE(postgres_sync_settings)},
    {"mongodb", {NULL, 0}},
};

static const bw_config_section sections[] = {
    {.name = "sources",
     .named = true,
     .tables = &source_table,
     .n_tables = 1,
     .selector = "type",
     .variants = drivers,
     .n_variants = BW_COUNT(drivers)},
    {.name = "syncs",
     .tables = &sync_table,
     .n_tables = 1,
     .selector = "source",
     .via = "sources",
     .variants = sync_drivers,
     .n_variants = BW_COUNT(sync_drivers)},
};
static void no_two_syncs_of_a_table(const bw_config *c, bw_config_problems *p)
{
    for (size_t i = 1; i < bw_config_count(c, "syncs"); i++) {
        const bw_config_node *a = bw_config_at(c, "syncs", i - 1), *b = bw_config_at(c, "syncs", i);
        if (strcmp(bw_config_string(a, "table"), bw_config_string(b, "table")) == 0)
            bw_config_complain(p, b, "table", "Name one of them.", "%s is synced twice",
                               bw_config_string(b, "table"));
    }
}
static const bw_config_schema schema = {
    .tables = &top_table,
    .n_tables = 1,
    .sections = sections,
    .n_sections = BW_COUNT(sections),
    .check = no_two_syncs_of_a_table,
};

static const char *test_env(void *user, const char *name)
{
    (void)user;
    static const char *const vars[][2] = {
        {"SHOP_PASSWORD", "s3cret"}, {"HOME", "/home/op"}, {"EMPTY", ""}, {"PORT", "6543"},
        {"LATIN", "caf\xe9"},
    };
    for (size_t i = 0; i < BW_COUNT(vars); i++)
        if (strcmp(vars[i][0], name) == 0)
            return vars[i][1];
    return NULL;
}

/* ---- helpers ---- */

static bw_config *load_with(bw_config_input input, const char *text)
{
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_config *c = NULL;
    input.env = test_env;
    bw_status s =
        bw_config_parse(&schema, &input, "b.yaml", bw_slice_cstr(text), &c, &problems, &err);
    if (s != BW_OK) {
        bw_buf all_of_them = BW_BUF_INIT;
        bw_config_problems_format(&problems, &all_of_them);
        fail_msg("%s", bw_buf_cstr(&all_of_them));
    }
    bw_config_problems_fini(&problems);
    return c;
}

static bw_config *load(const char *text)
{
    return load_with((bw_config_input){0}, text);
}

static void check_problems_with(bw_config_input input, bw_slice text, const char *want)
{
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_config *c = NULL;
    bw_buf got = BW_BUF_INIT;
    input.env = test_env;
    bw_status s = bw_config_parse(&schema, &input, "b.yaml", text, &c, &problems, &err);
    bw_config_problems_format(&problems, &got);
    assert_string_equal(bw_buf_cstr(&got), want);
    assert_int_not_equal(s, BW_OK);
    assert_null(c);
    assert_int_not_equal(err.message[0], '\0');
    bw_buf_fini(&got);
    bw_config_problems_fini(&problems);
}

static void check_problems(const char *text, const char *want)
{
    check_problems_with((bw_config_input){0}, bw_slice_cstr(text), want);
}

#define GOOD "dataset: a\nsources: {shop: {type: postgres, host: db}}\n"

/* ---- tests ---- */

static void values_have_the_type_of_their_setting(void **state)
{
    (void)state;
    bw_config *c = load("dataset: 123\n"
                        "log: {level: debug}\n"
                        "ui:\n"
                        "  mouse: no\n"
                        "  keys: {resync: R, quit: \"\"}\n"
                        "engine: {workers: 8, memory: 1GiB}\n"
                        "sources:\n"
                        "  shop:\n"
                        "    type: postgres\n"
                        "    host: db.example.com\n"
                        "    password: ${SHOP_PASSWORD}\n"
                        "    port: \"${PORT}\"\n"
                        "  docs: {type: mongodb, uri: \"secret:projects/p/secrets/uri\"}\n"
                        "syncs:\n"
                        "  - {source: shop, table: public.orders, cursor_zone: UTC}\n"
                        "  - source: docs\n"
                        "    table: \"01\"\n"
                        "    key: [id, no]\n"
                        "    as: {amount: string}\n"
                        "    freshness: {target: 5m}\n"
                        "    backfill: 7d\n"
                        "    start_from: 2026-11-20T08:37:00Z\n"
                        "    cron: \"0 */2 * * *\"\n");
    const bw_config_node *top = bw_config_top(c);
    assert_string_equal(bw_config_string(top, "dataset"), "123");
    assert_string_equal(bw_config_string(top, "state_dir"), "/home/op/.local/state/bridgewatch");
    assert_null(bw_config_string(top, "log.file"));
    assert_int_equal(bw_config_choice(top, "log.level"), 3);
    assert_false(bw_config_bool(top, "ui.mouse"));
    assert_int_equal(bw_config_int(top, "engine.workers"), 8);
    assert_int_equal(bw_config_size(top, "engine.memory"), INT64_C(1) << 30);
    const bw_config_pair *pairs;
    assert_int_equal(bw_config_map(top, "ui.keys", &pairs), 2);
    assert_string_equal(pairs[0].name, "resync");
    assert_string_equal(pairs[0].value, "R");
    assert_string_equal(pairs[1].value, "");

    assert_int_equal(bw_config_count(c, "sources"), 2);
    const bw_config_node *shop = bw_config_find(c, "sources", "shop");
    assert_string_equal(bw_config_node_name(shop), "shop");
    assert_int_equal(bw_config_int(shop, "port"), 6543);
    assert_int_equal(bw_config_duration(shop, "connect_timeout"), 30 * BW_SECOND);
    assert_false(bw_config_given(shop, "connect_timeout"));
    assert_true(bw_config_has(shop, "connect_timeout"));
    bw_secret secret = bw_config_secret(shop, "password");
    assert_int_equal(secret.kind, BW_SECRET_TEXT);
    assert_string_equal(secret.text, "s3cret");
    secret = bw_config_secret(bw_config_find(c, "sources", "docs"), "uri");
    assert_int_equal(secret.kind, BW_SECRET_REFERENCE);
    assert_string_equal(secret.text, "projects/p/secrets/uri");
    assert_null(bw_config_find(c, "sources", "other"));

    assert_int_equal(bw_config_count(c, "syncs"), 2);
    const bw_config_node *first = bw_config_at(c, "syncs", 0),
                         *second = bw_config_at(c, "syncs", 1);
    assert_string_equal(bw_config_string(first, "cursor_zone"), "UTC");
    assert_string_equal(bw_config_word(first, "backfill"), "all");
    assert_int_equal(bw_config_duration(first, "backfill"), 0);
    assert_int_equal(bw_config_time(first, "start_from"), BW_TIME_NONE);
    assert_int_equal(bw_config_schedule(first, "schedule")->every_us, BW_MINUTE);
    const char *const *items;
    assert_int_equal(bw_config_list(first, "key", &items), 0);
    assert_string_equal(bw_config_string(second, "table"), "01");
    assert_int_equal(bw_config_list(second, "key", &items), 2);
    assert_string_equal(items[1], "no");
    assert_null(bw_config_word(second, "backfill"));
    assert_int_equal(bw_config_duration(second, "backfill"), 7 * BW_DAY);
    assert_int_equal(bw_config_duration(second, "freshness.target"), 5 * BW_MINUTE);
    assert_int_equal(bw_config_time(second, "start_from"), INT64_C(1795163820) * BW_SECOND);
    assert_int_equal(bw_config_schedule(second, "schedule")->kind, BW_SCHEDULE_CRON);
    bw_config_free(c);
}

static void everything_wrong_is_reported_at_once(void **state)
{
    (void)state;
    check_problems(
        "datset: analytics\n"
        "level: debug\n"
        "log: {level: inof, file: []}\n"
        "ui: {mouse: maybe}\n"
        "engine:\n"
        "  workers: 0\n"
        "  memory: 12 parsecs\n"
        "  workers: 5\n"
        "sources:\n"
        "  shop:\n"
        "    type: postgres\n"
        "    prot: 5432\n"
        "    port: 70000\n"
        "    connect_timeout:\n"
        "  old:\n"
        "    type: postgress\n"
        "    whatever: 1\n"
        "  \"bad name\": {type: mongodb}\n"
        "syncs:\n"
        "  - source: shpo\n"
        "    table: public.orders\n"
        "    shedule: every 1m\n"
        "    schedule: every 5 parsecs\n"
        "  - {source: shop, key: id}\n"
        "  - public.orders\n",
        "b.yaml:1:1: dataset is missing\n"
        "  HINT: dataset: default destination.\n"
        "b.yaml:1:1: unknown key datset\n"
        "  HINT: Did you mean dataset?\n"
        "b.yaml:2:1: unknown key level\n"
        "  HINT: Write log: {level: ...}.\n"
        "b.yaml:3:14: log.level must be one of error, warn, info, debug, not inof\n"
        "  HINT: Did you mean info?\n"
        "b.yaml:3:26: log.file must be a text, not a list\n"
        "b.yaml:4:13: ui.mouse must be true or false, not maybe\n"
        "b.yaml:6:12: engine.workers must be a whole number from 1 to 64, not 0\n"
        "b.yaml:7:11: engine.memory must be a size such as 64KiB, 10MB or 1GiB, from 64 MiB to 1 "
        "TiB,"
        " not 12 parsecs\n"
        "b.yaml:8:3: duplicate key workers\n"
        "  HINT: It is there already in line 6.\n"
        "b.yaml:10:3: sources.shop.host is missing\n"
        "  HINT: host: host name.\n"
        "b.yaml:12:5: unknown key sources.shop.prot\n"
        "  HINT: Did you mean port?\n"
        "b.yaml:13:11: sources.shop.port must be a whole number from 1 to 65535, not 70000\n"
        "b.yaml:14:21: sources.shop.connect_timeout has no value\n"
        "  HINT: Leave the line out for the default; write \"\" for an empty text.\n"
        "b.yaml:16:11: sources.old.type: postgress is not known\n"
        "  HINT: Did you mean postgres?\n"
        "b.yaml:17:5: unknown key sources.old.whatever\n"
        "  HINT: Known here: type, host, port, password, connect_timeout, uri.\n"
        "b.yaml:18:3: sources.bad name.uri is missing\n"
        "  HINT: uri: connection string.\n"
        "b.yaml:18:3: sources: bad name cannot be a name\n"
        "  HINT: A name is up to 63 letters, digits, underscores and hyphens.\n"
        "b.yaml:20:13: syncs[].source: there is no shpo in sources\n"
        "  HINT: Did you mean shop?\n"
        "b.yaml:22:5: unknown key syncs[].shedule\n"
        "  HINT: Did you mean schedule?\n"
        "b.yaml:23:21: syncs[].schedule is no schedule: every needs a duration from 1s to 366d\n"
        "  HINT: For example: every 30s, every 5m, every 1h30m.\n"
        "b.yaml:24:5: syncs[].table is missing\n"
        "  HINT: table: required.\n"
        "b.yaml:24:25: syncs[].key must be a list, not id\n"
        "  HINT: Write [id].\n"
        "b.yaml:25:5: syncs[] must be a map of settings\n");
}

static void structures_are_checked(void **state)
{
    (void)state;
    check_problems("- a\n", "b.yaml:1:1: the configuration must be a map of settings\n"
                            "  HINT: Begin with \"project: ...\".\n");
    check_problems("dataset: a\nsources: []\nsyncs: {a: b}\nlog: debug\n",
                   "b.yaml:2:10: sources must be a map of names\n"
                   "  HINT: Write a name, a colon and the settings below it.\n"
                   "b.yaml:3:8: syncs must be a list\n"
                   "  HINT: Begin each entry with \"- \".\n"
                   "b.yaml:4:6: log must be a map of settings\n");
    check_problems(GOOD "syncs: [{source: shop, table: t, key: [], as: {a: strnig}},\n"
                        "  {source: shop, table: u, schedule: manual, cron: 0 0 * * *},\n"
                        "  {source: shop, table: v, key: [{}, \"\", ~]}]\n",
                   "b.yaml:3:39: syncs[].key must have a number of entries from 1 to 4, not 0\n"
                   "b.yaml:3:51: syncs[].as must be a map of names to texts of string, json, "
                   "not strnig\n"
                   "  HINT: Did you mean string?\n"
                   "b.yaml:4:46: syncs[].cron and schedule say the same thing twice\n"
                   "b.yaml:5:34: syncs[].key must hold texts, not a map\n");
    check_problems(GOOD "log.level: debug\n", "b.yaml:3:1: unknown key log.level\n"
                                              "  HINT: Write log: {level: ...}.\n");
    /* The schema's own check runs when everything else is well. */
    check_problems(GOOD "syncs:\n- {source: shop, table: t}\n- {source: shop, table: t}\n",
                   "b.yaml:5:25: t is synced twice\n  HINT: Name one of them.\n");
    bw_config *c = load("dataset: a\nsources:\nsyncs:\nlog:\nprofiles:\n");
    assert_int_equal(bw_config_count(c, "syncs"), 0);
    bw_config_free(c);
}

static void syntax_errors_have_a_place(void **state)
{
    (void)state;
    check_problems("dataset: a\n\tlog: b\n",
                   "b.yaml:2:1: syntax error: found a tab character that violates indentation "
                   "(while scanning a plain scalar that begins in line 1)\n  HINT: YAML is "
                   "indented with spaces, not with tabs.\n");
    check_problems("dataset: a: b\n",
                   "b.yaml:1:11: syntax error: mapping values are not allowed in this context\n"
                   "  HINT: Check the indentation, and quote a text that holds \": \".\n");
    check_problems("a: 1\nlog: {file: ${PORT}}\n",
                   "b.yaml:2:14: syntax error: did not find expected ',' or '}'\n"
                   "  HINT: Within { } and [ ], quote a text that holds ${...}.\n");
    check_problems("a: 1\nlog: 'x\nb: c\n",
                   "b.yaml:4:1: syntax error: found unexpected end of stream (while scanning a "
                   "quoted scalar that begins in line 2)\n"
                   "  HINT: A quote is not closed.\n");
    check_problems("a:\n- b\nc\n",
                   "b.yaml:4:1: syntax error: could not find expected ':' (while scanning a simple "
                   "key that begins in line 3)\n"
                   "  HINT: A key is followed by \": \" and its value.\n");
    check_problems("a: @b\n",
                   "b.yaml:1:4: syntax error: found character that cannot start any token\n"
                   "  HINT: Quote a text that begins with @, % or `.\n");
    check_problems("a: 1\nb: \xff\n", "b.yaml:2:4: invalid leading UTF-8 octet\n"
                                      "  HINT: The file must be UTF-8 text.\n");
    check_problems("syncs: [a, b\nlog: {}\n",
                   "b.yaml:2:4: syntax error: did not find expected ',' or ']' (while parsing a "
                   "flow sequence that begins in line 1)\n"
                   "  HINT: A comma is missing, or a [ or { is not closed.\n");
    check_problems("schedule: */5 * * * *\n",
                   "b.yaml:1:12: syntax error: did not find expected alphabetic or numeric "
                   "character\n"
                   "  HINT: Quote a text that begins with * or &.\n");
}

static void what_hides_meaning_is_refused(void **state)
{
    (void)state;
    check_problems("dataset: *x\n", "b.yaml:1:10: aliases (*name) are not supported\n"
                                    "  HINT: Quote a text that begins with *.\n");
    check_problems("dataset: &x a\n", "b.yaml:1:10: anchors (&name) are not supported\n"
                                      "  HINT: Quote a text that begins with &.\n");
    check_problems("dataset: !!int 5\n", "b.yaml:1:10: tags (!name) are not supported\n"
                                         "  HINT: Quote a text that begins with !.\n");
    check_problems("dataset: a\n---\ndataset: b\n",
                   "b.yaml:2:1: a second document is not supported\n"
                   "  HINT: Put everything into the first document.\n");
    check_problems("? {a: b}\n: c\n", "b.yaml:1:3: a key must be a text\n"
                                      "  HINT: Within { } and [ ], quote a text that holds "
                                      "${...}.\n");
    check_problems("dataset: \"a\\0b\"\n", "b.yaml:1:10: a text holds a NUL character\n");
    bw_buf deep = BW_BUF_INIT;
    bw_buf_adds(&deep, "a: ");
    for (int i = 0; i < 32; i++)
        bw_buf_addc(&deep, '[');
    check_problems_with((bw_config_input){0}, bw_buf_slice(&deep),
                        "b.yaml:1:35: nested more than 32 levels deep\n");
    bw_buf_clear(&deep);
    memset(bw_buf_reserve(&deep, BW_CONFIG_MAX_SIZE + 1), '#', BW_CONFIG_MAX_SIZE + 1);
    deep.len = BW_CONFIG_MAX_SIZE + 1;
    check_problems_with((bw_config_input){0}, bw_buf_slice(&deep),
                        "b.yaml:1:1: the file is larger than 1 MiB\n");
    bw_buf_fini(&deep);
}

static void variables_are_expanded(void **state)
{
    (void)state;
    bw_config *c = load("dataset: 'x-${PORT}-${NOPE:-d}-${EMPTY:-e}-${NOPE:-${HOME}}-$${PORT}-$'\n"
                        "project: ${EMPTY}\n"
                        "log: {file: \"${NOPE:-}\"}\n");
    assert_string_equal(bw_config_string(bw_config_top(c), "dataset"),
                        "x-6543-d-e-/home/op-${PORT}-$");
    assert_null(bw_config_string(bw_config_top(c), "project"));
    assert_null(bw_config_string(bw_config_top(c), "log.file"));
    assert_string_equal(bw_config_origin(bw_config_top(c), "dataset").env,
                        "PORT, NOPE, EMPTY, NOPE, HOME");
    bw_config_free(c);
    check_problems(
        "dataset: ${NOPE}\n"
        "log: {file: \"${PORT\", level: \"${SHOP_PASSWORD}\"}\n"
        "state_dir: ${PORT:+x}\n"
        "project: ${LATIN}\n"
        "engine: {workers: \"${1}\", memory: \"${NOPE:-1}\"}\n"
        "ui: {keys: {a: \"${}\"}}\n",
        "b.yaml:1:10: dataset needs the environment variable NOPE, which is not set\n"
        "  HINT: Set NOPE, or give a default: ${NOPE:-...}.\n"
        "b.yaml:2:13: log.file has a malformed variable: ${ is not closed by }\n"
        "  HINT: Write ${NAME} or ${NAME:-default}; $${ stands for ${ itself.\n"
        "b.yaml:2:30: log.level must be one of error, warn, info, debug, not "
        "${SHOP_PASSWORD}\n"
        "b.yaml:3:18: state_dir has a malformed variable: only ${NAME} and "
        "${NAME:-default} are understood\n"
        "  HINT: Write ${NAME} or ${NAME:-default}; $${ stands for ${ itself.\n"
        "b.yaml:4:10: project is not valid UTF-8 once LATIN is put in\n"
        "b.yaml:5:19: engine.workers has a malformed variable: ${ is not followed by the "
        "name of an environment variable\n"
        "  HINT: Write ${NAME} or ${NAME:-default}; $${ stands for ${ itself.\n"
        "b.yaml:5:35: engine.memory must be a size such as 64KiB, 10MB or 1GiB, from 64 "
        "MiB to 1 TiB, not ${NOPE:-1}\n"
        "b.yaml:6:16: ui.keys has a malformed variable: ${ is not followed by the name "
        "of an environment variable\n"
        "  HINT: Write ${NAME} or ${NAME:-default}; $${ stands for ${ itself.\n");
}

#define PROFILES                                                                    \
    "dataset: a\n"                                                                  \
    "sources: {shop: {type: postgres, host: db, password: \"${SHOP_PASSWORD}\"}}\n" \
    "syncs: [{source: shop, table: t}]\n"                                           \
    "profiles:\n"                                                                   \
    "  prod:\n"                                                                     \
    "    dataset: p\n"                                                              \
    "    sources: {shop: {host: prod.db, password: \"${PROD_PASSWORD:-x}\"}}\n"     \
    "    log: {level: warn}\n"                                                      \
    "  test: {sources: {shop: {password: \"${ONLY_THERE}\"}}}\n"

static void profiles_and_options_lie_over_the_file(void **state)
{
    (void)state;
    bw_config *c = load(PROFILES);
    assert_string_equal(bw_config_string(bw_config_top(c), "dataset"), "a");
    bw_config_free(c);

    const bw_config_override options[] = {{"log.level", "debug", "--log-level"},
                                          {"ui.mouse", "false", "--no-mouse"}};
    bw_config_input input = {.profile = "prod", .overrides = options, .n_overrides = 2};
    c = load_with(input, PROFILES);
    const bw_config_node *top = bw_config_top(c), *shop = bw_config_find(c, "sources", "shop");
    assert_string_equal(bw_config_string(top, "dataset"), "p");
    assert_string_equal(bw_config_string(top, "log.level"), "debug");
    assert_false(bw_config_bool(top, "ui.mouse"));
    assert_string_equal(bw_config_string(shop, "host"), "prod.db");
    assert_string_equal(bw_config_string(shop, "type"), "postgres");
    assert_int_equal(bw_config_count(c, "syncs"), 1);
    bw_origin o = bw_config_origin(shop, "host");
    assert_int_equal(o.kind, BW_ORIGIN_FILE);
    assert_int_equal(o.line, 7);
    assert_string_equal(o.profile, "prod");
    o = bw_config_origin(top, "log.level");
    assert_int_equal(o.kind, BW_ORIGIN_OPTION);
    assert_string_equal(o.text, "--log-level");
    assert_int_equal(bw_config_origin(shop, "port").kind, BW_ORIGIN_DEFAULT);
    assert_int_equal(bw_config_origin(top, "log.file").kind, BW_ORIGIN_NONE);
    bw_config_free(c);

    input.profile = "prdo";
    check_problems_with(input, bw_slice_cstr(PROFILES),
                        "there is no profile prdo\n  HINT: Did you mean prod?\n");
    const bw_config_override wrong = {"log.level", "loud", "--log-level"};
    check_problems_with(
        (bw_config_input){.overrides = &wrong, .n_overrides = 1}, bw_slice_cstr(GOOD),
        "--log-level: log.level must be one of error, warn, info, debug, not loud\n");
}

static void the_other_profiles_are_checked_too(void **state)
{
    (void)state;
    check_problems("dataset: a\n"
                   "sources: {shop: {type: postgres, host: db}}\n"
                   "profiles:\n"
                   "  prod:\n"
                   "    datset: p\n"
                   "    sources: {shop: {prot: 1, port: x}}\n"
                   "    profiles: {}\n"
                   "  test: []\n",
                   "b.yaml:5:5: unknown key datset\n"
                   "  HINT: Did you mean dataset?\n"
                   "b.yaml:6:22: unknown key sources.shop.prot\n"
                   "  HINT: Did you mean port?\n"
                   "b.yaml:6:37: sources.shop.port must be a whole number from 1 to 65535, not x\n"
                   "b.yaml:7:5: unknown key profiles\n"
                   "  HINT: Known here: project, dataset, state_dir, log, ui, engine, sources, "
                   "syncs.\n"
                   "b.yaml:8:9: the configuration must be a map of settings\n"
                   "  HINT: Begin with \"project: ...\".\n");
    /* What a profile covers is still checked. */
    check_problems_with((bw_config_input){.profile = "prod"},
                        bw_slice_cstr("dataset: []\nprofiles: {prod: {dataset: p}}\n"),
                        "b.yaml:1:10: dataset must be a text, not a list\n");
}

static void secrets_are_never_printed(void **state)
{
    (void)state;
    bw_config *c =
        load("dataset: a\nsources:\n"
             "  a: {type: postgres, host: h, password: hunter2}\n"
             "  b: {type: postgres, host: h, password: \"file:pw\"}\n"
             "  c: {type: postgres, host: \"${HOME}\", password: \"${SHOP_PASSWORD}\"}\n");
    static const char *const want[][2] = {
        {"a", "postgres|h|5432|\"***\"|30s|"},
        {"b", "postgres|h|5432|file:pw|30s|"},
        {"c", "postgres|/home/op|5432|\"***\"|30s|"},
    };
    for (size_t i = 0; i < BW_COUNT(want); i++) {
        const bw_config_node *n = bw_config_find(c, "sources", want[i][0]);
        bw_buf out = BW_BUF_INIT;
        for (size_t k = 0; k < bw_config_node_count(n); k++) {
            bw_config_value_yaml(n, k, &out);
            bw_buf_addc(&out, '|');
        }
        assert_string_equal(bw_buf_cstr(&out), want[i][1]);
        bw_buf_fini(&out);
    }
    bw_config_free(c);
    check_problems("dataset: a\nsources: {a: {type: mongodb, uri: [hunter2]},\n"
                   " b: {type: mongodb, uri: \"secret:hunter2\"}}\n",
                   "b.yaml:2:35: sources.a.uri must be a secret, file:PATH or "
                   "secret:projects/P/secrets/S, not a list\n"
                   "b.yaml:3:34: sources.b.uri does not name a secret after secret:\n"
                   "  HINT: Write secret:projects/P/secrets/S.\n");
}

static void what_connects_to_nothing_needs_no_secrets(void **state)
{
    (void)state;
    bw_config_input input = {.without_secrets = true};
    bw_config *c =
        load_with(input, "dataset: a\nsources: {a: {type: mongodb, uri: \"${NOPE}\"}}\n");
    assert_int_equal(bw_config_secret(bw_config_find(c, "sources", "a"), "uri").kind,
                     BW_SECRET_NONE);
    bw_config_free(c);
    check_problems_with(input, BW_SLICE_LIT("dataset: ${NOPE}\n"),
                        "b.yaml:1:10: dataset needs the environment variable NOPE, which is not "
                        "set\n  HINT: Set NOPE, or give a default: ${NOPE:-...}.\n");
}

static void printed_values_read_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"plain",  "a b",      "a : b", "x: y", "a ",      " a",
                                        "a:",     "a #b",     "no",    "1",    "a: b",    "#x",
                                        "'q'",    "\"q\"",    "- x",   "*",    "${PORT}", "$${A}",
                                        "tab\tx", "http://h", "世界",  "a\nb", "~",       "{a}"};
    for (size_t i = 0; i < BW_COUNT(texts); i++) {
        bw_config_override o = {"dataset", texts[i], "-x"};
        bw_config *c = load_with((bw_config_input){.overrides = &o, .n_overrides = 1}, "");
        bw_buf yaml = BW_BUF_INIT;
        bw_buf_adds(&yaml, "{dataset: ");
        bw_config_value_yaml(bw_config_top(c), 1, &yaml);
        bw_buf_adds(&yaml, "}");
        bw_config_free(c);
        c = load(bw_buf_cstr(&yaml));
        assert_string_equal(bw_config_string(bw_config_top(c), "dataset"), texts[i]);
        bw_config_free(c);
        bw_buf_fini(&yaml);
    }
}

static void many_keys_are_no_problem(void **state)
{
    (void)state;
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_config *c = NULL;
    bw_buf text = BW_BUF_INIT;
    for (int i = 0; i < 100000; i++)
        bw_buf_addf(&text, "k%d:\n", i);
    bw_buf_adds(&text, "k99999: again\n");
    assert_int_equal(
        bw_config_parse(&schema, NULL, "b.yaml", bw_buf_slice(&text), &c, &problems, &err),
        BW_INVALID);
    assert_int_equal(problems.count, 200);
    assert_int_equal(problems.count + problems.left_off, 100002);
    bw_config_problems_fini(&problems);
    bw_buf_fini(&text);
}

/* ---- files ---- */

static char dir[] = "/tmp/bw-test-config-XXXXXX";
static char home_config[128];

static const char *file_env(void *user, const char *name)
{
    if (strcmp(name, "XDG_CONFIG_HOME") == 0)
        return dir;
    if (strcmp(name, "BRIDGEWATCH_CONFIG") == 0)
        return user;
    return strcmp(name, "HOME") == 0 ? "/nonexistent" : NULL;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void check_found(const char *option, char *variable, const char *want)
{
    bw_config_input input = {.file = option, .env = file_env, .env_user = variable};
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_config *c = NULL;
    assert_ok(bw_config_load(&schema, &input, &c, &problems, &err), err);
    assert_string_equal(bw_config_file(c), want);
    bw_config_free(c);
    bw_config_problems_fini(&problems);
}

static void files_are_found_in_order(void **state)
{
    (void)state;
    char one[128], two[128], before[4096];
    bw_config_problems problems = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_config *c = NULL;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    snprintf(one, sizeof(one), "%s/one.yaml", dir);
    snprintf(two, sizeof(two), "%s/two.yaml", dir);
    snprintf(home_config, sizeof(home_config), "%s/bridgewatch", dir);
    bw_config_input input = {.env = file_env};
    assert_int_equal(bw_config_load(&schema, &input, &c, &problems, &err), BW_NOT_FOUND);
    assert_string_equal(err.message, "there is no configuration");
    assert_int_equal(problems.count, 1);
    bw_config_problems_fini(&problems);
    input.optional = true;
    assert_ok(bw_config_load(&schema, &input, &c, &problems, &err), err);
    assert_null(bw_config_file(c));
    assert_int_equal(bw_config_int(bw_config_top(c), "engine.workers"), 4);
    bw_config_free(c);

    assert_int_equal(mkdir(home_config, 0700), 0);
    snprintf(home_config, sizeof(home_config), "%s/bridgewatch/bridgewatch.yaml", dir);
    write_file(home_config, GOOD);
    check_found(NULL, NULL, home_config);
    write_file("bridgewatch.yaml", GOOD);
    check_found(NULL, NULL, "bridgewatch.yaml");
    write_file(two, GOOD);
    check_found(NULL, two, two);
    write_file(one, GOOD);
    check_found(one, two, one);

    input.file = "missing.yaml";
    assert_int_equal(bw_config_load(&schema, &input, &c, &problems, &err), BW_NOT_FOUND);
    assert_string_equal(err.message, "there is no configuration file missing.yaml");
    input.file = dir;
    assert_int_equal(bw_config_load(&schema, &input, &c, &problems, &err), BW_IO);
    bw_config_problems_fini(&problems);

    /* A secret's file is named relative to the configuration. */
    write_file("pw", "hun ter2\r\n");
    write_file(one, "dataset: a\nsources: {a: {type: mongodb, uri: \"file:pw\"}}\n");
    input.file = one;
    assert_ok(bw_config_load(&schema, &input, &c, &problems, &err), err);
    char *secret;
    assert_int_equal(chdir(before), 0);
    assert_ok(
        bw_secret_read(bw_config_secret(bw_config_find(c, "sources", "a"), "uri"), &secret, &err),
        err);
    assert_string_equal(secret, "hun ter2");
    free(secret);
    bw_config_free(c);
    bw_secret missing = {BW_SECRET_FILE, "/nonexistent/secret"};
    assert_int_equal(bw_secret_read(missing, &secret, &err), BW_NOT_FOUND);
    assert_null(secret);
    bw_secret reference = {BW_SECRET_REFERENCE, "projects/p/secrets/s"};
    assert_int_equal(bw_secret_read(reference, &secret, &err), BW_UNSUPPORTED);

    snprintf(two, sizeof(two), "rm -r %s", dir);
    assert_int_equal(system(two), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_the_type_of_their_setting),
        cmocka_unit_test(everything_wrong_is_reported_at_once),
        cmocka_unit_test(structures_are_checked),
        cmocka_unit_test(syntax_errors_have_a_place),
        cmocka_unit_test(what_hides_meaning_is_refused),
        cmocka_unit_test(variables_are_expanded),
        cmocka_unit_test(profiles_and_options_lie_over_the_file),
        cmocka_unit_test(the_other_profiles_are_checked_too),
        cmocka_unit_test(secrets_are_never_printed),
        cmocka_unit_test(what_connects_to_nothing_needs_no_secrets),
        cmocka_unit_test(printed_values_read_back),
        cmocka_unit_test(many_keys_are_no_problem),
        cmocka_unit_test(files_are_found_in_order),
    };
    return BW_RUN_TESTS(tests);
}
