/* Cloud Logging: what is written, what is refused, and what a filter finds. */
#include "tests/integration/sandbox/fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/core/clock.h"
#include "backend/core/text.h"

#define HEAD "\"logName\":\"projects/%s/logs/bw\",\"resource\":{\"type\":\"global\"}"

static int write_entries(fixture *f, const char *project, const char *members, const char *entries)
{
    char *body = bw_xasprintf("{" HEAD "%s,\"entries\":[%s]}", project, members, entries);
    int status = bw_test_http_json(f->http, "POST", "/v2/entries:write", "%s", body);
    free(body);
    return status;
}

static int list_entries(fixture *f, const char *project, const char *filter, const char *members)
{
    bw_buf text = BW_BUF_INIT;
    bw_json_add_string(&text, bw_slice_cstr(filter));
    int status = bw_test_http_json(f->http, "POST", "/v2/entries:list",
                                   "{\"resourceNames\":[\"projects/%s\"],\"filter\":%s%s}", project,
                                   bw_buf_cstr(&text), members);
    bw_buf_fini(&text);
    return status;
}

/* The insertIds of the answer, each followed by a space. Borrowed until the next call. */
static const char *found(fixture *f, char out[512])
{
    char path[64];
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof path, "entries.%d.insertId", i);
        const char *id = bw_test_json_at(bw_test_http_body(f->http), path);
        if (!*id)
            break;
        n += (size_t)snprintf(out + n, 512 - n, "%s ", id);
    }
    return out;
}

/* The time `seconds` before now. */
static const char *ago(int seconds, char out[40])
{
    time_t t = (time_t)(bw_wall_us(bw_clock_system()) / BW_SECOND) - seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

static void entries_come_back_as_they_were(void **state)
{
    fixture *f = *state;
    assert_int_equal(
        write_entries(f, "back", ",\"labels\":{\"all\":\"1\",\"own\":\"0\"}",
                      "{\"insertId\":\"a\",\"severity\":400,\"labels\":{\"own\":\"2\"},"
                      "\"jsonPayload\":{\"big\":12345678901234567890,\"s\":\"\\u00e9\"},"
                      "\"trace\":\"t\"}"),
        200);
    assert_string_equal(bw_test_http_body(f->http), "{}");
    assert_int_equal(list_entries(f, "back", "", ""), 200);
    assert_body_at(f, "entries.0.insertId", "a");
    assert_body_at(f, "entries.0.severity", "WARNING");
    assert_body_at(f, "entries.0.labels.all", "1");
    assert_body_at(f, "entries.0.labels.own", "2");
    assert_body_at(f, "entries.0.jsonPayload.big", "12345678901234567890");
    assert_body_at(f, "entries.0.trace", "t");
    assert_body_at(f, "entries.0.resource.type", "global");
    assert_body_at(f, "entries.0.logName", "projects/back/logs/bw");
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "entries.0.timestamp"));
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "entries.0.receiveTimestamp"));
    /* Somebody else's project stays empty. */
    assert_int_equal(list_entries(f, "back2", "", ""), 200);
    assert_string_equal(bw_test_http_body(f->http), "{\"entries\":[]}");
}

static void an_insert_id_counts_once(void **state)
{
    fixture *f = *state;
    char when[40], entry[160], out[512];
    snprintf(entry, sizeof entry,
             "{\"insertId\":\"once\",\"timestamp\":\"%s\",\"textPayload\":\"x\"}", ago(60, when));
    assert_int_equal(write_entries(f, "once", "", entry), 200);
    assert_int_equal(write_entries(f, "once", "", entry), 200);
    /* Without an id each is its own. */
    assert_int_equal(
        write_entries(f, "once", "", "{\"textPayload\":\"x\"},{\"textPayload\":\"x\"}"), 200);
    assert_int_equal(list_entries(f, "once", "", ""), 200);
    assert_int_equal(strncmp(found(f, out), "once ", 5), 0);
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "entries.2"));
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "entries.3"));
}

static void bad_entries_are_told_by_index(void **state)
{
    fixture *f = *state;
    static const char mixed[] =
        "{\"insertId\":\"good\",\"textPayload\":\"x\"},"
        "{\"textPayload\":\"x\",\"jsonPayload\":{}},{\"severity\":\"LOUD\",\"textPayload\":\"x\"}";
    assert_int_equal(write_entries(f, "mixed", "", mixed), 400);
    assert_body_at(f, "error.status", "INVALID_ARGUMENT");
    assert_body_at(f, "error.details.0.@type",
                   "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors");
    assert_body_at(f, "error.details.0.logEntryErrors.1.code", "3");
    assert_body_at(f, "error.details.0.logEntryErrors.2.code", "3");
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "error.details.0.logEntryErrors.0"));
    list_entries(f, "mixed", "", "");
    assert_string_equal(bw_test_http_body(f->http), "{\"entries\":[]}");
    assert_int_equal(write_entries(f, "mixed", ",\"partialSuccess\":true", mixed), 400);
    list_entries(f, "mixed", "", "");
    assert_body_at(f, "entries.0.insertId", "good");
    assert_int_equal(write_entries(f, "dry", ",\"dryRun\":true", "{\"textPayload\":\"x\"}"), 200);
    list_entries(f, "dry", "", "");
    assert_string_equal(bw_test_http_body(f->http), "{\"entries\":[]}");
}

