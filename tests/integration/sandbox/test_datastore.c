/* Datastore: values, keys, lookups, commits and ids. Over HTTP. */
#include "tests/integration/sandbox/datastore_fixture.h"

/* ---- Values ----------------------------------------------------------------------------------- */

static void assert_value(fixture *f, const char *value, const char *expected)
{
    ask(f, "commit",
        "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','name':'v'}]},"
        "'properties':{'x':%s}}}]}",
        value);
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'v'}]}]}");
    char *want = quoted(expected);
    bw_slice entity = bw_json_member(bw_slice_cstr(body(f)), "found");
    assert_true(entity.len > 2);
    bw_slice first = {entity.ptr + 1, entity.len - 2};
    bw_slice properties = bw_json_member(bw_json_member(first, "entity"), "properties");
    bw_slice x = bw_json_member(properties, "x");
    if (!bw_slice_is(x, want))
        fail_msg("%s comes back as %.*s, not as %s", value, BW_SLICE_ARG(x), want);
    free(want);
}

static void values_come_back_as_they_were(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{'integerValue':'9223372036854775807'}", NULL},
        {"{'integerValue':'-9223372036854775808'}", NULL},
        {"{'integerValue':9007199254740993}", "{'integerValue':'9007199254740993'}"},
        {"{'doubleValue':1.5}", NULL},
        {"{'doubleValue':1}", "{'doubleValue':1.0}"},
        {"{'doubleValue':0.1}", NULL},
        {"{'doubleValue':-0.0}", NULL},
        {"{'doubleValue':5e-324}", "{'doubleValue':5e-324}"},
        {"{'doubleValue':1.7976931348623157e308}", "{'doubleValue':1.7976931348623157e+308}"},
        {"{'doubleValue':0.30000000000000004}", NULL},
        {"{'doubleValue':'NaN'}", NULL},
        {"{'doubleValue':'Infinity'}", NULL},
        {"{'doubleValue':'-Infinity'}", NULL},
        {"{'booleanValue':true}", NULL},
        {"{'booleanValue':false}", NULL},
        {"{'nullValue':null}", NULL},
        {"{'nullValue':0}", "{'nullValue':null}"},
        {"{'nullValue':'NULL_VALUE'}", "{'nullValue':null}"},
        {"{'stringValue':''}", NULL},
        {"{'stringValue':'\xC3\xA9 \xF0\x9F\x98\x80 \\u0000 \\u0007 \\\\ /'}",
         "{'stringValue':'\xC3\xA9 \xF0\x9F\x98\x80 \\u0000 \\u0007 \\\\ /'}"},
        {"{'stringValue':'\\u00e9\\ud83d\\ude00'}", "{'stringValue':'\xC3\xA9\xF0\x9F\x98\x80'}"},
        {"{'blobValue':''}", NULL},
        {"{'blobValue':'AAECAwQF/v8='}", NULL},
        {"{'blobValue':'_v8'}", "{'blobValue':'/v8='}"},
        {"{'timestampValue':'2023-11-14T22:13:20.000Z'}",
         "{'timestampValue':'2023-11-14T22:13:20Z'}"},
        {"{'timestampValue':'2023-11-14T22:13:20.123456789Z'}",
         "{'timestampValue':'2023-11-14T22:13:20.123456Z'}"},
        {"{'timestampValue':'2023-11-15T00:13:20.5+02:00'}",
         "{'timestampValue':'2023-11-14T22:13:20.500Z'}"},
        {"{'timestampValue':'1969-12-31T23:59:59.999999Z'}", NULL},
        {"{'timestampValue':'0001-01-01T00:00:00Z'}", NULL},
        {"{'timestampValue':'9999-12-31T23:59:59.999999Z'}", NULL},
        {"{'geoPointValue':{'latitude':1,'longitude':-2.5}}",
         "{'geoPointValue':{'latitude':1.0,'longitude':-2.5}}"},
        {"{'keyValue':{'path':[{'kind':'P','name':'x'},{'kind':'K','id':7}],"
         "'partitionId':{'namespaceId':'ns'}}}",
         "{'keyValue':{'partitionId':{'projectId':'p','namespaceId':'ns'},"
         "'path':[{'kind':'P','name':'x'},{'kind':'K','id':'7'}]}}"},
        {"{'arrayValue':{'values':[{'integerValue':'1'},{'stringValue':'a','excludeFromIndexes':"
         "true}]}}",
         NULL},
        {"{'arrayValue':{}}", "{'arrayValue':{'values':[]}}"},
        {"{'entityValue':{'properties':{'a':{'entityValue':{'properties':{'b':{'nullValue':null}}}"
         "}}}}",
         NULL},
        {"{'entityValue':{}}", NULL},
        {"{'stringValue':'x','meaning':15,'excludeFromIndexes':true}", NULL},
    };
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(cases); i++)
        assert_value(f, cases[i].in, cases[i].out ? cases[i].out : cases[i].in);
}

