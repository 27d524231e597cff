/* Datastore: filters, orders, cursors and projections. Over HTTP. */
#include "tests/integration/sandbox/datastore_queries.h"

static void every_operator_selects(void **state)
{
    static const struct {
        const char *filter, *expected;
    } cases[] = {
        {PROPERTY("n", 1, INT(3)), "a b"},
        {PROPERTY("n", 2, INT(3)), "a b c"},
        {PROPERTY("n", 3, INT(3)), "d e f"},
        {PROPERTY("n", 4, INT(3)), "c d e f"},
        {PROPERTY("n", 5, INT(3)), "c"},
        {PROPERTY("n", 6, LIST(INT(6), INT(1), INT(7), INT(1))), "a f"},
        {PROPERTY("n", 9, INT(3)), "a b d e f"},
        {PROPERTY("n", 13, LIST(INT(3), INT(4))), "a b e f"},
        {PROPERTY("n", 'GREATER_THAN', INT(5)), "f"},
        {PROPERTY("n", 5, "{'doubleValue':3}"), ""},
        {PROPERTY("n", 5, "{'doubleValue':3.5}"), ""},
        {PROPERTY("s", 5, STR("x")), "a b"},
        {PROPERTY("s", 5, STR("z")), ""},
        {PROPERTY("s", 5, "{'nullValue':null}"), "d"},
        {PROPERTY("s", 9, "{'nullValue':null}"), "a b c"},
        {PROPERTY("s", 3, STR("")), "a b c"},
        {PROPERTY("absent", 5, INT(1)), ""},
        {PROPERTY("absent", 9, INT(1)), ""},
        {PROPERTY("o.in", 5, INT(7)), "f"},
        /* Any element matches an equality; all bounds must hold for one and the same element. */
        {PROPERTY("tags", 5, STR("blue")), "a d"},
        {ALL(PROPERTY("tags", 5, STR("blue")), PROPERTY("tags", 5, STR("red"))), "a"},
        {ALL(PROPERTY("l", 3, INT(3)), PROPERTY("l", 1, INT(6))), "c"},
        {ALL(PROPERTY("l", 3, INT(0)), PROPERTY("l", 1, INT(2))), "b"},
        {PROPERTY("l", 9, INT(1)), "c b"},
        /* Combined. */
        {ALL(PROPERTY("s", 5, STR("x")), PROPERTY("n", 3, INT(1))), "b"},
        {ANY(PROPERTY("n", 5, INT(1)), PROPERTY("s", 5, STR("y"))), "a c"},
        {ALL(PROPERTY("n", 3, INT(1)), ANY(PROPERTY("s", 5, STR("x")), PROPERTY("n", 5, INT(6)))),
         "b f"},
        {ANY(ALL(PROPERTY("n", 3, INT(1)), PROPERTY("n", 1, INT(3))), PROPERTY("o.in", 3, INT(1))),
         "b f"},
        {ALL(ALL(ALL(PROPERTY("n", 4, INT(2))), PROPERTY("n", 2, INT(4))),
             PROPERTY("n", 9, INT(3))),
         "b d"},
        /* Keys. */
        {PROPERTY("__key__", 3, KEY("d")), "e f"},
        {PROPERTY("__key__", 2, KEY("b")), "a b"},
        {PROPERTY("__key__", 5, KEY("b")), "b"},
        {PROPERTY("__key__", 9, KEY("b")), "a c d e f"},
        {PROPERTY("__key__", 6, LIST(KEY("f"), KEY("b"), KEY("zz"))), "b f"},
        {PROPERTY("__key__", 13, LIST(KEY("f"), KEY("b"))), "a c d e"},
        {PROPERTY("__key__", 11, KEY("b")), "b"},
        {ALL(PROPERTY("__key__", 3, KEY("a")), PROPERTY("s", 5, STR("x"))), "b"},
        {ALL(PROPERTY("__key__", 3, KEY("a")), PROPERTY("n", 1, INT(4))), "b c"},
        {ANY(PROPERTY("__key__", 5, KEY("a")), PROPERTY("n", 5, INT(4))), "a d"},
    };
    fixture *f = *state;
    put_letters(f);
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char *query = bw_xasprintf("{'kind':[{'name':'K'}],'filter':%s}", cases[i].filter);
        assert_query(f, query, cases[i].expected);
        free(query);
    }
}