static void requests_are_checked(void **state)
{
    fixture *f = *state;
    static const char *const wrong[] = {
        "{}",
        "{\"entries\":{}}",
        "{\"entries\":[1]}",
        "{\"entries\":[{\"logName\":\"projects/p/logs/a\",\"textPayload\":\"no resource\"}]}",
        "{\"resource\":{\"type\":\"global\"},\"entries\":[{\"textPayload\":\"no name\"}]}",
        "{\"logName\":\"bw\",\"entries\":[]}",
        "{\"logName\":\"projects/p/logs/a/b\",\"resource\":{\"type\":\"global\"},"
        "\"entries\":[{\"textPayload\":\"slash\"}]}",
        "{\"logName\":\"projects/p/logs/a\",\"resource\":{\"type\":\"global\"},"
        "\"entries\":[{\"textPayload\":\"x\",\"timestamp\":\"yesterday\"}]}",
        "{\"logName\":\"projects/p/logs/a\",\"resource\":{\"type\":\"global\"},\"entries\":[{}]}",
        "[1]",
        "{\"entries\":",
    };
    for (size_t i = 0; i < BW_COUNT(wrong); i++) {
        if (bw_test_http_json(f->http, "POST", "/v2/entries:write", "%s", wrong[i]) != 400)
            fail_msg("%s: %s", wrong[i], bw_test_http_body(f->http));
        assert_body_at(f, "error.status", "INVALID_ARGUMENT");
    }
    /* 256 KiB is the limit of an entry. */
    char *large = bw_xcalloc(1, (256 << 10) + 64);
    memset(large, 'x', 256 << 10);
    char *entry = bw_xasprintf("{\"textPayload\":\"%s\"},{\"textPayload\":\"small\"}", large);
    assert_int_equal(write_entries(f, "large", "", entry), 400);
    assert_true(bw_test_json_has(bw_test_http_body(f->http), "error.details.0.logEntryErrors.0"));
    assert_false(bw_test_json_has(bw_test_http_body(f->http), "error.details.0.logEntryErrors.1"));
    free(entry);
    free(large);
}

static void fill(fixture *f, const char *project)
{
    char when[5][40];
    char *entries = bw_xasprintf(
        "{\"insertId\":\"e1\",\"timestamp\":\"%s\",\"severity\":\"ERROR\",\"labels\":{\"a "
        "b\":\"x\"},"
        "\"jsonPayload\":{\"n\":10,\"id\":9007199254740993,\"tags\":[\"red\",\"blue\"],"
        "\"in\":{\"k\":\"Deep\"}}},"
        "{\"insertId\":\"e2\",\"timestamp\":\"%s\",\"severity\":\"INFO\","
        "\"jsonPayload\":{\"n\":9,\"id\":9007199254740992}},"
        "{\"insertId\":\"e3\",\"timestamp\":\"%s\",\"textPayload\":\"The quick fox\"},"
        "{\"insertId\":\"e4\",\"timestamp\":\"%s\",\"severity\":\"CRITICAL\","
        "\"logName\":\"projects/%s/logs/other%%2Flog\",\"textPayload\":\"slow\"}",
        ago(400, when[0]), ago(300, when[1]), ago(200, when[2]), ago(100, when[3]), project);
    assert_int_equal(write_entries(f, project, "", entries), 200);
    free(entries);
}

