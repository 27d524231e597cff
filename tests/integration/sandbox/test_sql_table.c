/*
 * GoogleSQL by the table: the files of tests/contract/sql hold statements and what BigQuery's
 * documentation says they give, types included. Each is sent to a sandbox over jobs.query, each file
 * to a dataset of its own named after it, which is also the default dataset. In a file:
 *
 *     # a comment
 *     1 + 1 => INT64 2                    an expression, its type, its value
 *     1 / 0 => ERROR division by zero     a part of "reason: message"
 *
 *     SELECT 1 AS a, 'x' AS b             a statement, up to the line that begins with -->
 *     --> a INT64, b STRING               names and types; then the rows up to an empty line
 *     1 | "x"
 *
 *     DELETE FROM t WHERE id = 1
 *     --> inserted 0 updated 0 deleted 1  (of DML; CREATE, DROP, SKIP, ... of DDL; or ERROR ...)
 *
 * Values: NULL, "strings" with \n \t \" \\, [arrays], {structs}, timestamps in UTC, all others as REST
 * gives them.
 */
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "tests/support/bigquery.h"
#include "tests/support/sandbox.h"

#define CASES  BW_SOURCE_DIR "/tests/contract/sql"
#define JOBS   "/bigquery/v2/projects/p/jobs"
#define PERIOD INT64_C(1000000) /* microseconds in a second */

typedef struct table_file {
    const char *directory;
    char *name; /* without suffix: the dataset */
    bw_test_sandbox **sandbox;
} table_file;

/* ---- What came back, as text -------------------------------------------------------------------- */

static bw_slice member(bw_slice object, const char *name)
{
    return bw_json_member(object, name);
}

static bool is(bw_slice field, const char *name, const char *value)
{
    bw_slice raw = member(field, name);
    return raw.len == strlen(value) + 2 && memcmp(raw.ptr + 1, value, raw.len - 2) == 0;
}

static void add_fields(bw_buf *out, bw_slice fields);

static void add_type(bw_buf *out, bw_slice field)
{
    static const char *const names[][2] = {
        {"INTEGER", "INT64"}, {"FLOAT", "FLOAT64"}, {"BOOLEAN", "BOOL"}};
    bool array = is(field, "mode", "REPEATED");
    bw_slice type = member(field, "type");

    bw_buf_adds(out, array ? "ARRAY<" : "");
    if (is(field, "type", "RECORD")) {
        bw_buf_adds(out, "STRUCT<");
        add_fields(out, member(field, "fields"));
        bw_buf_adds(out, ">");
    } else {
        const char *name = NULL;
        for (size_t i = 0; i < BW_COUNT(names); i++)
            name = is(field, "type", names[i][0]) ? names[i][1] : name;
        bw_buf_add(out, name ? name : type.ptr + 1, name ? strlen(name) : type.len - 2);
        bw_slice element = member(member(field, "rangeElementType"), "type");
        if (element.len > 2)
            bw_buf_addf(out, "<%.*s>", (int)element.len - 2, element.ptr + 1);
    }
    bw_buf_adds(out, array ? ">" : "");
}

/* "a INT64, b STRING" */
static void add_fields(bw_buf *out, bw_slice fields)
{
    bw_json_scan s = bw_json_scan_init(fields);
    bw_json_token t;
    bw_slice field;
    bool first = true;

    for (bw_json_next(&s, &t); bw_json_skip(&s, &field); first = false) {
        bw_slice name = member(field, "name");
        bw_buf_adds(out, first ? "" : ", ");
        bw_buf_add(out, name.ptr + 1, name.len - 2);
        bw_buf_addc(out, ' ');
        add_type(out, field);
    }
}

static void add_string(bw_buf *out, bw_slice raw)
{
    bw_buf text = BW_BUF_INIT;

    assert_true(bw_json_unescape(raw, &text));
    bw_buf_addc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\t' || c == '"' || c == '\\')
            bw_buf_addf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : c);
        else if ((unsigned char)c < ' ')
            bw_buf_addf(out, "\\x%02x", (unsigned)(unsigned char)c);
        else
            bw_buf_addc(out, c);
    }
    bw_buf_addc(out, '"');
    bw_buf_fini(&text);
}