static void orders_sort(void **state)
{
    static const struct {
        const char *query, *expected;
    } cases[] = {
        {"{'kind':[{'name':'K'}],'order':[" ORDER("n", 2) "]}", "f e d c b a"},
        {"{'kind':[{'name':'K'}],'order':[" ORDER("__key__", 2) "]}", "f e d c b a"},
        /* Without the property, or with one that is not indexed, there is no place in the order. */
        {"{'kind':[{'name':'K'}],'order':[" ORDER("s", 1) "]}", "d a b c"},
        {"{'kind':[{'name':'K'}],'order':[" ORDER("s", 2) "]}", "c a b d"},
        {"{'kind':[{'name':'K'}],'order':[" ORDER("s", 1) "," ORDER("__key__", 2) "]}", "d b a c"},
        {"{'kind':[{'name':'K'}],'order':[" ORDER("s", 2) "," ORDER("n", 2) "]}", "c b a d"},
        {"{'kind':[{'name':'K'}],'order':[" ORDER("s", 1) "," ORDER("n", 2) "]}", "d b a c"},
        /* An array stands where its smallest, or largest, element stands; bounds count. */
        {"{'kind':[{'name':'K'}],'order':[" ORDER("l", 1) "]}", "b c"},
        {"{'kind':[{'name':'K'}],'order':[" ORDER("l", 2) "]}", "b c"},
        {"{'kind':[{'name':'K'}],'filter':" PROPERTY("l", 3, INT(2)) ",'order':[" ORDER("l",
                                                                                        1) "]}",
         "c b"},
        {"{'kind':[{'name':'K'}],'filter':" PROPERTY("l", 1, INT(6)) ",'order':[" ORDER("l",
                                                                                        2) "]}",
         "c b"},
        {"{'kind':[{'name':'K'}],'filter':" PROPERTY("s", 5, STR("x")) ",'order':[" ORDER("n",
                                                                                          2) "]}",
         "b a"},
        {"{'kind':[{'name':'K'}],'filter':" PROPERTY("n", 3, INT(1)) ",'order':[" ORDER(
             "s", 1) "," ORDER("n", 1) "]}",
         "d b c"},
        {"{'kind':[{'name':'K'}],'order':[" ORDER("n", 1) "],'offset':1,'limit':2}", "b c"},
        {"{'kind':[{'name':'K'}],'limit':2}", "a b"},
        {"{'kind':[{'name':'K'}],'limit':0}", ""},
        {"{'kind':[{'name':'K'}],'offset':100}", ""},
    };
    fixture *f = *state;
    put_letters(f);
    for (size_t i = 0; i < BW_COUNT(cases); i++)
        assert_query(f, cases[i].query, cases[i].expected);
}

