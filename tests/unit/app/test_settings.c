/*
 * Covers: app/settings, app/config_text. The example of the public interface is understood, every
 * setting is documented and has a default that reads back, and what `config` prints is itself a
 * configuration.
 */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "app/config_text.h"
#include "app/settings.h"

static const char example[] = "project: my-project\n"
                              "dataset: analytics\n"
                              "location: US\n"
                              "credentials: adc\n"
                              "endpoints: {bigquery: \"http://127.0.0.1:9050\"}\n"
                              "environment: {label: PROD, colour: red, confirm: type}\n"
                              "state_dir: /var/lib/bridgewatch\n"
                              "log: {level: info, format: text, file: /var/log/bridgewatch.log}\n"
                              "ui: {theme: dark, refresh: 1s, mouse: true, keys: {}}\n"
                              "engine: {workers: 4, memory: 256MiB, shutdown_timeout: 30s}\n"
                              "\n"
                              "sources:\n"
                              "  shop:\n"
                              "    type: postgres\n"
                              "    host: db.example.com\n"
                              "    port: 5432\n"
                              "    database: shop\n"
                              "    user: reader\n"
                              "    password: ${SHOP_PASSWORD}\n"
                              "    tls: verify-full\n"
                              "    connect_timeout: 30s\n"
                              "\n"
                              "syncs:\n"
                              "  - {source: shop, table: public.orders}\n"
                              "  - source: shop\n"
                              "    table: \"public.*\"\n"
                              "    exclude: [public.audit_*]\n"
                              "  - source: shop\n"
                              "    table: public.payments\n"
                              "    name: shop.payments\n"
                              "    target: payments\n"
                              "    mode: upsert\n"
                              "    key: [id]\n"
                              "    cursor: updated_at\n"
                              "    lookback: 60s\n"
                              "    columns: [id, amount, status, updated_at]\n"
                              "    schedule: every 1m\n"
                              "    freshness: {target: 5m}\n"
                              "    backfill: all\n"
                              "    raw: true\n"
                              "    partition: {field: created_at, by: day}\n"
                              "    cluster: [customer_id]\n"
                              "    batch: {rows: 1000000, bytes: 1GiB}\n"
                              "    max_dead_letters: 100\n"
                              "    stall_timeout: 10m\n"
                              "    deletes: ignore\n"
                              "    max_bytes_per_day: 1TiB\n";

static const char *env(void *user, const char *name)
{
    (void)user;
    if (strcmp(name, "SHOP_PASSWORD") == 0)
        return "hunter2";
    return strcmp(name, "HOME") == 0 ? "/home/op" : NULL;
}

static bw_status parse(bw_settings *s, const char *text, bw_config **out, bw_buf *problems)
{
    bw_config_input input = {.env = env};
    bw_config_problems p = BW_CONFIG_PROBLEMS_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_status status =
        bw_config_parse(bw_settings_init(s), &input, "b.yaml", bw_slice_cstr(text), out, &p, &err);
    bw_config_problems_format(&p, problems);
    bw_buf_cstr(problems);
    bw_config_problems_fini(&p);
    return status;
}

static bw_config *load(bw_settings *s, const char *text)
{
    bw_buf problems = BW_BUF_INIT;
    bw_config *c = NULL;
    if (parse(s, text, &c, &problems) != BW_OK)
        fail_msg("%s", problems.ptr);
    bw_buf_fini(&problems);
    return c;
}

static void the_published_example_is_understood(void **state)
{
    (void)state;
    bw_settings s;
    bw_config *c = load(&s, example);
    assert_int_equal(bw_config_count(c, "sources"), 1);
    assert_int_equal(bw_config_count(c, "syncs"), 3);
    const bw_config_node *n = bw_config_at(c, "syncs", 2);
    assert_string_equal(bw_config_string(n, "mode"), "upsert");
    assert_int_equal(bw_config_duration(n, "freshness.target"), 5 * BW_MINUTE);
    assert_int_equal(bw_config_size(n, "batch.bytes"), 1 << 30);
    bw_config_free(c);
}