static void long_values_are_kept_when_they_are_not_indexed(void **state)
{
    fixture *f = *state;
    char *text = bw_xmalloc(1000001);
    memset(text, 'x', 1000000);
    text[1000000] = '\0';
    char *value = bw_xasprintf("{'stringValue':'%s','excludeFromIndexes':true}", text);
    assert_value(f, value, value);
    free(value);
    text[1501] = '\0';
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
              "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K'}]},'properties':"
              "{'s':{'stringValue':'%s'}}}}]}",
              text);
    text[1500] = '\0';
    ask(f, "commit",
        "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K'}]},'properties':"
        "{'s':{'stringValue':'%s'}}}}]}",
        text);
    free(text);
}

static void the_size_of_an_entity_is_limited(void **state)
{
    fixture *f = *state;
    char *text = bw_xmalloc(1048577);
    memset(text, 'x', 1048576);
    text[1048576] = '\0';
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
              "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K'}]},'properties':"
              "{'s':{'stringValue':'%s','excludeFromIndexes':true}}}}]}",
              text);
    free(text);
}

/* ---- Lookups and keys ------------------------------------------------------------------------- */

static void lookups_tell_found_from_missing(void **state)
{
    fixture *f = *state;
    put(f, "a", "{'n':{'integerValue':'1'}}");
    ask(f, "lookup",
        "{'keys':[{'path':[{'kind':'K','name':'a'}]},{'path':[{'kind':'K','name':'b'}]},"
        "{'path':[{'kind':'K','name':'a'}]}],'readOptions':{'readConsistency':2}}");
    assert_at(f, "found.0.entity.key.partitionId.projectId", "p");
    assert_at(f, "found.0.entity.key.path.0.name", "a");
    assert_at(f, "found.0.entity.properties.n.integerValue", "1");
    assert_true(bw_test_json_has(body(f), "found.0.version"));
    assert_true(bw_test_json_has(body(f), "found.0.createTime"));
    assert_string_equal(at(f, "found.0.createTime"), at(f, "found.0.updateTime"));
    assert_false(bw_test_json_has(body(f), "found.1"));
    assert_at(f, "missing.0.entity.key.path.0.name", "b");
    assert_false(bw_test_json_has(body(f), "missing.0.entity.properties"));
    assert_true(bw_test_json_has(body(f), "readTime"));
    ask(f, "lookup",
        "{'keys':[{'path':[{'kind':'K','name':'a'}]}],'propertyMask':{'paths':['absent']}}");
    assert_false(bw_test_json_has(body(f), "found.0.entity.properties"));
}

/* An answer has its bounds: what does not fit is to be asked again. */
static void lookups_defer_what_does_not_fit(void **state)
{
    fixture *f = *state;
    char *text = bw_xmalloc(1000001);
    bw_buf keys = BW_BUF_INIT;
    memset(text, 'x', 1000000);
    text[1000000] = '\0';
    for (int i = 1; i <= 12; i++) {
        ask(f, "commit",
            "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K','id':%d}]},'properties':"
            "{'s':{'stringValue':'%s','excludeFromIndexes':true}}}}]}",
            i, text);
        bw_buf_addf(&keys, "%s{'path':[{'kind':'K','id':%d}]}", i > 1 ? "," : "", i);
    }
    ask(f, "lookup", "{'keys':[%s]}", bw_buf_cstr(&keys));
    bw_slice answer = bw_slice_cstr(body(f));
    bw_slice deferred = bw_json_member(answer, "deferred");
    char *again = bw_xasprintf("{'keys':%.*s}", BW_SLICE_ARG(deferred));
    assert_false(bw_json_member(answer, "missing").len);
    assert_true(deferred.len > 2);
    ask(f, "lookup", "%s", again);
    assert_true(bw_json_member(bw_slice_cstr(body(f)), "found").len > 1000000);
    assert_false(bw_json_member(bw_slice_cstr(body(f)), "deferred").len);
    free(again);
    free(text);
    bw_buf_fini(&keys);
}