/* Values of every type under one property, in the documented order. */
static void types_sort_in_the_documented_order(void **state)
{
    static const char *const values[] = {
        "{'nullValue':null}",
        "{'integerValue':'-9223372036854775808'}",
        "{'integerValue':'9007199254740992'}",
        "{'integerValue':'9007199254740993'}",
        "{'integerValue':'9223372036854775807'}",
        "{'timestampValue':'1969-12-31T23:59:59.999999Z'}",
        "{'timestampValue':'1970-01-01T00:00:00.000001Z'}",
        "{'booleanValue':false}",
        "{'booleanValue':true}",
        "{'blobValue':''}",
        "{'blobValue':'/w=='}",
        "{'stringValue':''}",
        "{'stringValue':'A'}",
        "{'stringValue':'a'}",
        "{'stringValue':'\xC3\xA9'}",
        "{'stringValue':'\xF0\x9F\x98\x80'}",
        "{'doubleValue':'NaN'}",
        "{'doubleValue':'-Infinity'}",
        "{'doubleValue':-0.5}",
        "{'doubleValue':0.0}",
        "{'doubleValue':1e300}",
        "{'doubleValue':'Infinity'}",
        "{'geoPointValue':{'latitude':-1,'longitude':5}}",
        "{'geoPointValue':{'latitude':1,'longitude':-5}}",
        "{'keyValue':{'path':[{'kind':'K','id':'1'}]}}",
        "{'keyValue':{'path':[{'kind':'K','name':'a'}]}}",
    };
    fixture *f = *state;
    bw_buf up = BW_BUF_INIT, down = BW_BUF_INIT;
    for (size_t n = BW_COUNT(values); n-- > 0;) {
        char name[8], properties[160];
        snprintf(name, sizeof name, "v%02zu", n);
        snprintf(properties, sizeof properties, "{'v':%s}", values[n]);
        put(f, name, properties);
        bw_buf_addf(&down, "%s%s", down.len ? " " : "", name);
    }
    for (size_t n = 0; n < BW_COUNT(values); n++)
        bw_buf_addf(&up, "%sv%02zu", n ? " " : "", n);
    assert_query(f, "{'kind':[{'name':'K'}],'order':[" ORDER("v", 1) "]}", bw_buf_cstr(&up));
    assert_query(f, "{'kind':[{'name':'K'}],'order':[" ORDER("v", 2) "]}", bw_buf_cstr(&down));
    /* Every value is found by itself, and by itself alone. */
    for (size_t n = 0; n < BW_COUNT(values); n++) {
        char name[8];
        snprintf(name, sizeof name, "v%02zu", n);
        char *query =
            bw_xasprintf("{'kind':[{'name':'K'}],'filter':{'propertyFilter':{'property':{'name':"
                         "'v'},'op':5,'value':%s}}}",
                         values[n]);
        assert_query(f, query, name);
        free(query);
    }
    bw_buf_fini(&up);
    bw_buf_fini(&down);
}

/* ---- Ancestors, namespaces, kindless ----------------------------------------------------------- */

static void ancestors_hold_their_descendants(void **state)
{
    static const char *const paths[] = {
        "{'kind':'P','name':'a'}",
        "{'kind':'P','name':'a'},{'kind':'K','name':'a1'}",
        "{'kind':'P','name':'a'},{'kind':'K','name':'a2'}",
        "{'kind':'P','name':'a'},{'kind':'K','name':'a2'},{'kind':'K','name':'a21'}",
        "{'kind':'P','name':'ab'},{'kind':'K','name':'b1'}",
        "{'kind':'P','id':'1'},{'kind':'K','name':'c1'}",
    };
#define UNDER(path) PROPERTY("__key__", 11, "{'keyValue':{'path':[" path "]}}")
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(paths); i++)
        ask(f, "commit",
            "{'mode':2,'mutations':[{'upsert':{'key':{'path':[%s]},'properties':{'n':"
            "{'integerValue':%zu}}}}]}",
            paths[i], i % 2);
    assert_query(f, K_WHERE(UNDER("{'kind':'P','name':'a'}")), "a1 a2 a21");
    assert_query(f, "{'filter':" UNDER("{'kind':'P','name':'a'}") "}", "a a1 a2 a21");
    assert_query(f, K_WHERE(UNDER("{'kind':'P','name':'a'},{'kind':'K','name':'a2'}")), "a2 a21");
    assert_query(f, K_WHERE(UNDER("{'kind':'P','id':'1'}")), "c1");
    assert_query(f, K_WHERE(ALL(UNDER("{'kind':'P','name':'a'}"), PROPERTY("n", 5, INT(1)))),
                 "a1 a21");
    assert_query(f,
                 "{'kind':[{'name':'K'}],'filter':" UNDER(
                     "{'kind':'P','name':'a'}") ",'order':[" ORDER("n", 2) "]}",
                 "a1 a21 a2");
    assert_query(f, "{}", "c1 a a1 a2 a21 b1");