/* What bw_config_text printed, read again, is the same configuration. */
static void what_is_printed_reads_back(void **state)
{
    (void)state;
    bw_settings s;
    bw_buf once = BW_BUF_INIT, twice = BW_BUF_INIT;
    bw_config *c = load(&s, example);
    bw_config_text(c, &once);
    bw_config_free(c);
    assert_null(strstr(bw_buf_cstr(&once), "hunter2"));
    assert_non_null(strstr(once.ptr, "    password: \"***\""));
    assert_non_null(strstr(once.ptr, "# b.yaml:19, from SHOP_PASSWORD\n"));
    assert_non_null(strstr(once.ptr, "late_commit_limit: 1h                       # default\n"));
    c = load(&s, once.ptr);
    bw_config_text(c, &twice);
    bw_config_free(c);
    bw_buf_cstr(&twice);
    /* The same but for the comments. */
    for (char *a = once.ptr, *b = twice.ptr; *a || *b;
         a += strcspn(a, "\n") + 1, b += strcspn(b, "\n") + 1) {
        size_t n = strcspn(a, "#\n");
        assert_int_equal(n, strcspn(b, "#\n"));
        assert_memory_equal(a, b, n);
    }
    bw_buf_fini(&once);
    bw_buf_fini(&twice);
}

/* Takes the comment signs off the settings: "#key" and "#  key" are settings, "# Text" is not. */
static void uncomment(const char *text, bw_buf *out)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n") + 1;
        bool setting = p[0] == '#' && (p[1] != ' ' || p[2] == ' ');
        bw_buf_add(out, p + setting, n - setting);
        p += n;
    }
    bw_buf_cstr(out);
}

static void the_reference_is_a_configuration(void **state)
{
    (void)state;
    bw_settings s;
    bw_buf text = BW_BUF_INIT, all = BW_BUF_INIT;
    bw_config_reference(bw_settings_init(&s), &text);
    bw_config *c = load(&s, bw_buf_cstr(&text));
    assert_int_equal(bw_config_count(c, "syncs"), 1);
    assert_false(bw_config_given(bw_config_top(c), "engine.workers"));
    bw_config_free(c);
    uncomment(text.ptr, &all);
    c = load(&s, all.ptr);
    assert_true(bw_config_given(bw_config_top(c), "engine.workers"));
    assert_int_equal(bw_config_count(c, "syncs"), 2); /* of a table, of a subscription */
    const bw_config_node *sync = bw_config_at(c, "syncs", 0), *stream = bw_config_at(c, "syncs", 1);
    for (size_t i = 0; i < bw_config_node_count(stream); i++) {
        const bw_setting *setting = bw_config_node_setting(stream, i);
        bool common = i < bw_config_node_count(sync);
        if (!setting->same_as && !bw_config_given(common ? sync : stream, setting->path))
            fail_msg("the reference does not show %s", setting->path);
    }
    bw_config_free(c);
    bw_buf_fini(&text);
    bw_buf_fini(&all);
}

static void check_table(const bw_setting_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const bw_setting *s = &t->items[i];
        const char *dot = strchr(s->path, '.');
        if (!s->same_as && !(s->help && (s->fallback || s->example)))
            fail_msg("%s needs a help and an example", s->path);
        if (s->required && s->fallback)
            fail_msg("%s is required and has a default", s->path);
        if (dot && strchr(dot + 1, '.'))
            fail_msg("%s is nested too deeply to be printed", s->path);
        for (size_t k = 0; k < i; k++)
            if (strcmp(t->items[k].path, s->path) == 0)
                fail_msg("%s is there twice", s->path);
        /* Settings of a group stand together, or they would be printed apart. */
        for (size_t k = 0; dot && k + 1 < i; k++)
            if (strncmp(t->items[k].path, s->path, (size_t)(dot - s->path) + 1) == 0 &&
                strncmp(t->items[i - 1].path, s->path, (size_t)(dot - s->path) + 1) != 0)
                fail_msg("%s stands apart from its group", s->path);
    }
}

static void every_setting_is_documented(void **state)
{
    (void)state;
    bw_settings s;
    const bw_config_schema *schema = bw_settings_init(&s);
    for (size_t i = 0; i < schema->n_tables; i++)
        check_table(&schema->tables[i]);
    for (size_t i = 0; i < schema->n_sections; i++) {
        const bw_config_section *section = &schema->sections[i];
        for (size_t k = 0; k < section->n_tables; k++)
            check_table(&section->tables[k]);
        for (size_t k = 0; k < section->n_variants; k++)
            check_table(&section->variants[k].settings);
    }
}