static void partitions_do_not_see_each_other(void **state)
{
    static const struct {
        const char *project, *database, *name_space;
    } places[] = {{"p", "", ""},  {"q", "", ""},   {"p", "d", ""},
                  {"p", "", "n"}, {"p", "d", "n"}, {"p", "", "N"}};
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(places); i++) {
        f->project = places[i].project;
        ask(f, "commit",
            "{'databaseId':'%s','mode':2,'mutations':[{'insert':{'key':{'partitionId':"
            "{'namespaceId':'%s'},'path':[{'kind':'K','id':1}]},'properties':{'x':{'integerValue':"
            "%zu}}}}]}",
            places[i].database, places[i].name_space, i);
    }
    for (size_t i = 0; i < BW_COUNT(places); i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        f->project = places[i].project;
        ask(f, "lookup",
            "{'databaseId':'%s','keys':[{'partitionId':{'namespaceId':'%s'},'path':[{'kind':'K',"
            "'id':'1'}]}]}",
            places[i].database, places[i].name_space);
        assert_at(f, "found.0.entity.properties.x.integerValue", number);
        ask(f, "runQuery",
            "{'databaseId':'%s','partitionId':{'namespaceId':'%s'},'query':{'kind':[{'name':'K'}],"
            "'order':[{'property':{'name':'x'}}]}}",
            places[i].database, places[i].name_space);
        assert_at(f, "batch.entityResults.0.entity.properties.x.integerValue", number);
        assert_false(bw_test_json_has(body(f), "batch.entityResults.1"));
    }
    f->project = "p";
}

/* ---- Commits ---------------------------------------------------------------------------------- */

static void each_operation_asks_for_its_state(void **state)
{
    fixture *f = *state;
#define E "{'key':{'path':[{'kind':'K','name':'a'}]}}"
    ask_fails(f, 404, "NOT_FOUND", "commit", "{'mode':2,'mutations':[{'update':" E "}]}");
    ask(f, "commit", "{'mode':2,'mutations':[{'insert':" E "}]}");
    assert_false(bw_test_json_has(body(f), "mutationResults.0.key"));
    char *created = bw_xstrdup(at(f, "mutationResults.0.createTime"));
    ask_fails(f, 409, "ALREADY_EXISTS", "commit", "{'mode':2,'mutations':[{'insert':" E "}]}");
    ask(f, "commit", "{'mode':2,'mutations':[{'update':" E "}]}");
    assert_at(f, "mutationResults.0.createTime", created);
    assert_string_not_equal(at(f, "mutationResults.0.updateTime"), created);
    free(created);
    ask(f, "commit", "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'K','name':'a'}]}}]}");
    assert_false(bw_test_json_has(body(f), "mutationResults.0.updateTime"));
    ask(f, "commit", "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'K','name':'a'}]}}]}");
    ask(f, "commit", "{'mode':2,'mutations':[{'upsert':" E "}]}");
#undef E
}

static void versions_only_grow(void **state)
{
    fixture *f = *state;
    long long before = 0;
    for (int i = 0; i < 200; i++) {
        put(f, "a", "{}");
        long long version = strtoll(at(f, "mutationResults.0.version"), NULL, 10);
        assert_true(version > before);
        before = version;
    }
}

/* Nothing of a commit that fails is written. */
static void a_commit_is_atomic(void **state)
{
    fixture *f = *state;
    put(f, "there", "{}");
    ask_fails(f, 409, "ALREADY_EXISTS", "commit",
              "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','name':'new'}]}}},"
              "{'delete':{'path':[{'kind':'K','name':'gone'}]}},"
              "{'insert':{'key':{'path':[{'kind':'K','name':'there'}]}}}]}");
    assert_query(f, "{'kind':[{'name':'K'}]}", "there");
}

