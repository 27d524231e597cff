/* Datastore: what is refused, and with which words. Over HTTP. */
#include "tests/integration/sandbox/datastore_fixture.h"

#define PUT(entity)      "{'mode':2,'mutations':[{'upsert':" entity "}]}"
#define PUT_VALUE(value) PUT("{'key':{'path':[{'kind':'K','id':1}]},'properties':{'x':" value "}}")
#define PUT_KEY(key)     PUT("{'key':" key "}")

static const struct refusal {
    const char *verb, *body, *about; /* a part of the message */
} refusals[] = {
    {"lookup", "", "keys"},
    {"lookup", "[]", "object"},
    {"lookup", "{'keys':", "JSON"},
    {"lookup", "{'keys':[]}", "keys"},
    {"lookup", "{'keys':[{'path':[{'kind':'K'}]}]}", "complete"},
    {"lookup", "{'keys':[{'path':[{'kind':'K','id':1}]}],'unknown':1}", "unknown"},
    {"lookup", "{'databaseId':'(default)','keys':[{'path':[{'kind':'K','id':1}]}]}", "default"},
    {"lookup", "{'keys':[{'partitionId':{'projectId':'other'},'path':[{'kind':'K','id':1}]}]}",
     "projectId"},
    {"lookup", "{'keys':[{'partitionId':{'databaseId':'other'},'path':[{'kind':'K','id':1}]}]}",
     "databaseId"},
    {"lookup", "{'keys':[{'partitionId':{'namespaceId':'a/b'},'path':[{'kind':'K','id':1}]}]}",
     "namespace"},
    {"lookup", "{'keys':[{'path':[{'kind':'K','id':1}]}],'readOptions':{'transaction':'bm9uZQ=='}}",
     "transaction"},
    {"lookup",
     "{'keys':[{'path':[{'kind':'K','id':1}]}],'readOptions':{'readTime':'2999-01-01T00:00:00Z'}}",
     "future"},
    {"lookup",
     "{'keys':[{'path':[{'kind':'K','id':1}]}],'readOptions':{'readConsistency':'STRONG',"
     "'newTransaction':{}}}",
     "readOptions"},
    {"commit", "{'mutations':[]}", "transaction"},
    {"commit", "{'mode':2,'transaction':'bm9uZQ=='}", "transaction"},
    {"commit", "{'mode':7}", "enumeration"},
    {"commit", "{'mode':2,'mutations':[{}]}", "one of"},
    {"commit",
     "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'K','id':1}]},"
     "'insert':{'key':{'path':[{'kind':'K','id':1}]}}}]}",
     "both"},
    {"commit", "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'K'}]}}]}", "complete"},
    {"commit", "{'mode':2,'mutations':[{'update':{'key':{'path':[{'kind':'K'}]}}}]}", "complete"},
    {"commit", PUT("{}"), "key"},
    {"commit", PUT_KEY("{'path':[]}"), "path"},
    {"commit", PUT_KEY("{'path':[{'id':1}]}"), "kind"},
    {"commit", PUT_KEY("{'path':[{'kind':'K','id':0}]}"), "zero"},
    {"commit", PUT_KEY("{'path':[{'kind':'K','id':1,'name':'a'}]}"), "both"},
    {"commit", PUT_KEY("{'path':[{'kind':'K','name':''}]}"), "name"},
    {"commit", PUT_KEY("{'path':[{'kind':'K'},{'kind':'L','id':1}]}"), "incomplete"},
    {"commit", PUT_KEY("{'path':[{'kind':'__K__','id':1}]}"), "reserved"},
    {"commit", PUT_KEY("{'path':[{'kind':'K','name':'__a__'}]}"), "reserved"},
    {"commit", PUT_KEY("{'path':[{'kind':'K','id':'9223372036854775808'}]}"), "integer"},
    {"commit", PUT_VALUE("{}"), "type"},
    {"commit", PUT_VALUE("7"), "Value"},
    {"commit", PUT_VALUE("{'integerValue':'1.5'}"), "integer"},
    {"commit", PUT_VALUE("{'integerValue':1.5}"), "integer"},
    {"commit", PUT_VALUE("{'integerValue':''}"), "integer"},
    {"commit", PUT_VALUE("{'integerValue':true}"), "integer"},
    {"commit", PUT_VALUE("{'doubleValue':1e400}"), "double"},
    {"commit", PUT_VALUE("{'doubleValue':'nan'}"), "double"},
    {"commit", PUT_VALUE("{'booleanValue':'true'}"), "boolean"},
    {"commit", PUT_VALUE("{'stringValue':1}"), "string"},
    {"commit", PUT_VALUE("{'stringValue':'\\ud800'}"), "JSON"},
    {"commit", PUT_VALUE("{'blobValue':'!'}"), "base64"},
    {"commit", PUT_VALUE("{'timestampValue':'2023-02-29T00:00:00Z'}"), "timestamp"},
    {"commit", PUT_VALUE("{'timestampValue':'2023-01-01'}"), "timestamp"},
    {"commit", PUT_VALUE("{'timestampValue':'0000-12-31T00:00:00Z'}"), "timestamp"},
    {"commit", PUT_VALUE("{'geoPointValue':{'latitude':91}}"), "latitude"},
    {"commit", PUT_VALUE("{'geoPointValue':{'latitude':'NaN'}}"), "latitude"},
    {"commit", PUT_VALUE("{'nullValue':1}"), "enumeration"},
    {"commit", PUT_VALUE("{'integerValue':1,'stringValue':'x'}"), "one type"},
    {"commit", PUT_VALUE("{'arrayValue':{'values':[{'arrayValue':{}}]}}"), "array"},
    {"commit", PUT_VALUE("{'arrayValue':{},'excludeFromIndexes':true}"), "indexes"},
    {"commit", PUT_VALUE("{'keyValue':{'path':[{'kind':'K'}]}}"), "complete"},
    {"commit", PUT_VALUE("{'unknownValue':1}"), "unknownValue"},
    {"commit", PUT("{'key':{'path':[{'kind':'K','id':1}]},'properties':{'__x__':{'nullValue':0}}}"),
     "reserved"},
    {"commit", PUT("{'key':{'path':[{'kind':'K','id':1}]},'properties':{'':{'nullValue':0}}}"),
     "name"},
    {"commit",
     PUT("{'key':{'path':[{'kind':'K','id':1}]},'properties':{'a':{'nullValue':0},"
         "'a':{'nullValue':0}}}"),
     "twice"},
    {"commit",
     "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K','id':1}]}},"
     "'propertyMask':{'paths':['a']}}]}",
     "propertyMask"},
    {"commit",
     "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':1}]}},"
     "'propertyTransforms':[{'property':'a','increment':{'stringValue':'x'}}]}]}",
     "transform"},
    {"commit",
     "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':1}]}},"
     "'propertyTransforms':[{'property':'a'}]}]}",
     "transform"},
    {"beginTransaction", "{'transactionOptions':{'readOnly':{},'readWrite':{}}}", "not both"},
    {"beginTransaction", "{'transactionOptions':{'readOnly':{'readTime':'2999-01-01T00:00:00Z'}}}",
     "future"},
    {"rollback", "{}", "transaction"},
    {"rollback", "{'transaction':'bm9uZQ=='}", "expired"},
    {"runQuery", "{}", "query"},
    {"runQuery", "{'query':{'kind':[{'name':'K'},{'name':'L'}]}}", "kind"},
    {"runQuery", "{'query':{'kind':[{'name':'K'}],'limit':-1}}", "limit"},
    {"runQuery", "{'query':{'kind':[{'name':'K'}],'offset':'x'}}", "offset"},
    {"runQuery", "{'query':{'kind':[{'name':'K'}],'startCursor':'AAAA'}}", "cursor"},
    {"runQuery", "{'query':{'kind':[{'name':'K'}],'filter':{}}}", "filter"},
    {"runQuery",
     "{'query':{'kind':[{'name':'K'}],'filter':{'compositeFilter':{'op':1,'filters':[]}}}}",
     "at least one"},
    {"runQuery",
     "{'query':{'filter':{'propertyFilter':{'property':{'name':'a'},'op':5,"
     "'value':{'integerValue':1}}}}}",
     "kind is required"},
    {"runQuery", "{'query':{'order':[{'property':{'name':'a'}}]}}", "kind is required"},
    {"runQuery",
     "{'query':{'kind':[{'name':'K'}],'filter':{'propertyFilter':{'property':{'name':'__key__'},"
     "'op':5,'value':{'integerValue':1}}}}}",
     "__key__"},
    {"runQuery",
     "{'query':{'kind':[{'name':'K'}],'filter':{'propertyFilter':{'property':{'name':'a'},'op':6,"
     "'value':{'integerValue':1}}}}}",
     "arrayValue"},
    {"runQuery",
     "{'query':{'kind':[{'name':'K'}],'filter':{'propertyFilter':{'property':{'name':'a'},'op':11,"
     "'value':{'integerValue':1}}}}}",
     "HAS_ANCESTOR"},
    {"runAggregationQuery", "{'aggregationQuery':{'nestedQuery':{'kind':[{'name':'K'}]}}}",
     "aggregations"},
    {"runAggregationQuery",
     "{'aggregationQuery':{'nestedQuery':{'kind':[{'name':'K'}]},'aggregations':[{'sum':{}}]}}",
     "property"},
    {"runAggregationQuery",
     "{'aggregationQuery':{'nestedQuery':{'kind':[{'name':'K'}]},'aggregations':[{'count':"
     "{'upTo':0}}]}}",
     "upTo"},
};

