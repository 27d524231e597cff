/* Datastore: aggregations, and the kinds that the service computes. Over HTTP. */
#include "tests/integration/sandbox/datastore_queries.h"

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
            "n") "},{'alias':'c','count':{}},{" AVG("n") "}],"
                                                         "'nestedQuery':" K_ALL "}}");
    assert_at(f, "batch.aggregationResults.0.aggregateProperties.property_1.integerValue", "8");
    assert_at(f, "batch.aggregationResults.0.aggregateProperties.c.integerValue", "8");
    assert_true(
        bw_test_json_has(body(f), "batch.aggregationResults.0.aggregateProperties.property_3"));
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
        TEST(aggregations_compute),
        TEST(metadata_describe_what_is_there),
        TEST(statistics_are_of_this_moment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