/* Operations on one entity in one commit: i insert, u update, s upsert, d delete; what comes out. */
static void sequences_are_checked(void **state)
{
    static const struct {
        bool exists;
        const char *operations;
        int status;
    } cases[] = {
        {false, "iu", 200}, {false, "is", 200}, {false, "id", 200}, {false, "ii", 400},
        {true, "uu", 200},  {true, "ui", 400},  {true, "si", 400},  {true, "us", 200},
        {true, "di", 200},  {true, "ds", 200},  {true, "du", 400},  {false, "idi", 200},
        {false, "u", 404},  {true, "i", 409},   {true, "did", 200},
    };
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_buf mutations = BW_BUF_INIT;
        ask(f, "commit", "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'K','id':1}]}}]}");
        if (cases[i].exists)
            ask(f, "commit",
                "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K','id':1}]}}}]}");
        for (const char *op = cases[i].operations; *op; op++) {
            const char *name = *op == 'i' ? "insert" : *op == 'u' ? "update" : "upsert";
            bw_buf_adds(&mutations, mutations.len ? "," : "");
            if (*op == 'd')
                bw_buf_adds(&mutations, "{'delete':{'path':[{'kind':'K','id':1}]}}");
            else
                bw_buf_addf(&mutations, "{'%s':{'key':{'path':[{'kind':'K','id':1}]}}}", name);
        }
        int status = try_ask(f, "commit", "{'singleUseTransaction':{},'mutations':[%s]}",
                             bw_buf_cstr(&mutations));
        if (status != cases[i].status)
            fail_msg("%s answers %d: %s", cases[i].operations, status, body(f));
        bw_buf_fini(&mutations);
    }
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
              "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','id':1}]}}},"
              "{'delete':{'path':[{'kind':'K','id':1}]}}]}");
}

static void conflicts_are_detected(void **state)
{
    fixture *f = *state;
#define E \
    "'upsert':{'key':{'path':[{'kind':'K','name':'a'}]},'properties':{'n':{'integerValue':2}}}"
    put(f, "a", "{'n':{'integerValue':1}}");
    char *old = bw_xstrdup(at(f, "mutationResults.0.version"));
    char *old_time = bw_xstrdup(at(f, "mutationResults.0.updateTime"));
    put(f, "a", "{'n':{'integerValue':1}}");
    char *now = bw_xstrdup(at(f, "mutationResults.0.version"));
    char *now_time = bw_xstrdup(at(f, "mutationResults.0.updateTime"));
    ask(f, "commit", "{'mode':2,'mutations':[{" E ",'baseVersion':'%s'}]}", old);
    assert_at(f, "mutationResults.0.conflictDetected", "true");
    assert_at(f, "mutationResults.0.version", now);
    ask(f, "commit",
        "{'mode':2,'mutations':[{" E ",'updateTime':'%s','conflictResolutionStrategy':1}]}",
        old_time);
    assert_at(f, "mutationResults.0.conflictDetected", "true");
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'a'}]}]}");
    assert_at(f, "found.0.entity.properties.n.integerValue", "1");
    ask_fails(f, 409, "ABORTED", "commit",
              "{'mode':2,'mutations':[{" E ",'baseVersion':'%s','conflictResolutionStrategy':3}]}",
              old);
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
              "{'mode':2,'mutations':[{" E ",'baseVersion':'%s','updateTime':'%s'}]}", old,
              old_time);
    ask(f, "commit",
        "{'mode':2,'mutations':[{" E ",'updateTime':'%s','conflictResolutionStrategy':'FAIL'}]}",
        now_time);
    assert_false(bw_test_json_has(body(f), "mutationResults.0.conflictDetected"));
    char *last = bw_xstrdup(at(f, "mutationResults.0.version"));
    ask(f, "commit", "{'mode':2,'mutations':[{" E ",'baseVersion':%s}]}", last);
    assert_false(bw_test_json_has(body(f), "mutationResults.0.conflictDetected"));
    /* What has been deleted since conflicts too; what was not there and is not there does not. */
    last[0] = '\0';
    ask(f, "commit", "{'mode':2,'mutations':[{'delete':{'path':[{'kind':'K','name':'a'}]}}]}");
    ask(f, "commit", "{'mode':2,'mutations':[{" E ",'baseVersion':'%s'}]}", now);
    assert_at(f, "mutationResults.0.conflictDetected", "true");
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'a'}]}]}");
    char *missing = bw_xstrdup(at(f, "missing.0.version"));
    ask(f, "commit", "{'mode':2,'mutations':[{" E ",'baseVersion':'%s'}]}", missing);
    assert_false(bw_test_json_has(body(f), "mutationResults.0.conflictDetected"));
    char *const texts[] = {old, old_time, now, now_time, last, missing};
    for (size_t i = 0; i < BW_COUNT(texts); i++)
        free(texts[i]);
#undef E
}