#undef UNDER
}

/* ---- Pages ------------------------------------------------------------------------------------ */

#define MANY 1500

static void put_many(fixture *f)
{
    for (int base = 0; base < MANY; base += 500) {
        bw_buf list = BW_BUF_INIT;
        for (int i = base; i < base + 500; i++)
            bw_buf_addf(&list,
                        "%s{'insert':{'key':{'path':[{'kind':'K','id':'%d'}]},'properties':{"
                        "'t':{'timestampValue':'2024-01-01T00:00:%02d.%06dZ'},"
                        "'g':{'integerValue':'%d'},'u':{'integerValue':'%d'}}}}",
                        i > base ? "," : "", i + 1, i % 7, i * 37 % 1000, i % 10, i);
        ask(f, "commit", "{'mode':2,'mutations':[%s]}", bw_buf_cstr(&list));
        bw_buf_fini(&list);
    }
}

/* Pages through the query as a client does; counts entities by id and fails when one comes twice. */
static int page_through(fixture *f, const char *query, int *batches, long long *sequence)
{
    bool seen[MANY + 1] = {false};
    char *cursor = bw_xstrdup("");
    int count = 0;
    bool more = true;
    for (*batches = 0; more; (*batches)++) {
        ask(f, "runQuery", "{'query':{'kind':[{'name':'K'}]%s%s%s%s}}", query,
            *cursor ? ",'startCursor':'" : "", cursor, *cursor ? "'" : "");
        char *names = names_of(f);
        for (char *at_name = names; *at_name;) {
            long long id = strtoll(at_name, &at_name, 10);
            assert_true(id >= 1 && id <= MANY && !seen[id]);
            seen[id] = true;
            sequence[count++] = id;
        }
        free(names);
        free(cursor);
        cursor = bw_xstrdup(at(f, "batch.endCursor"));
        more = strcmp(at(f, "batch.moreResults"), "NOT_FINISHED") == 0 ||
               strcmp(at(f, "batch.moreResults"), "MORE_RESULTS_AFTER_LIMIT") == 0;
        assert_true(*batches < 2 * MANY);
    }
    free(cursor);
    return count;
}

static void pages_cover_everything_once(void **state)
{
    static const char *const orders[] = {
        "",
        ",'order':[" ORDER("__key__", 2) "]",
        ",'order':[" ORDER("t", 1) "]",
        ",'order':[" ORDER("t", 2) "]",
        ",'order':[" ORDER("t", 2) "," ORDER("__key__", 2) "]",
        ",'order':[" ORDER("g", 1) "," ORDER("__key__", 1) "]",
        ",'order':[" ORDER("g", 2) "," ORDER("t", 1) "]",
        ",'filter':" PROPERTY("t", 3, "{'timestampValue':'2000-01-01T00:00:00Z'}"),
    };
    static long long whole[MANY], paged[MANY];
    fixture *f = *state;
    put_many(f);
    for (size_t i = 0; i < BW_COUNT(orders); i++) {
        int batches;
        assert_int_equal(page_through(f, orders[i], &batches, whole), MANY);
        assert_true(batches > 2); /* nobody gets thousands at once */
        char *limited = bw_xasprintf("%s,'limit':97", orders[i]);
        assert_int_equal(page_through(f, limited, &batches, paged), MANY);
        assert_true(batches >= MANY / 97);
        assert_memory_equal(whole, paged, sizeof whole);
        free(limited);
    }
}

static void keep_cursor(fixture *f, char **cursor, const char *path)
{
    free(*cursor);
    *cursor = bw_xstrdup(at(f, path));
}

