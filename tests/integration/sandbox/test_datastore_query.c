/* Datastore: filters, orders, cursors, projections, aggregations, statistics. Over HTTP. */
#include "tests/integration/sandbox/datastore_fixture.h"

/* Up to four texts with commas between them. */
#define JOIN1(a)                          a
#define JOIN2(a, b)                       a "," b
#define JOIN3(a, b, c)                    a "," b "," c
#define JOIN4(a, b, c, d)                 a "," b "," c "," d
#define PICK(_1, _2, _3, _4, chosen, ...) chosen
#define JOIN(...)                         PICK(__VA_ARGS__, JOIN4, JOIN3, JOIN2, JOIN1, 0)(__VA_ARGS__)

#define PROPERTY(name, op, value) \
    "{'propertyFilter':{'property':{'name':'" name "'},'op':" #op ",'value':" value "}}"
#define K_WHERE(filter)  "{'kind':[{'name':'K'}],'filter':" filter "}"
#define ORDER(name, dir) "{'property':{'name':'" name "'},'direction':" #dir "}"
#define INT(n)           "{'integerValue':'" #n "'}"
#define STR(s)           "{'stringValue':'" s "'}"
#define LIST(...)        "{'arrayValue':{'values':[" JOIN(__VA_ARGS__) "]}}"
#define ALL(...)         "{'compositeFilter':{'op':1,'filters':[" JOIN(__VA_ARGS__) "]}}"
#define ANY(...)         "{'compositeFilter':{'op':2,'filters':[" JOIN(__VA_ARGS__) "]}}"
#define KEY(name)        "{'keyValue':{'path':[{'kind':'K','name':'" name "'}]}}"

/* a..f with n = 1..6, and what else the filters are to meet. */
static void put_letters(fixture *f)
{
    static const struct {
        const char *name, *properties;
    } entities[] = {
        {"a", "{'n':{'integerValue':1},'s':{'stringValue':'x'},'tags':{'arrayValue':{'values':["
              "{'stringValue':'red'},{'stringValue':'blue'}]}}}"},
        {"b", "{'n':{'integerValue':2},'s':{'stringValue':'x'},'l':{'arrayValue':{'values':["
              "{'integerValue':1},{'integerValue':9}]}}}"},
        {"c", "{'n':{'integerValue':3},'s':{'stringValue':'y'},'l':{'arrayValue':{'values':["
              "{'integerValue':4},{'integerValue':5}]}}}"},
        {"d", "{'n':{'integerValue':4},'s':{'nullValue':null},'tags':{'arrayValue':{'values':["
              "{'stringValue':'blue'}]}}}"},
        {"e", "{'n':{'integerValue':5},'s':{'stringValue':'z','excludeFromIndexes':true}}"},
        {"f", "{'n':{'integerValue':6},'o':{'entityValue':{'properties':{'in':{'integerValue':7}}"
              "}}}"},
    };
    for (size_t i = 0; i < BW_COUNT(entities); i++)
        put(f, entities[i].name, entities[i].properties);
}

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

#define MANY 2500

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

/* ---- Aggregations ----------------------------------------------------------------------------- */

static void assert_aggregate(fixture *f, const char *aggregation, const char *query,
                             const char *expected)
{
    ask(f, "runAggregationQuery",
        "{'aggregationQuery':{'aggregations':[{'alias':'r',%s}],'nestedQuery':%s}}", aggregation,
        query);
    char *want = quoted(expected);
    assert_at(f, "batch.aggregationResults.0.aggregateProperties.r", want);
    assert_at(f, "batch.moreResults", "NO_MORE_RESULTS");
    free(want);
}

static void aggregations_compute(void **state)
{
    fixture *f = *state;
#define K_ALL   "{'kind':[{'name':'K'}]}"
#define SUM(of) "'sum':{'property':{'name':'" of "'}}"
#define AVG(of) "'avg':{'property':{'name':'" of "'}}"
    assert_aggregate(f, "'count':{}", K_ALL, "{'integerValue':'0'}");
    assert_aggregate(f, SUM("n"), K_ALL, "{'integerValue':'0'}");
    assert_aggregate(f, AVG("n"), K_ALL, "{'nullValue':null}");
    put_letters(f);
    assert_aggregate(f, "'count':{}", K_ALL, "{'integerValue':'6'}");
    assert_aggregate(f, "'count':{'upTo':'4'}", K_ALL, "{'integerValue':'4'}");
    assert_aggregate(f, "'count':{'upTo':9}", K_ALL, "{'integerValue':'6'}");
    assert_aggregate(f, "'count':{}", "{'kind':[{'name':'K'}],'offset':1,'limit':3}",
                     "{'integerValue':'3'}");
    assert_aggregate(f, "'count':{}", K_WHERE(PROPERTY("n", 3, INT(4))), "{'integerValue':'2'}");
    assert_aggregate(f, SUM("n"), K_ALL, "{'integerValue':'21'}");
    assert_aggregate(f, AVG("n"), K_ALL, "{'doubleValue':3.5}");
    assert_aggregate(f, AVG("n"), K_WHERE(PROPERTY("s", 5, STR("x"))), "{'doubleValue':1.5}");
    /* What is no number, an array, or not indexed, does not count. */
    assert_aggregate(f, SUM("s"), K_ALL, "{'integerValue':'0'}");
    assert_aggregate(f, SUM("l"), K_ALL, "{'integerValue':'0'}");
    put(f, "g", "{'n':{'doubleValue':0.5}}");
    assert_aggregate(f, SUM("n"), K_ALL, "{'doubleValue':21.5}");
    put(f, "g", "{'n':{'integerValue':'9223372036854775807'}}");
    assert_aggregate(f, SUM("n"), K_ALL, "{'doubleValue':9.223372036854776e+18}");
    put(f, "h", "{'n':{'integerValue':'-21'}}");
    assert_aggregate(f, SUM("n"), K_ALL, "{'integerValue':'9223372036854775807'}");
    ask(f, "runAggregationQuery",
        "{'aggregationQuery':{'aggregations':[{'count':{}},{" SUM(
            "n") "},{'alias':'c','count':{}}],"
                 "'nestedQuery':" K_ALL "}}");
    assert_at(f, "batch.aggregationResults.0.aggregateProperties.property_1.integerValue", "8");
    assert_at(f, "batch.aggregationResults.0.aggregateProperties.c.integerValue", "8");
    ask_fails(
        f, 400, "INVALID_ARGUMENT", "runAggregationQuery",
        "{'aggregationQuery':{'aggregations':[{'alias':'c','count':{}},{'alias':'c','count':{}"
        "}],'nestedQuery':" K_ALL "}}");
#undef K_ALL
#undef SUM
#undef AVG
}