static void masks_write_what_they_name(void **state)
{
    fixture *f = *state;
    put(f, "a",
        "{'x':{'integerValue':1},'y':{'integerValue':2},'o':{'entityValue':{'properties':"
        "{'a':{'integerValue':1},'b':{'integerValue':2}}}}}");
    ask(f, "commit",
        "{'mode':2,'mutations':[{'update':{'key':{'path':[{'kind':'K','name':'a'}]},'properties':"
        "{'x':{'integerValue':10},'z':{'integerValue':3},'o':{'entityValue':{'properties':"
        "{'a':{'integerValue':11},'b':{'integerValue':12}}}}}},"
        "'propertyMask':{'paths':['x','y','o.a']}}]}");
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'a'}]}]}");
    assert_at(f, "found.0.entity.properties.x.integerValue", "10");
    assert_false(bw_test_json_has(body(f), "found.0.entity.properties.y"));
    assert_false(bw_test_json_has(body(f), "found.0.entity.properties.z"));
    assert_at(f, "found.0.entity.properties.o.entityValue.properties.a.integerValue", "11");
    assert_at(f, "found.0.entity.properties.o.entityValue.properties.b.integerValue", "2");
    ask(f, "commit",
        "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','name':'new'}]},'properties':"
        "{'x':{'integerValue':1},'y':{'integerValue':2}}},'propertyMask':{'paths':['y']}}]}");
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'new'}]}]}");
    assert_false(bw_test_json_has(body(f), "found.0.entity.properties.x"));
    assert_at(f, "found.0.entity.properties.y.integerValue", "2");
}

/* A property as it was (NULL: missing), a transform, and what it is afterwards. */
static void transforms_compute_on_the_server(void **state)
{
    static const struct {
        const char *before, *transform, *after;
    } cases[] = {
        {"{'integerValue':1}", "'increment':{'integerValue':2}", "{'integerValue':'3'}"},
        {"{'integerValue':'9223372036854775807'}", "'increment':{'integerValue':1}",
         "{'integerValue':'9223372036854775807'}"},
        {"{'integerValue':'-9223372036854775808'}", "'increment':{'integerValue':-1}",
         "{'integerValue':'-9223372036854775808'}"},
        {"{'integerValue':1}", "'increment':{'doubleValue':0.5}", "{'doubleValue':1.5}"},
        {"{'stringValue':'x'}", "'increment':{'integerValue':2}", "{'integerValue':'2'}"},
        {NULL, "'increment':{'integerValue':2}", "{'integerValue':'2'}"},
        {"{'integerValue':5}", "'maximum':{'integerValue':7}", "{'integerValue':'7'}"},
        {"{'integerValue':5}", "'maximum':{'doubleValue':5.0}", "{'integerValue':'5'}"},
        {"{'integerValue':5}", "'maximum':{'doubleValue':'NaN'}", "{'doubleValue':'NaN'}"},
        {"{'integerValue':'9007199254740993'}", "'maximum':{'doubleValue':9007199254740992.0}",
         "{'integerValue':'9007199254740993'}"},
        {"{'integerValue':5}", "'minimum':{'integerValue':7}", "{'integerValue':'5'}"},
        {"{'doubleValue':5.5}", "'minimum':{'integerValue':5}", "{'integerValue':'5'}"},
        {NULL, "'minimum':{'integerValue':7}", "{'integerValue':'7'}"},
        {"{'arrayValue':{'values':[{'integerValue':1}]}}",
         "'appendMissingElements':{'values':[{'doubleValue':1.0},{'stringValue':'a'},"
         "{'stringValue':'a'}]}",
         "{'arrayValue':{'values':[{'integerValue':'1'},{'stringValue':'a'}]}}"},
        {"{'integerValue':1}", "'appendMissingElements':{'values':[{'nullValue':null}]}",
         "{'arrayValue':{'values':[{'nullValue':null}]}}"},
        {"{'arrayValue':{'values':[{'integerValue':1},{'integerValue':2},{'integerValue':1}]}}",
         "'removeAllFromArray':{'values':[{'integerValue':1}]}",
         "{'arrayValue':{'values':[{'integerValue':'2'}]}}"},
        {NULL, "'removeAllFromArray':{'values':[{'integerValue':1}]}",
         "{'arrayValue':{'values':[]}}"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char *given = cases[i].before ? bw_xasprintf("'x':%s", cases[i].before) : bw_xstrdup("");
        ask(f, "commit",
            "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','name':'t'}]},"
            "'properties':{%s}},'propertyTransforms':[{'property':'x',%s}]}]}",
            given, cases[i].transform);
        free(given);
        bool of_array = strstr(cases[i].transform, "rray") || strstr(cases[i].transform, "append");
        char *result = quoted(of_array ? "{'nullValue':null}" : cases[i].after);
        assert_at(f, "mutationResults.0.transformResults.0", result);
        free(result);
        ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'t'}]}]}");
        char *after = quoted(cases[i].after);
        assert_at(f, "found.0.entity.properties.x", after);
        free(after);
    }
    ask(f, "commit",
        "{'mode':2,'mutations':[{'update':{'key':{'path':[{'kind':'K','name':'t'}]}},"
        "'propertyMask':{'paths':['other']},'propertyTransforms':[{'property':'when',"
        "'setToServerValue':1},{'property':'x','increment':{'integerValue':1}}]}]}");
    char *when = bw_xstrdup(at(f, "mutationResults.0.transformResults.0.timestampValue"));
    assert_true(strlen(when) == strlen("2023-11-14T22:13:20.123Z") ||
                strlen(when) == strlen("2023-11-14T22:13:20Z"));
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'t'}]}]}");
    assert_at(f, "found.0.entity.properties.when.timestampValue", when);
    free(when);
    ask(f, "commit",
        "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'K','name':'t'}]},'properties':"
        "{'o':{'entityValue':{'properties':{'n':{'integerValue':1}}}}}},'propertyTransforms':["
        "{'property':'o.n','increment':{'integerValue':2}}]}]}");
    ask(f, "lookup", "{'keys':[{'path':[{'kind':'K','name':'t'}]}]}");
    assert_at(f, "found.0.entity.properties.o.entityValue.properties.n.integerValue", "3");
}