/* A page begins behind the last row, whatever is written in between. */
static void cursors_stand_between_rows(void **state)
{
    fixture *f = *state;
    char *cursor = NULL, *end = NULL;
#define BY_N "{'kind':[{'name':'K'}],'order':[" ORDER("n", 1) "],'startCursor':'%s'%s}"
    put_letters(f);
    assert_query(f, "{'kind':[{'name':'K'}],'order':[" ORDER("n", 1) "],'limit':2}", "a b");
    assert_at(f, "batch.moreResults", "MORE_RESULTS_AFTER_LIMIT");
    assert_string_equal(at(f, "batch.endCursor"), at(f, "batch.entityResults.1.cursor"));
    keep_cursor(f, &cursor, "batch.entityResults.0.cursor");
    keep_cursor(f, &end, "batch.endCursor");
    put(f, "aa", "{'n':{'integerValue':0}}");
    put(f, "bb", "{'n':{'integerValue':2}}");
    ask(f, "commit", "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'K','name':'b'}]}}]}");
    char *query = bw_xasprintf(BY_N, end, "");
    assert_query(f, query, "bb c d e f");
    assert_at(f, "batch.moreResults", "NO_MORE_RESULTS");
    free(query);
    query =
        bw_xasprintf("{'kind':[{'name':'K'}],'order':[" ORDER("n", 1) "],'endCursor':'%s'}", end);
    assert_query(f, query, "aa a");
    assert_at(f, "batch.moreResults", "MORE_RESULTS_AFTER_CURSOR");
    free(query);
    query = bw_xasprintf(BY_N, cursor, ",'offset':2,'limit':2");
    assert_query(f, query, "d e");
    assert_at(f, "batch.skippedResults", "2");
    assert_true(bw_test_json_has(body(f), "batch.skippedCursor"));
    free(query);
    /* Of another query, or damaged. */
    ask_fails(f, 400, "INVALID_ARGUMENT", "runQuery",
              "{'query':{'kind':[{'name':'K'}],'order':[" ORDER("n", 2) "],'startCursor':'%s'}}",
              end);
    ask_fails(f, 400, "INVALID_ARGUMENT", "runQuery",
              "{'partitionId':{'namespaceId':'n'},'query':" BY_N "}", end, "");
    end[20] = end[20] == 'A' ? 'B' : 'A';
    ask_fails(f, 400, "INVALID_ARGUMENT", "runQuery", "{'query':" BY_N "}", end, "");
    /* The end of a query goes on when more comes. */
    assert_query(f, "{'kind':[{'name':'K'}],'order':[" ORDER("n", 1) "]}", "aa a bb c d e f");
    keep_cursor(f, &end, "batch.endCursor");
    query = bw_xasprintf(BY_N, end, "");
    assert_query(f, query, "");
    put(f, "late", "{'n':{'integerValue':100}}");
    assert_query(f, query, "late");
    free(query);
    assert_query(f, "{'kind':[{'name':'Empty'}]}", "");
    assert_true(*at(f, "batch.endCursor"));
    free(cursor);
    free(end);
#undef BY_N
}

static void large_entities_make_small_batches(void **state)
{
    fixture *f = *state;
    char *text = bw_xmalloc(400001);
    memset(text, 'x', 400000);
    text[400000] = '\0';
    for (int i = 1; i <= 6; i++)
        ask(f, "commit",
            "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':%d}]},'properties':"
            "{'s':{'stringValue':'%s','excludeFromIndexes':true}}}}]}",
            i, text);
    free(text);
    ask(f, "runQuery", "{'query':{'kind':[{'name':'K'}]}}");
    assert_at(f, "batch.moreResults", "NOT_FINISHED");
    assert_true(strlen(body(f)) < 2000000);
}

/* ---- Projections ------------------------------------------------------------------------------ */

