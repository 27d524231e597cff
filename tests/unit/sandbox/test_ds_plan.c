/* That queries are walks along an index and not sorts of everything: what SQLite says of their plans.
   Covers: sandbox/ds_query_plan, ds_compile, ds_cursor. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/ds_query.h"

typedef struct fixture {
    ds_store *store;
    bw_arena arena;
    bw_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    int64_t partition, property;
    assert_ok(ds_store_open(NULL, bw_clock_system(), &f->store, &f->err), f->err);
    assert_ok(ds_partition_find(f->store, "p", "", "", true, &partition, &f->err), f->err);
    static const char *const names[] = {"t", "n", "s"};
    for (size_t i = 0; i < BW_COUNT(names); i++)
        assert_ok(ds_property_find(f->store, partition, BW_SLICE_LIT("K"), bw_slice_cstr(names[i]),
                                   true, &property, &f->err),
                  f->err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ds_store_close(f->store);
    bw_arena_fini(&f->arena);
    free(f);
    return 0;
}

/* The plan of a query with ' for ", and of its page behind a row. */
static void plan(fixture *f, const char *text, bool paged, ds_plan *out)
{
    ds_place place = {&f->arena, "p", ""};
    char *json = bw_arena_strdup(&f->arena, text);
    ds_node *node;
    ds_query query;
    ds_layout layout;
    for (char *c = json; *c; c++)
        *c = (char)(*c == '\'' ? '"' : *c);
    assert_ok(ds_json_parse(&f->arena, bw_slice_cstr(json), &node, &f->err), f->err);
    assert_ok(ds_query_parse(f->store, &place, NULL, node, &query, &f->err), f->err);
    if (paged) {
        ds_hit hit = {.path = BW_SLICE_LIT("path")};
        bw_buf cursor = BW_BUF_INIT, bytes = BW_BUF_INIT;
        for (size_t i = 0; i < DS_MAX_COLUMNS; i++)
            hit.values[i] = BW_SLICE_LIT("value");
        assert_ok(ds_query_plan(f->store, &query, false, &f->arena, &layout, out, &f->err), f->err);
        ds_cursor_print(&cursor, &query, layout.count, &hit);
        assert_true(bq_base64_decode(bw_buf_slice(&cursor), &bytes));
        query.start = bw_arena_slice(&f->arena, bw_buf_slice(&bytes));
        bw_buf_fini(&cursor);
        bw_buf_fini(&bytes);
    }
    assert_ok(ds_query_plan(f->store, &query, false, &f->arena, &layout, out, &f->err), f->err);
}

/* What SQLite would do, one step a line. */
static char *explain(fixture *f, const ds_plan *p)
{
    char *sql = bw_xasprintf("EXPLAIN QUERY PLAN %s", p->sql);
    bw_buf steps = BW_BUF_INIT;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(f->store->db->handle, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        bw_buf_addf(&steps, "%s\n", (const char *)sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
    free(sql);
    bw_buf_cstr(&steps);
    return bw_buf_take(&steps);
}

#define K          "'kind':[{'name':'K'}]"
#define BY(...)    ",'order':[" __VA_ARGS__ "]"
#define UP(name)   "{'property':{'name':'" name "'}}"
#define DOWN(name) "{'property':{'name':'" name "'},'direction':2}"
#define IS(name, op) \
    "{'propertyFilter':{'property':{'name':'" name "'},'op':" #op ",'value':{'integerValue':1}}}"
#define WITH(filter) ",'filter':" filter
#define BOTH(a, b)   "{'compositeFilter':{'op':1,'filters':[" a "," b "]}}"

/* The first step of each, for the first page and, where it differs, for the others. */
static const struct {
    const char *query, *first, *others;
} walks[] = {
    {"{" K "}", "SEARCH e USING INDEX ds_entity_kind (partition=? AND kind=?)",
     "SEARCH e USING INDEX ds_entity_kind (partition=? AND kind=? AND key>?)"},
    {"{}", "SEARCH e USING INDEX ds_entity_key (partition=?)",
     "SEARCH e USING INDEX ds_entity_key (partition=? AND key>?)"},
    {"{" K BY(UP("t")) "}", "SEARCH c0 USING PRIMARY KEY (property=?)",
     "SEARCH c0 USING PRIMARY KEY (property=? AND (value,key)>(?,?))"},
    {"{" K BY(UP("t") "," UP("__key__")) "}", "SEARCH c0 USING PRIMARY KEY (property=?)",
     "SEARCH c0 USING PRIMARY KEY (property=? AND (value,key)>(?,?))"},
    {"{" K BY(DOWN("t") "," DOWN("__key__")) "}", "SEARCH c0 USING PRIMARY KEY (property=?)",
     "SEARCH c0 USING PRIMARY KEY (property=? AND (value,key)<(?,?))"},
    {"{" K WITH(IS("t", 3)) "}", "SEARCH c0 USING PRIMARY KEY (property=? AND value>?)", NULL},
    {"{" K WITH(IS("t", 4)) BY(UP("t") "," UP("__key__")) ",'limit':10}",
     "SEARCH c0 USING PRIMARY KEY (property=? AND value>?)", NULL},
    {"{" K WITH(IS("n", 5)) "}", "SEARCH d USING PRIMARY KEY (property=? AND value=?)",
     "SEARCH d USING PRIMARY KEY (property=? AND value=? AND key>?)"},
    {"{" K WITH(BOTH(IS("n", 5), IS("s", 5))) "}",
     "SEARCH d USING PRIMARY KEY (property=? AND value=?)",
     "SEARCH d USING PRIMARY KEY (property=? AND value=? AND key>?)"},
    {"{" K WITH(BOTH(IS("n", 5), IS("t", 3))) BY(UP("t")) "}",
     "SEARCH c0 USING PRIMARY KEY (property=? AND value>?)", NULL},
};

static void queries_walk_along_an_index(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(walks); i++) {
        for (int paged = 0; paged < 2; paged++) {
            ds_plan p;
            plan(f, walks[i].query, paged, &p);
            char *steps = explain(f, &p);
            const char *first = paged && walks[i].others ? walks[i].others : walks[i].first;
            bool bounded = paged && !walks[i].others; /* by the cursor or by the filter */
            if (strstr(steps, "TEMP B-TREE") || strstr(steps, "SCAN ") ||
                (!bounded && strncmp(steps, first, strlen(first)) != 0))
                fail_msg("%s%s is done as\n%sof\n%s", walks[i].query,
                         paged ? ", a later page," : "", steps, p.sql);
            free(steps);
        }
    }
}

/* Where values of the whole kind must be sorted, at least nothing else is walked. */
static void probes_go_by_entity_or_by_value(void **state)
{
    fixture *f = *state;
    ds_plan p;
    plan(f, "{" K WITH(BOTH(IS("n", 5), IS("s", 3))) BY(UP("t") "," UP("n")) "}", true, &p);
    char *steps = explain(f, &p);
    assert_non_null(strstr(steps, "SEARCH x USING PRIMARY KEY (property=? AND value=?"));
    assert_non_null(strstr(steps, "SEARCH x USING COVERING INDEX ds_index_entity (entity=? AND"
                                  " property=? AND value>?)"));
    assert_non_null(strstr(steps, "SEARCH c1 USING COVERING INDEX ds_index_entity"));
    assert_null(strstr(steps, "SCAN "));
    free(steps);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(queries_walk_along_an_index),
        TEST(probes_go_by_entity_or_by_value),
    };
    return BW_RUN_TESTS(tests);
}