static void bad_requests_are_refused_with_a_reason(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        int status = try_ask(f, r->verb, "%s", r->body);
        if (status != 400 || strcmp(at(f, "error.status"), "INVALID_ARGUMENT") != 0 ||
            strcmp(at(f, "error.code"), "400") != 0 || !strstr(at(f, "error.message"), r->about))
            fail_msg("%s %s answers %d, without \"%s\": %s", r->verb, r->body, status, r->about,
                     body(f));
    }
    assert_query(f, "{}", "");
    ask_fails(f, 501, "UNIMPLEMENTED", "runQuery", "{'gqlQuery':{'queryString':'SELECT *'}}");
    assert_true(strstr(at(f, "error.message"), "gqlQuery") != NULL);
}

static void more_than_fits_is_refused(void **state)
{
    fixture *f = *state;
    bw_buf list = BW_BUF_INIT;
    for (int i = 1; i <= 501; i++)
        bw_buf_addf(&list, "%s{'upsert':{'key':{'path':[{'kind':'K','id':%d}]}}}", i > 1 ? "," : "",
                    i);
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit", "{'mode':2,'mutations':[%s]}",
              bw_buf_cstr(&list));
    bw_buf_clear(&list);
    for (int i = 1; i <= 1001; i++)
        bw_buf_addf(&list, "%s{'path':[{'kind':'K','id':%d}]}", i > 1 ? "," : "", i);
    ask_fails(f, 400, "INVALID_ARGUMENT", "lookup", "{'keys':[%s]}", bw_buf_cstr(&list));
    bw_buf_clear(&list);
    for (int i = 0; i < 22; i++)
        bw_buf_adds(&list, "{'entityValue':{'properties':{'x':");
    bw_buf_adds(&list, "{'nullValue':0}");
    for (int i = 0; i < 22; i++)
        bw_buf_adds(&list, "}}}");
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
              "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':1}]},'properties':"
              "{'x':%s}}}]}",
              bw_buf_cstr(&list));
    bw_buf_clear(&list);
    for (int i = 0; i < 120; i++)
        bw_buf_addf(&list, "%s{'kind':'K%060d','id':1}", i ? "," : "", i);
    ask_fails(f, 400, "INVALID_ARGUMENT", "lookup", "{'keys':[{'path':[%s]}]}", bw_buf_cstr(&list));
    bw_buf_clear(&list);
    for (int i = 0; i < 95; i++)
        bw_buf_addf(&list, "%s{'kind':'K%060d','id':1}", i ? "," : "", i);
    ask_fails(f, 400, "INVALID_ARGUMENT", "lookup", "{'keys':[{'path':[%s]}]}", bw_buf_cstr(&list));
    bw_buf_fini(&list);
}