static void projections_give_what_the_index_has(void **state)
{
    fixture *f = *state;
#define ONLY(...) "'projection':[" JOIN(__VA_ARGS__) "]"
#define P(name)   "{'property':{'name':'" name "'}}"
    put_letters(f);
    assert_query(f, "{'kind':[{'name':'K'}]," ONLY(P("__key__")) "}", "a b c d e f");
    assert_at(f, "batch.entityResultType", "KEY_ONLY");
    assert_false(bw_test_json_has(body(f), "batch.entityResults.0.entity.properties"));
    assert_query(f, "{'kind':[{'name':'K'}]," ONLY(P("s")) "}", "d a b c");
    assert_at(f, "batch.entityResultType", "PROJECTION");
    assert_at(f, "batch.entityResults.1.entity.properties.s.stringValue", "x");
    assert_false(bw_test_json_has(body(f), "batch.entityResults.1.entity.properties.n"));
    assert_query(f, "{'kind':[{'name':'K'}]," ONLY(P("n"), P("s")) ",'order':[" ORDER("n", 2) "]}",
                 "d c b a");
    /* One result for each value of an array. */
    assert_query(f, "{'kind':[{'name':'K'}]," ONLY(P("tags")) "}", "a d a");
    assert_query(f, "{'kind':[{'name':'K'}]," ONLY(P("l")) ",'order':[" ORDER("l", 2) "]}",
                 "b c c b");
    assert_at(f, "batch.entityResults.2.entity.properties.l.integerValue", "4");
    assert_query(f, "{'kind':[{'name':'K'}]," ONLY(P("s")) ",'distinctOn':[{'name':'s'}]}",
                 "d a c");
    assert_query(f,
                 "{'kind':[{'name':'K'}],'distinctOn':[{'name':'s'}],'order':[" ORDER(
                     "s", 2) "," ORDER("n", 2) "]}",
                 "c b d");
    assert_query(
        f, "{'kind':[{'name':'K'}]," ONLY(P("s")) ",'distinctOn':[{'name':'s'}],'limit':2}", "d a");
    char *query = bw_xasprintf(
        "{'kind':[{'name':'K'}]," ONLY(P("s")) ",'distinctOn':[{'name':'s'}],'startCursor':'%s'}",
        at(f, "batch.endCursor"));
    assert_query(f, query, "c");
    free(query);
    ask_fails(f, 400, "INVALID_ARGUMENT", "runQuery",
              "{'query':{'kind':[{'name':'K'}],'distinctOn':[{'name':'s'}],'order':[" ORDER(
                  "n", 1) "]}}");
#undef ONLY
#undef P
}

static void projected_values_keep_their_type(void **state)
{
    static const char *const values[] = {
        "{'nullValue':null}",
        "{'integerValue':'-9007199254740993'}",
        "{'timestampValue':'2023-11-14T22:13:20.123456Z'}",
        "{'booleanValue':true}",
        "{'blobValue':'AP8='}",
        "{'stringValue':'a\\u0000\xC3\xA9'}",
        "{'doubleValue':-0.1}",
        "{'geoPointValue':{'latitude':1.5,'longitude':-2.0}}",
        "{'keyValue':{'partitionId':{'projectId':'p'},'path':[{'kind':'L','name':'x'}]}}",
    };
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(values); i++) {
        char *properties = bw_xasprintf("{'x':%s}", values[i]);
        put(f, "a", properties);
        free(properties);
        ask(f, "runQuery",
            "{'query':{'kind':[{'name':'K'}],'projection':[{'property':{'name':'x'}}]}}");
        char *expected = quoted(values[i]);
        assert_at(f, "batch.entityResults.0.entity.properties.x", expected);
        free(expected);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup_again)
    const struct CMUnitTest tests[] = {
        TEST(every_operator_selects),
        TEST(orders_sort),
        TEST(types_sort_in_the_documented_order),
        TEST(ancestors_hold_their_descendants),
        TEST(pages_cover_everything_once),
        TEST(cursors_stand_between_rows),
        TEST(large_entities_make_small_batches),
        TEST(projections_give_what_the_index_has),
        TEST(projected_values_keep_their_type),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