/* ---- Ids -------------------------------------------------------------------------------------- */

static void ids_are_allocated_once(void **state)
{
    fixture *f = *state;
    ask(f, "allocateIds",
        "{'keys':[{'path':[{'kind':'K'}]},{'path':[{'kind':'P','name':'a'},{'kind':'K'}]}]}");
    char *first = bw_xstrdup(at(f, "keys.0.path.0.id"));
    assert_true(strtoll(first, NULL, 10) > 0);
    assert_at(f, "keys.1.path.0.name", "a");
    assert_at(f, "keys.0.partitionId.projectId", "p");
    long long last = strtoll(at(f, "keys.1.path.1.id"), NULL, 10);
    /* What is reserved or there already is not handed out. */
    ask(f, "reserveIds", "{'keys':[{'path':[{'kind':'K','id':'%lld'}]}]}", last + 1);
    assert_string_equal(body(f), "{}");
    ask(f, "commit",
        "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K','id':'%lld'}]}}}]}",
        last + 2);
    ask(f, "commit",
        "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K'}]}}},"
        "{'upsert':{'key':{'path':[{'kind':'K'}]}}}]}");
    assert_int_equal(strtoll(at(f, "mutationResults.0.key.path.0.id"), NULL, 10), last + 3);
    assert_int_equal(strtoll(at(f, "mutationResults.1.key.path.0.id"), NULL, 10), last + 4);
    ask_fails(f, 400, "INVALID_ARGUMENT", "allocateIds",
              "{'keys':[{'path':[{'kind':'K','id':1}]}]}");
    ask_fails(f, 400, "INVALID_ARGUMENT", "reserveIds", "{'keys':[{'path':[{'kind':'K'}]}]}");
    ask_fails(f, 400, "INVALID_ARGUMENT", "reserveIds",
              "{'keys':[{'path':[{'kind':'K','name':'a'}]}]}");
    free(first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup_again)
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_as_they_were),
        TEST(long_values_are_kept_when_they_are_not_indexed),
        TEST(the_size_of_an_entity_is_limited),
        TEST(lookups_tell_found_from_missing),
        TEST(lookups_defer_what_does_not_fit),
        TEST(partitions_do_not_see_each_other),
        TEST(each_operation_asks_for_its_state),
        TEST(versions_only_grow),
        TEST(a_commit_is_atomic),
        TEST(sequences_are_checked),
        TEST(conflicts_are_detected),
        TEST(masks_write_what_they_name),
        TEST(transforms_compute_on_the_server),
        TEST(ids_are_allocated_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