#define ONE_READER                                                                     \
    "  HINT: Each message of a subscription comes to one reader only: create another " \
    "subscription of the same topic.\n"

static void check_problems(const char *text, const char *want)
{
    bw_settings s;
    bw_buf got = BW_BUF_INIT;
    bw_config *c = NULL;
    assert_int_equal(parse(&s, text, &c, &got), BW_INVALID);
    assert_string_equal(got.ptr, want);
    bw_buf_fini(&got);
}

static void contradictions_are_found(void **state)
{
    (void)state;
    check_problems(
        "dataset: a\n"
        "endpoints: {bigquery: localhost:9050}\n"
        "sources: {shop: {type: postgres}}\n"
        "syncs:\n"
        "- {source: shop, table: \"p.*\", target: x, key: [id]}\n"
        "- {source: shop, table: p.t, partition: {by: day}}\n"
        "- {source: shop, table: p.u, mode: append, only_if_empty: true}\n"
        "- {source: shop, table: p.v, mode: events, deletes: reconcile}\n",
        "b.yaml:2:23: endpoints.bigquery must be a URL\n"
        "  HINT: Write http://HOST:PORT or https://HOST.\n"
        "b.yaml:5:40: a pattern stands for many tables and takes no target\n"
        "  HINT: Name the table in an entry of its own.\n"
        "b.yaml:5:48: a pattern stands for many tables and takes no key\n"
        "  HINT: Name the table in an entry of its own.\n"
        "b.yaml:6:46: partition.by needs partition.field\n"
        "  HINT: Write partition: {field: COLUMN, by: day}.\n"
        "b.yaml:7:59: only_if_empty is for mode replace\n"
        "b.yaml:8:36: mode events is for subscriptions, not for sources of type postgres\n"
        "  HINT: Use upsert, append or replace.\n"
        "b.yaml:8:53: this version does not compare keys to find deletes\n"
        "  HINT: Write deletes: ignore; mode: replace sees every delete.\n");
    check_problems("dataset: a\n"
                   "sources: {ps: {type: pubsub}}\n"
                   "syncs:\n"
                   "- {source: ps, table: \"a*\", topic: t, dead_letter_subscription: x}\n"
                   "- {source: ps, table: b, dead_letter_topic: d}\n"
                   "- {source: ps, table: c, max_delivery_attempts: 9, ack_deadline: 10500ms}\n"
                   "- {source: ps, table: d, conflict: {clock_field: version}}\n",
                   "b.yaml:4:36: a pattern stands for many subscriptions and takes no topic\n"
                   "  HINT: Name the subscription in an entry of its own.\n"
                   "b.yaml:4:65: a pattern stands for many subscriptions and takes no "
                   "dead_letter_subscription\n"
                   "  HINT: Name the subscription in an entry of its own.\n"
                   "b.yaml:5:45: messages of a dead-letter topic without a subscription are lost\n"
                   "  HINT: Name its subscription with dead_letter_subscription: NAME.\n"
                   "b.yaml:6:49: max_delivery_attempts needs dead_letter_topic\n"
                   "b.yaml:6:66: ack_deadline must be in whole seconds\n"
                   "b.yaml:7:50: version means something else in an event or an entity\n"
                   "  HINT: Choose a name of its own, such as vector_clock.\n");
    check_problems(
        "dataset: a\nproject: p\n"
        "sources: {ps: {type: pubsub}, other: {type: pubsub, project: q}}\n"
        "audit: {subscription: projects/q/subscriptions/a}\n"
        "syncs:\n"
        "- {source: ps, table: a, dead_letter_subscription: dead}\n"
        "- {source: other, table: a, target: b}\n"
        "- {source: ps, table: c, dead_letter_subscription: dead}\n"
        "- {source: ps, table: projects/p/subscriptions/a, name: d, target: d}\n"
        "- {source: ps, table: \"a*\"}\n",
        "b.yaml:4:23: projects/q/subscriptions/a is read by another entry already\n" ONE_READER
        "b.yaml:8:52: projects/p/subscriptions/dead is read by another entry already\n" ONE_READER
        "b.yaml:9:23: projects/p/subscriptions/a is read by another entry already\n" ONE_READER);
    check_problems("dataset: a\nsources: {shop: {type: postgress}}\nsyncs:\n"
                   "- {source: ship, table: t}\n",
                   "b.yaml:2:24: sources.shop.type: postgress is not known\n"
                   "  HINT: Did you mean postgres?\n"
                   "b.yaml:4:12: syncs[].source: there is no ship in sources\n"
                   "  HINT: Did you mean shop?\n");
}