static void add_timestamp(bw_buf *out, bw_slice raw)
{
    long long us = strtoll(raw.ptr + 1, NULL, 10);
    long long part = ((us % PERIOD) + PERIOD) % PERIOD;
    time_t seconds = (time_t)((us - part) / PERIOD);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    bw_buf_addf(out, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (part)
        bw_buf_addf(out, ".%06lld", part);
    while (part && out->ptr[out->len - 1] == '0')
        out->len--;
}

static void add_value(bw_buf *out, bw_slice field, bw_slice raw, bool element);

/* The items of [{"v":...},...]; `fields` is the schema of a row or a STRUCT, or empty. */
static void add_values(bw_buf *out, bw_slice fields, bw_slice field, bw_slice items,
                       const char *separator)
{
    bw_json_scan s = bw_json_scan_init(items), f = bw_json_scan_init(fields);
    bw_json_token t;
    bw_slice item;
    bool first = true;

    if (fields.len)
        bw_json_next(&f, &t);
    for (bw_json_next(&s, &t); bw_json_skip(&s, &item); first = false) {
        if (fields.len)
            assert_true(bw_json_skip(&f, &field));
        bw_buf_adds(out, first ? "" : separator);
        add_value(out, field, member(item, "v"), !fields.len);
    }
}

static void add_value(bw_buf *out, bw_slice field, bw_slice raw, bool element)
{
    if (bw_slice_is(raw, "null")) {
        bw_buf_adds(out, "NULL");
    } else if (!element && is(field, "mode", "REPEATED")) {
        bw_buf_addc(out, '[');
        add_values(out, (bw_slice){0}, field, raw, ", ");
        bw_buf_addc(out, ']');
    } else if (is(field, "type", "RECORD")) {
        bw_buf_addc(out, '{');
        add_values(out, member(field, "fields"), field, member(raw, "f"), ", ");
        bw_buf_addc(out, '}');
    } else if (is(field, "type", "STRING")) {
        add_string(out, raw);
    } else if (is(field, "type", "TIMESTAMP")) {
        add_timestamp(out, raw);
    } else {
        assert_true(bw_json_unescape(raw, out));
    }
}

static void add_rows(bw_buf *out, bw_slice schema, bw_slice rows, const char *between)
{
    bw_json_scan s = bw_json_scan_init(rows);
    bw_json_token t;
    bw_slice row;

    if (!rows.len)
        return;
    for (bw_json_next(&s, &t); bw_json_skip(&s, &row);) {
        bw_buf_adds(out, between);
        add_values(out, schema, schema, member(row, "f"), " | ");
    }
}

/* ---- Sending ------------------------------------------------------------------------------------ */

/* Runs a statement; the outcome in the words of the files. `expression`: type and value alone. */
static void outcome(bw_test_http *http, const char *dataset, const char *sql, bool expression,
                    bw_buf *out)
{
    bw_buf body = BW_BUF_INIT;

    bw_json_add_string(&body, bw_slice_cstr(sql));
    int status = bw_test_http_json(http, "POST", "/bigquery/v2/projects/p/queries",
                                   "{\"query\":%s,\"useLegacySql\":false,\"timeoutMs\":60000,"
                                   "\"defaultDataset\":{\"datasetId\":\"%s\"},"
                                   "\"formatOptions\":{\"useInt64Timestamp\":true}}",
                                   bw_buf_cstr(&body), dataset);
    bw_buf_fini(&body);
    bw_buf_clear(out);
    const char *text = bw_test_http_body(http);
    bw_slice answer = bw_slice_cstr(text);
    bw_slice fields = member(member(answer, "schema"), "fields");
    if (status != 200) {
        bw_buf_addf(out, "ERROR %d %s: %s", status, bw_test_json_at(text, "error.errors.0.reason"),
                    bw_test_json_at(text, "error.message"));
    } else if (bw_test_json_has(text, "dmlStats")) {
        bw_buf_addf(out, "inserted %s updated %s deleted %s",
                    bw_test_json_at(text, "dmlStats.insertedRowCount"),
                    bw_test_json_at(text, "dmlStats.updatedRowCount"),
                    bw_test_json_at(text, "dmlStats.deletedRowCount"));
    } else if (expression) {
        bw_json_scan s = bw_json_scan_init(fields);
        bw_json_token t;
        bw_slice field;
        if (bw_json_next(&s, &t) && bw_json_skip(&s, &field))
            add_type(out, field);
        add_rows(out, fields, member(answer, "rows"), " ");
    } else if (fields.len) {
        add_fields(out, fields);
        add_rows(out, fields, member(answer, "rows"), "\n");
    } else {
        char *job = bw_xstrdup(bw_test_json_at(text, "jobReference.jobId"));
        bw_test_http_get(http, JOBS "/%s", job);
        bw_buf_adds(out, bw_test_json_at(bw_test_http_body(http),
                                         "statistics.query.ddlOperationPerformed"));
        free(job);
    }
}

/* ---- The files ---------------------------------------------------------------------------------- */

static bool holds(const char *expected, const char *got)
{
    if (strncmp(expected, "ERROR", 5) != 0)
        return strcmp(expected, got) == 0;
    /* "ERROR 500 ..." is the sandbox's own failure. */
    return strncmp(got, "ERROR 4", 7) == 0 && strstr(got, expected + 5 + (expected[5] == ' '));
}

typedef struct reading {
    table_file *file;
    bw_test_http *http;
    size_t line, cases, wrong;
} reading;

static void check(reading *r, size_t line, const char *sql, const char *expected, bool expression)
{
    bw_buf got = BW_BUF_INIT;

    outcome(r->http, r->file->name, sql, expression, &got);
    r->cases++;
    if (!holds(expected, bw_buf_cstr(&got))) {
        r->wrong++;
        print_error("%s.sql:%zu: %s\n  expected %s\n  got      %s\n", r->file->name, line, sql,
                    expected, bw_buf_cstr(&got));
    }
    bw_buf_fini(&got);
}

/* The line is "EXPRESSION => OUTCOME"; the last arrow counts. */
static bool check_expression(reading *r, const char *line)
{
    const char *arrow = NULL, *next = line;

    while ((next = strstr(next, " => ")) != NULL)
        arrow = next++;
    if (!arrow)
        return false;
    bool whole = strncmp(line, "SELECT", 6) == 0 || strncmp(line, "WITH", 4) == 0;
    char *sql = bw_xasprintf("%s%.*s", whole ? "" : "SELECT ", (int)(arrow - line), line);
    check(r, r->line, sql, arrow + 4, true);
    free(sql);
    return true;
}

static void read_cases(reading *r, FILE *in)
{
    bw_buf sql = BW_BUF_INIT, expected = BW_BUF_INIT;
    char *line = NULL;
    size_t size = 0, first = 0;
    bool answered = false;

    for (;;) {
        ssize_t n = getline(&line, &size, in);
        r->line++;
        if (n > 0 && line[n - 1] == '\n')
            line[--n] = '\0';
        if (n <= 0 && answered) {
            check(r, first, bw_buf_cstr(&sql), bw_buf_cstr(&expected), false);
            bw_buf_clear(&sql);
            bw_buf_clear(&expected);
            answered = false;
        }
        if (n < 0)
            break;
        if (n == 0 || (line[0] == '#' && !answered))
            continue;
        if (answered) {
            bw_buf_addf(&expected, "\n%s", line);
        } else if (strncmp(line, "-->", 3) == 0) {
            answered = true;
            bw_buf_adds(&expected, line + 3 + (line[3] == ' '));
        } else if (sql.len > 0 || !check_expression(r, line)) {
            first = sql.len > 0 ? first : r->line;
            bw_buf_addf(&sql, "%s%s", sql.len > 0 ? "\n" : "", line);
        }
    }
    if (sql.len > 0)
        fail_msg("%s.sql:%zu: a statement without -->", r->file->name, first);
    free(line);
    bw_buf_fini(&sql);
    bw_buf_fini(&expected);
}

static void a_file_of_statements(void **state)
{
    table_file *file = *state;
    const char *url = bw_test_sandbox_url(*file->sandbox);
    bw_test_bq *bq = bw_test_bq_new(url, "p", file->name);
    reading r = {.file = file, .http = bw_test_bq_http(bq)};
    char *path = bw_xasprintf("%s/%s.sql", file->directory, file->name);
    FILE *in = fopen(path, "r");

    assert_non_null(in);
    read_cases(&r, in);
    fclose(in);
    free(path);
    bw_test_bq_free(bq);
    print_message("%zu cases\n", r.cases);
    assert_true(r.cases > 0);
    assert_int_equal(r.wrong, 0);
}

static int is_case_file(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 4 && strcmp(entry->d_name + n - 4, ".sql") == 0;
}

/* [NAME [DIRECTORY]]: one file alone, or another set of files. */
int main(int argc, char **argv)
{
    const char *directory = argc > 2 ? argv[2] : CASES;
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_case_file, alphasort);
    bw_test_sandbox *sandbox = bw_test_sandbox_start(false, NULL);

    if (count <= 0)
        return 1;
    struct CMUnitTest *tests = bw_xcalloc((size_t)count, sizeof *tests);
    table_file *files = bw_xcalloc((size_t)count, sizeof *files);
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        char *name = entries[i]->d_name;
        name[strlen(name) - 4] = '\0';
        if (argc > 1 && strcmp(argv[1], name) != 0)
            continue;
        files[used] = (table_file){directory, name, &sandbox};
        tests[used] = (struct CMUnitTest){name, a_file_of_statements, NULL, NULL, &files[used]};
        used++;
    }
    int failed = _cmocka_run_group_tests("sql", tests, used, NULL, NULL);
    bw_test_sandbox_free(sandbox);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    free(files);
    free(tests);
    return failed;
}