static void large_commits_are_refused(void **state)
{
    fixture *f = *state;
    char *text = bw_xmalloc(1000001);
    bw_buf list = BW_BUF_INIT;
    memset(text, 'x', 1000000);
    text[1000000] = '\0';
    for (int i = 1; i <= 11; i++)
        bw_buf_addf(&list,
                    "%s{'upsert':{'key':{'path':[{'kind':'K','id':%d}]},'properties':{'s':"
                    "{'stringValue':'%s','excludeFromIndexes':true}}}}",
                    i > 1 ? "," : "", i, text);
    free(text);
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit", "{'mode':2,'mutations':[%s]}",
              bw_buf_cstr(&list));
    bw_buf_clear(&list);
    for (int i = 0; i <= 20000; i++)
        bw_buf_addf(&list, "%s{'integerValue':%d}", i ? "," : "", i);
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
              "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':1}]},'properties':"
              "{'l':{'arrayValue':{'values':[%s]}}}}}]}",
              bw_buf_cstr(&list));
    assert_non_null(strstr(at(f, "error.message"), "indexed"));
    assert_query(f, "{}", "");
    bw_buf_fini(&list);
}

static void unknown_methods_are_not_found(void **state)
{
    fixture *f = *state;
    assert_int_equal(try_ask(f, "destroy", "{}"), 404);
    assert_int_equal(bw_test_http_get(f->http, "/v1/projects/p:lookup"), 404);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup_again)
    const struct CMUnitTest tests[] = {
        TEST(bad_requests_are_refused_with_a_reason),
        TEST(more_than_fits_is_refused),
        TEST(large_commits_are_refused),
        TEST(unknown_methods_are_not_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