static void names_that_bigquery_has_not_are_refused(void **state)
{
    (void)state;
    check_problems("\xEF\xBB\xBF"
                   "dataset: a-b\nproject: ../x?y\nsources: {shop: {type: postgres}}\nsyncs:\n"
                   "- {source: shop, table: t, target: \"a`; DROP\"}\n"
                   "- {source: shop, table: u, target: \"Straße 1-a_b\"}\n",
                   "b.yaml:1:10: dataset holds a character that no dataset has in its name\n"
                   "  HINT: Write its name alone, of letters, digits and underscores.\n"
                   "b.yaml:2:10: project holds a character that no project has in its name\n"
                   "  HINT: Write the project's id, as in my-project.\n"
                   "b.yaml:5:36: target holds a character that no BigQuery table has in its name\n"
                   "  HINT: Write the table's name alone, without project or dataset.\n");
}

/* A setting that sources of another type have is no misspelling. */
static void settings_of_another_kind_say_whose_they_are(void **state)
{
    (void)state;
    check_problems(
        "dataset: a\n"
        "sources:\n"
        "  shop: {type: postgres, host: db}\n"
        "  changes: {type: pubsub, host: db}\n"
        "syncs:\n"
        "- {source: shop, table: t, external_events: true, conflict: {strategy: merge}}\n"
        "- {source: shop, table: u, external_evnts: true}\n",
        "b.yaml:4:27: sources.changes.host does not exist for sources of type pubsub\n"
        "  HINT: It is for sources of type postgres.\n"
        "b.yaml:6:28: syncs[].external_events does not exist for sources of type "
        "postgres\n"
        "  HINT: It is for sources of type pubsub.\n"
        "b.yaml:6:51: syncs[].conflict does not exist for sources of type postgres\n"
        "  HINT: It is for sources of type pubsub.\n"
        "b.yaml:7:28: unknown key syncs[].external_evnts\n"
        "  HINT: `bridgewatch config --reference` lists every setting.\n");
}

/* Pasted connection strings: neither the message nor `config` shows the password. */
static void passwords_in_the_wrong_place_are_not_shown(void **state)
{
    (void)state;
    check_problems("dataset: a\n"
                   "endpoints: {bigquery: \"http://joe:hunter2@127.0.0.1:9\"}\n"
                   "sources:\n"
                   "  shop: {type: postgres, host: \"postgres://joe:hunter2@db/shop\"}\n",
                   "b.yaml:2:23: endpoints.bigquery must not hold a user or a password\n"
                   "  HINT: Write http://HOST:PORT or https://HOST.\n"
                   "b.yaml:4:32: sources.shop.host must be the name of a host, not a URL\n"
                   "  HINT: Write host: NAME, and beside it port:, database:, user: and password:; "
                   "take the password out of the file if it was in here.\n");
    bw_settings s;
    bw_buf text = BW_BUF_INIT;
    bw_config *c = load(&s, "dataset: a\nlog: {file: \"ftp://joe:hunter2@host/log\"}\n");
    bw_config_text(c, &text);
    assert_null(strstr(bw_buf_cstr(&text), "hunter2"));
    assert_non_null(strstr(text.ptr, "ftp://joe:***@host/log"));
    bw_config_free(c);
    bw_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_example_is_understood),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(the_reference_is_a_configuration),
        cmocka_unit_test(every_setting_is_documented),
        cmocka_unit_test(contradictions_are_found),
        cmocka_unit_test(names_that_bigquery_has_not_are_refused),
        cmocka_unit_test(settings_of_another_kind_say_whose_they_are),
        cmocka_unit_test(passwords_in_the_wrong_place_are_not_shown),
    };
    return BW_RUN_TESTS(tests);
}