/* ---- Metadata and statistics ------------------------------------------------------------------ */

static void metadata_describe_what_is_there(void **state)
{
    fixture *f = *state;
    put_letters(f);
    ask(f, "commit",
        "{'mode':2,'mutations':[{'upsert':{'key':{'partitionId':{'namespaceId':'ns'},'path':["
        "{'kind':'L','id':1}]},'properties':{'m':{'integerValue':1}}}},"
        "{'upsert':{'key':{'path':[{'kind':'Gone','id':1}]},'properties':{'m':{'nullValue':0}}}}]"
        "}");
    ask(f, "commit", "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'Gone','id':1}]}}]}");
    assert_query(f, "{'kind':[{'name':'__namespace__'}]}", "1 ns");
    assert_query(f, "{'kind':[{'name':'__kind__'}]}", "K");
    ask(f, "runQuery",
        "{'partitionId':{'namespaceId':'ns'},'query':{'kind':[{'name':'__kind__'}],'projection':["
        "{'property':{'name':'__key__'}}]}}");
    assert_at(f, "batch.entityResults.0.entity.key.path.0.name", "L");
    assert_at(f, "batch.entityResults.0.entity.key.partitionId.namespaceId", "ns");
    assert_query(f, "{'kind':[{'name':'__property__'}]}", "l n o.in s tags");
    assert_at(f, "batch.entityResults.1.entity.key.path.0.name", "K");
    assert_at(f,
              "batch.entityResults.1.entity.properties.property_representation.arrayValue.values.0."
              "stringValue",
              "INT64");
    /* They are not stored: nothing of them is left. */
    assert_query(f, "{'kind':[{'name':'K'}],'limit':1}", "a");
    assert_query(f, "{}", "a b c d e f");
}

static void statistics_are_of_this_moment(void **state)
{
    fixture *f = *state;
    assert_query(f, "{'kind':[{'name':'__Stat_Total__'}]}", "");
    put_letters(f);
    ask(f, "commit",
        "{'mode':2,'mutations':[{'upsert':{'key':{'partitionId':{'namespaceId':'ns'},'path':["
        "{'kind':'K','id':1}]}}},{'upsert':{'key':{'path':[{'kind':'L','id':1}]}}}]}");
    assert_query(f, "{'kind':[{'name':'__Stat_Total__'}]}", "total_entity_usage");
    assert_at(f, "batch.entityResults.0.entity.properties.count.integerValue", "8");
    assert_query(f, "{'kind':[{'name':'__Stat_Kind__'}],'order':[" ORDER("count", 2) "]}", "K L");
    assert_at(f, "batch.entityResults.0.entity.properties.count.integerValue", "7");
    assert_at(f, "batch.entityResults.0.entity.properties.kind_name.stringValue", "K");
    /* A key of one element with an id: 16 and the kind with its end and 8; an entity 32 more. */
    assert_at(f, "batch.entityResults.1.entity.properties.bytes.integerValue", "58");
    assert_true(bw_test_json_has(
        body(f), "batch.entityResults.0.entity.properties.timestamp.timestampValue"));
    assert_query(
        f, "{'kind':[{'name':'__Stat_Kind__'}],'filter':" PROPERTY("kind_name", 5, STR("L")) "}",
        "L");
    assert_query(f, "{'kind':[{'name':'__Stat_Ns_Kind__'}]}", "K L");
    ask(f, "runQuery",
        "{'partitionId':{'namespaceId':'ns'},'query':{'kind':[{'name':'__Stat_Ns_Total__'}]}}");
    assert_at(f, "batch.entityResults.0.entity.properties.count.integerValue", "1");
    ask(f, "runQuery",
        "{'partitionId':{'namespaceId':'ns'},'query':{'kind':[{'name':'__Stat_Kind__'}]}}");
    assert_false(bw_test_json_has(body(f), "batch.entityResults.0"));
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'__Stat_Kind__','name':'L'}]}]}");
    assert_at(f, "found.0.entity.properties.count.integerValue", "1");
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
        TEST(aggregations_compute),
        TEST(metadata_describe_what_is_there),
        TEST(statistics_are_of_this_moment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