static void filters_find(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *filter, *found;
    } cases[] = {
        {"", "e1 e2 e3 e4 "},
        {"severity>=ERROR", "e1 e4 "},
        {"severity = info", "e2 "},
        {"severity < INFO", "e3 "},
        {"severity=(ERROR OR CRITICAL)", "e1 e4 "},
        {"logName=\"projects/filters/logs/bw\"", "e1 e2 e3 "},
        {"log_id(\"other/log\")", "e4 "},
        {"labels.\"a b\"=\"x\"", "e1 "},
        {"jsonPayload.n > 9", "e1 "},
        {"jsonPayload.n=9", "e2 "},
        {"jsonPayload.id=9007199254740993", "e1 "},
        {"jsonPayload.in.k=deep", "e1 "},
        {"jsonPayload.in.k=~\"^D.*p$\"", "e1 "},
        {"jsonPayload.in.k=~\"^d\"", ""},
        {"jsonPayload.tags=\"blue\"", "e1 "},
        {"jsonPayload.n:*", "e1 e2 "},
        {"json_payload.n:*", "e1 e2 "},
        {"textPayload:QUICK", "e3 "},
        {"quick", "e3 "},
        {"\"quick fox\" OR slow", "e3 e4 "},
        {"NOT jsonPayload.n:* AND -severity=CRITICAL", "e3 "},
        /* OR binds tighter than AND. */
        {"severity=ERROR OR severity=INFO AND jsonPayload.n=9", "e2 "},
        {"(severity=ERROR) OR (severity=INFO AND jsonPayload.n=9)", "e1 e2 "},
        {"severity>=ERROR -- with a comment\n textPayload:slow", "e4 "},
        {"resource.type=\"global\" AND insertId=e3", "e3 "},
        {"jsonPayload.absent=1", ""},
        {"timestamp<\"1999-01-01T00:00:00Z\"", ""},
        {"timestamp>=\"1999-01-01\"", "e1 e2 e3 e4 "},
    };
    char out[512];
    fill(f, "filters");
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        if (list_entries(f, "filters", cases[i].filter, "") != 200)
            fail_msg("%s: %s", cases[i].filter, bw_test_http_body(f->http));
        if (strcmp(found(f, out), cases[i].found) != 0)
            fail_msg("%s finds %s, not %s", cases[i].filter, out, cases[i].found);
    }
    char filter[128], low[40], high[40];
    snprintf(filter, sizeof filter, "timestamp>=\"%s\" AND timestamp<\"%s\"", ago(350, low),
             ago(150, high));
    assert_int_equal(list_entries(f, "filters", filter, ""), 200);
    assert_string_equal(found(f, out), "e2 e3 ");
    static const char *const wrong[] = {
        "severity>=", "severity=LOUD",     "(a",     "a)",
        "foo=1",      "timestamp>now",     "\"open", "sample(insertId, 0.1)",
        "labels.=x",  "textPayload=~\"(\""};
    for (size_t i = 0; i < BW_COUNT(wrong); i++) {
        if (list_entries(f, "filters", wrong[i], "") != 400)
            fail_msg("%s: %s", wrong[i], bw_test_http_body(f->http));
    }
}

static void pages_follow_the_order(void **state)
{
    fixture *f = *state;
    char out[512], members[200];
    static const char *const orders[][3] = {{"timestamp asc", "e1 e2 e3 ", "e4 "},
                                            {"timestamp desc", "e4 e3 e2 ", "e1 "}};
    for (size_t i = 0; i < BW_COUNT(orders); i++) {
        bw_test_http_json(f->http, "POST", "/sandbox/reset", NULL);
        fill(f, "pages");
        snprintf(members, sizeof members, ",\"orderBy\":\"%s\",\"pageSize\":3", orders[i][0]);
        assert_int_equal(list_entries(f, "pages", "", members), 200);
        assert_string_equal(found(f, out), orders[i][1]);
        char *token = bw_xstrdup(bw_test_json_at(bw_test_http_body(f->http), "nextPageToken"));
        assert_true(strlen(token) > 0);
        /* What arrives between two pages does not shift them. */
        write_entries(f, "pages", "", "{\"severity\":\"DEBUG\",\"textPayload\":\"late\"}");
        snprintf(members, sizeof members, ",\"orderBy\":\"%s\",\"pageSize\":3,\"pageToken\":\"%s\"",
                 orders[i][0], token);
        assert_int_equal(list_entries(f, "pages", "severity!=DEBUG", members), 200);
        assert_string_equal(found(f, out), orders[i][2]);
        assert_false(bw_test_json_has(bw_test_http_body(f->http), "nextPageToken"));
        free(token);
    }
    assert_int_equal(list_entries(f, "pages", "", ",\"orderBy\":\"severity\""), 400);
    assert_int_equal(list_entries(f, "pages", "", ",\"pageSize\":1001"), 400);
    assert_int_equal(list_entries(f, "pages", "", ",\"pageToken\":\"nonsense\""), 400);
    assert_int_equal(bw_test_http_json(f->http, "POST", "/v2/entries:list", "{}"), 400);
    assert_int_equal(bw_test_http_json(f->http, "POST", "/v2/entries:list",
                                       "{\"resourceNames\":[\"organizations/1\"]}"),
                     400);
}

static void logs_are_listed_and_deleted(void **state)
{
    fixture *f = *state;
    fill(f, "logs");
    assert_int_equal(bw_test_http_get(f->http, "/v2/projects/logs/logs"), 200);
    assert_body_at(f, "logNames.0", "projects/logs/logs/bw");
    assert_body_at(f, "logNames.1", "projects/logs/logs/other%2Flog");
    assert_int_equal(
        bw_test_http_json(f->http, "DELETE", "/v2/projects/logs/logs/other%2Flog", NULL), 200);
    assert_int_equal(
        bw_test_http_json(f->http, "DELETE", "/v2/projects/logs/logs/other%2Flog", NULL), 404);
    char out[512];
    list_entries(f, "logs", "", "");
    assert_string_equal(found(f, out), "e1 e2 e3 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_back_as_they_were),
        cmocka_unit_test(an_insert_id_counts_once),
        cmocka_unit_test(bad_entries_are_told_by_index),
        cmocka_unit_test(requests_are_checked),
        cmocka_unit_test(filters_find),
        cmocka_unit_test(pages_follow_the_order),
        cmocka_unit_test(logs_are_listed_and_deleted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
