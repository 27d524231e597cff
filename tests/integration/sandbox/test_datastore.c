/* Datastore: values, keys, lookups, commits, ids, and what is refused. Over HTTP. */
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

/* ---- What is refused -------------------------------------------------------------------------- */

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
        TEST(values_come_back_as_they_were),
        TEST(long_values_are_kept_when_they_are_not_indexed),
        TEST(the_size_of_an_entity_is_limited),
        TEST(lookups_tell_found_from_missing),
        TEST(partitions_do_not_see_each_other),
        TEST(each_operation_asks_for_its_state),
        TEST(versions_only_grow),
        TEST(a_commit_is_atomic),
        TEST(sequences_are_checked),
        TEST(conflicts_are_detected),
        TEST(masks_write_what_they_name),
        TEST(transforms_compute_on_the_server),
        TEST(ids_are_allocated_once),
        TEST(bad_requests_are_refused_with_a_reason),
        TEST(more_than_fits_is_refused),
        TEST(unknown_methods_are_not_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
