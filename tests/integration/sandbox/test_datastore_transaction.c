/* Datastore: transactions, snapshots, races, and what survives a kill. Over HTTP. */
#include "tests/integration/sandbox/datastore_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define K_A   "{'path':[{'kind':'K','name':'a'}]}"
#define K_B   "{'path':[{'kind':'K','name':'b'}]}"
#define PUT_B "{'upsert':{'key':" K_B ",'properties':{'n':{'integerValue':1}}}}"

static char *begin(fixture *f, const char *options)
{
    ask(f, "beginTransaction", "{'transactionOptions':%s}", options);
    return bw_xstrdup(at(f, "transaction"));
}

static void a_transaction_writes_at_its_end(void **state)
{
    fixture *f = *state;
    put(f, "a", "{'n':{'integerValue':1}}");
    char *t = begin(f, "{}");
    ask(f, "lookup", "{'keys':[" K_A "," K_B "],'readOptions':{'transaction':'%s'}}", t);
    assert_at(f, "found.0.entity.properties.n.integerValue", "1");
    assert_false(bw_test_json_has(body(f), "transaction"));
    ask(f, "commit", "{'mode':1,'transaction':'%s','mutations':[" PUT_B "]}", t);
    assert_true(bw_test_json_has(body(f), "commitTime"));
    assert_query(f, "{'kind':[{'name':'K'}]}", "a b");
    /* It is over now. */
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit", "{'transaction':'%s'}", t);
    ask_fails(f, 400, "INVALID_ARGUMENT", "rollback", "{'transaction':'%s'}", t);
    ask_fails(f, 400, "INVALID_ARGUMENT", "lookup",
              "{'keys':[" K_A "],'readOptions':{'transaction':'%s'}}", t);
    free(t);
}

static void a_rollback_ends_it(void **state)
{
    fixture *f = *state;
    char *t = begin(f, "{'readWrite':{}}");
    ask(f, "rollback", "{'transaction':'%s'}", t);
    assert_string_equal(body(f), "{}");
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit", "{'transaction':'%s','mutations':[" PUT_B "]}",
              t);
    free(t);
    assert_query(f, "{'kind':[{'name':'K'}]}", "");
}

/* What a transaction has read, what another one writes meanwhile, and whether they can both be. */
static void commits_fail_when_what_was_read_has_changed(void **state)
{
#define LOOK      "lookup", "{'keys':[" K_A "],'readOptions':{'transaction':'%s'}}"
#define MUTATE(m) "{'mode':2,'mutations':[" m "]}"
#define UPSERT(name, properties)                                                                 \
    MUTATE("{'upsert':{'key':{'path':[{'kind':'K','name':'" name "'}]},'properties':" properties \
           "}}")
#define READ(query) "{'query':{'kind':[{'name':'K'}]" query "},'readOptions':{'transaction':'%s'}}"
#define WHERE_N(n)                                                                                 \
    ",'filter':{'propertyFilter':{'property':{'name':'n'},'op':5,'value':{'integerValue':" #n "}}" \
    "}"
#define COUNT                                                                                    \
    "{'aggregationQuery':{'aggregations':[{'count':{}}],'nestedQuery':{'kind':[{'name':'K'}]}}," \
    "'readOptions':{'transaction':'%s'}}"
    static const struct {
        bool aborted;
        const char *verb, *read, *other;
    } cases[] = {
        {true, LOOK, UPSERT("a", "{'n':{'integerValue':2}}")},
        {true, LOOK, MUTATE("{'delete':" K_A "}")},
        {false, LOOK, UPSERT("c", "{}")},
        {true, "lookup",
         "{'keys':[{'path':[{'kind':'K','name':'none'}]}],'readOptions':{'transaction':'%s'}}",
         UPSERT("none", "{}")},
        {true, "runQuery", READ(""), UPSERT("c", "{}")},
        {true, "runQuery", READ(""), MUTATE("{'delete':" K_A "}")},
        {true, "runQuery", READ(WHERE_N(1)), UPSERT("a", "{'n':{'integerValue':2}}")},
        {true, "runQuery", READ(WHERE_N(1)), UPSERT("c", "{'n':{'integerValue':1}}")},
        {false, "runQuery", READ(WHERE_N(1)), UPSERT("c", "{'n':{'integerValue':2}}")},
        {true, "runQuery", READ(WHERE_N(77)), UPSERT("c", "{'n':{'integerValue':77}}")},
        {false, "runQuery", READ(",'limit':1"), UPSERT("z", "{}")},
        {true, "runQuery", READ(",'limit':1"), UPSERT("A", "{}")},
        /* Statistics and other computed kinds change with every write and are in nobody's way. */
        {false, "lookup",
         "{'keys':[{'partitionId':{'namespaceId':'fresh'},'path':[{'kind':'__Stat_Ns_Kind__',"
         "'name':'K'}]},{'path':[{'kind':'__Stat_Kind__','name':'K'}]}],'readOptions':"
         "{'transaction':'%s'}}",
         UPSERT("c", "{}")},
        {false, "runQuery",
         "{'query':{'kind':[{'name':'__Stat_Kind__'}]},'readOptions':{'transaction':'%s'}}",
         UPSERT("c", "{}")},
        {true, "runAggregationQuery", COUNT, UPSERT("c", "{}")},
        {false, "runAggregationQuery", COUNT,
         "{'mode':2,'mutations':[{'upsert':{'key':{'path':[{'kind':'L','name':'c'}]}}}]}"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        assert_int_equal(setup_again(state), 0);
        put(f, "a", "{'n':{'integerValue':1}}");
        char *t = begin(f, "{}");
        char *read = bw_xstrdup(cases[i].read);
        char *place = strstr(read, "%s");
        *place = '\0';
        ask(f, cases[i].verb, "%s%s%s", read, t, place + 2);
        free(read);
        ask(f, "commit", "%s", cases[i].other);
        int status = try_ask(f, "commit", "{'transaction':'%s','mutations':[" PUT_B "]}", t);
        if (status != (cases[i].aborted ? 409 : 200) ||
            (cases[i].aborted && strcmp(at(f, "error.status"), "ABORTED") != 0))
            fail_msg("case %zu answers %d: %s", i, status, body(f));
        if (cases[i].aborted) {
            ask_fails(f, 400, "INVALID_ARGUMENT", "commit", "{'transaction':'%s'}", t);
            if (i % 2)
                ask(f, "rollback", "{'transaction':'%s'}", t);
            ask(f, "beginTransaction",
                "{'transactionOptions':{'readWrite':{'previousTransaction':'%s'}}}", t);
            ask_fails(f, 400, "INVALID_ARGUMENT", "rollback", "{'transaction':'%s'}", t);
        }
        free(t);
    }
}

/* A transaction sees what was there when it began, and nothing else. */
static void transactions_read_one_snapshot(void **state)
{
    static const char *const options[] = {"{}", "{'readOnly':{}}"};
    fixture *f = *state;
    for (size_t i = 0; i < BW_COUNT(options); i++) {
        assert_int_equal(setup_again(state), 0);
        put(f, "a", "{'n':{'integerValue':1}}");
        put(f, "b", "{'n':{'integerValue':1}}");
        char *t = begin(f, options[i]);
        put(f, "a", "{'n':{'integerValue':2}}");
        put(f, "c", "{'n':{'integerValue':2}}");
        ask(f, "commit", "{'mode':2,'mutations':[{'delete':" K_B "}]}");
        ask(f, "lookup", "{'keys':[" K_A "],'readOptions':{'transaction':'%s'}}", t);
        assert_at(f, "found.0.entity.properties.n.integerValue", "1");
        ask(f, "runQuery",
            "{'query':{'kind':[{'name':'K'}],'order':[{'property':{'name':'n'}}]},"
            "'readOptions':{'transaction':'%s'}}",
            t);
        char *names = names_of(f);
        assert_string_equal(names, "a b");
        free(names);
        ask(f, "runAggregationQuery",
            "{'aggregationQuery':{'aggregations':[{'alias':'s','sum':{'property':{'name':'n'}}}],"
            "'nestedQuery':{'kind':[{'name':'K'}]}},'readOptions':{'transaction':'%s'}}",
            t);
        assert_at(f, "batch.aggregationResults.0.aggregateProperties.s.integerValue", "2");
        if (i == 1) {
            ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
                      "{'transaction':'%s','mutations':[" PUT_B "]}", t);
            ask(f, "rollback", "{'transaction':'%s'}", t);
        }
        free(t);
    }
}

static void the_past_can_be_read(void **state)
{
    fixture *f = *state;
    put(f, "a", "{'n':{'integerValue':1}}");
    char *then = bw_xstrdup(at(f, "commitTime"));
    put(f, "a", "{'n':{'integerValue':2}}");
    ask(f, "commit", "{'mode':2,'mutations':[{'delete':" K_A "}," PUT_B "]}");
    ask(f, "lookup", "{'keys':[" K_A "," K_B "],'readOptions':{'readTime':'%s'}}", then);
    assert_at(f, "found.0.entity.properties.n.integerValue", "1");
    assert_at(f, "missing.0.entity.key.path.0.name", "b");
    assert_at(f, "readTime", then);
    ask(f, "runQuery",
        "{'query':{'kind':[{'name':'__Stat_Kind__'}]},'readOptions':{'readTime':'%s'}}", then);
    assert_at(f, "batch.entityResults.0.entity.properties.count.integerValue", "1");
    ask(f, "beginTransaction", "{'transactionOptions':{'readOnly':{'readTime':'%s'}}}", then);
    char *t = bw_xstrdup(at(f, "transaction"));
    ask(f, "lookup", "{'keys':[" K_A "],'readOptions':{'transaction':'%s'}}", t);
    assert_at(f, "found.0.entity.properties.n.integerValue", "1");
    ask(f, "commit", "{'transaction':'%s'}", t);
    free(t);
    free(then);
}

static void reads_can_begin_a_transaction(void **state)
{
    fixture *f = *state;
    ask(f, "lookup", "{'keys':[" K_A "],'readOptions':{'newTransaction':{}}}");
    char *t = bw_xstrdup(at(f, "transaction"));
    assert_true(*t);
    put(f, "a", "{}");
    ask_fails(f, 409, "ABORTED", "commit", "{'transaction':'%s','mutations':[" PUT_B "]}", t);
    free(t);
    ask(f, "runQuery", "{'query':{'kind':[{'name':'K'}]},'readOptions':{'newTransaction':{}}}");
    t = bw_xstrdup(at(f, "transaction"));
    ask(f, "commit", "{'transaction':'%s','mutations':[" PUT_B "]}", t);
    free(t);
    ask(f, "commit", "{'singleUseTransaction':{'readWrite':{}},'mutations':[" PUT_B "]}");
    ask_fails(f, 400, "INVALID_ARGUMENT", "commit",
              "{'singleUseTransaction':{'readOnly':{}},'mutations':[" PUT_B "]}");
}

static void transactions_belong_to_their_database(void **state)
{
    fixture *f = *state;
    char *t = begin(f, "{}");
    ask_fails(f, 400, "INVALID_ARGUMENT", "rollback", "{'databaseId':'d','transaction':'%s'}", t);
    f->project = "q";
    ask_fails(f, 400, "INVALID_ARGUMENT", "rollback", "{'transaction':'%s'}", t);
    f->project = "p";
    ask(f, "rollback", "{'transaction':'%s'}", t);
    free(t);
}

/* ---- Races ------------------------------------------------------------------------------------ */

#define WORKERS    6
#define INCREMENTS 40

typedef struct worker {
    pthread_t thread;
    const char *url;
    int aborted, failed;
} worker;

/* Reads the counter and writes it plus one, until that has worked; false on an unexpected answer. */
static bool increment(worker *w, bw_test_http *http)
{
    for (;;) {
        if (post(http, "p", "beginTransaction", "{}") != 200)
            return false;
        bw_slice answer = bw_slice_cstr(bw_test_http_body(http));
        char *t = bw_json_member_string(answer, "transaction");
        char *text = bw_xasprintf("{'keys':[" K_A "],'readOptions':{'transaction':'%s'}}", t);
        int status = post(http, "p", "lookup", text);
        free(text);
        const char *found =
            status == 200 ? strstr(bw_test_http_body(http), "integerValue\":\"") : NULL;
        if (!found) {
            free(t);
            return false;
        }
        long long n = strtoll(found + strlen("integerValue\":\""), NULL, 10);
        text = bw_xasprintf("{'transaction':'%s','mutations':[{'update':{'key':" K_A
                            ",'properties':{'n':{'integerValue':'%lld'}}}}]}",
                            t, n + 1);
        status = post(http, "p", "commit", text);
        free(text);
        free(t);
        if (status == 200)
            return true;
        if (status != 409 || !strstr(bw_test_http_body(http), "ABORTED"))
            return false;
        w->aborted++;
    }
}

static void *work(void *user)
{
    worker *w = user;
    bw_test_http *http = bw_test_http_new(w->url);
    for (int i = 0; i < INCREMENTS && !w->failed; i++)
        w->failed = !increment(w, http);
    bw_test_http_free(http);
    return NULL;
}

static void no_increment_is_lost(void **state)
{
    fixture *f = *state;
    worker workers[WORKERS];
    char total[24];
    put(f, "a", "{'n':{'integerValue':0}}");
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.url = bw_test_sandbox_url(f->sandbox)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_false(workers[i].failed);
    }
    snprintf(total, sizeof total, "%d", WORKERS * INCREMENTS);
    ask(f, "lookup", "{'keys':[" K_A "]}");
    assert_at(f, "found.0.entity.properties.n.integerValue", total);
}

/* ---- Durability ------------------------------------------------------------------------------- */

static void what_was_committed_survives_a_kill(void **state)
{
    fixture *f = *state;
    put(f, "a", "{'n':{'integerValue':'9007199254740993'}}");
    char *version = bw_xstrdup(at(f, "mutationResults.0.version"));
    put(f, "b", "{'n':{'integerValue':2}}");
    ask(f, "commit", "{'mode':2,'mutations':[{'delete':" K_B "}]}");
    ask(f, "allocateIds", "{'keys':[{'path':[{'kind':'K'}]}]}");
    long long id = strtoll(at(f, "keys.0.path.0.id"), NULL, 10);
    char *t = begin(f, "{}");
    bw_test_sandbox_restart(f->sandbox);
    bw_test_http_free(f->http);
    f->http = bw_test_http_new(bw_test_sandbox_url(f->sandbox));
    ask(f, "lookup", "{'keys':[" K_A "," K_B "]}");
    assert_at(f, "found.0.entity.properties.n.integerValue", "9007199254740993");
    assert_at(f, "found.0.version", version);
    assert_at(f, "missing.0.entity.key.path.0.name", "b");
    assert_query(f, "{'kind':[{'name':'K'}],'order':[{'property':{'name':'n'}}]}", "a");
    ask_fails(f, 400, "INVALID_ARGUMENT", "rollback", "{'transaction':'%s'}", t);
    ask(f, "allocateIds", "{'keys':[{'path':[{'kind':'K'}]}]}");
    assert_true(strtoll(at(f, "keys.0.path.0.id"), NULL, 10) > id);
    put(f, "a", "{}");
    assert_true(strtoll(at(f, "mutationResults.0.version"), NULL, 10) > strtoll(version, NULL, 10));
    free(t);
    free(version);
}

#define PAIRS 60

typedef struct writer {
    pthread_t thread;
    const char *url;
    atomic_int acknowledged;
} writer;

/* Commits pairs of entities until the service is gone. */
static void *write_pairs(void *user)
{
    writer *w = user;
    bw_test_http *http = bw_test_http_new(w->url);
    for (int i = 1, status = 200; status == 200; i++) {
        char *text = bw_xasprintf(
            "{'mode':2,'mutations':[{'insert':{'key':{'path':[{'kind':'K','id':%d}]},'properties':"
            "{'n':{'integerValue':%d}}}},{'insert':{'key':{'path':[{'kind':'L','id':%d}]}}}]}",
            i, i, i);
        status = post(http, "p", "commit", text);
        free(text);
        if (status == 200)
            atomic_store(&w->acknowledged, i);
    }
    bw_test_http_free(http);
    return NULL;
}

static long long count_of(fixture *f, const char *query)
{
    ask(f, "runAggregationQuery",
        "{'aggregationQuery':{'aggregations':[{'alias':'c','count':{}}],'nestedQuery':%s}}", query);
    return strtoll(at(f, "batch.aggregationResults.0.aggregateProperties.c.integerValue"), NULL,
                   10);
}

/* Killed in the middle of commits: what was acknowledged is there, and nothing is there by half. */
static void a_kill_leaves_whole_commits(void **state)
{
    fixture *f = *state;
    writer w = {.url = bw_test_sandbox_url(f->sandbox)};
    assert_int_equal(pthread_create(&w.thread, NULL, write_pairs, &w), 0);
    while (atomic_load(&w.acknowledged) < PAIRS)
        count_of(f, "{'kind':[{'name':'K'}]}"); /* fails when the service does not answer */
    bw_test_sandbox_kill(f->sandbox);
    assert_int_equal(pthread_join(w.thread, NULL), 0);
    bw_test_sandbox_restart(f->sandbox);
    bw_test_http_free(f->http);
    f->http = bw_test_http_new(bw_test_sandbox_url(f->sandbox));
    long long pairs = count_of(f, "{'kind':[{'name':'K'}]}");
    assert_in_range(pairs, atomic_load(&w.acknowledged), atomic_load(&w.acknowledged) + 1);
    assert_int_equal(count_of(f, "{'kind':[{'name':'L'}]}"), pairs);
    assert_int_equal(count_of(f, "{'kind':[{'name':'K'}],'order':[{'property':{'name':'n'}}]}"),
                     pairs);
}

static void a_reset_forgets_everything(void **state)
{
    fixture *f = *state;
    put(f, "a", "{'n':{'integerValue':1}}");
    char *t = begin(f, "{}");
    assert_int_equal(setup_again(state), 0);
    assert_query(f, "{'kind':[{'name':'K'}]}", "");
    assert_query(f, "{'kind':[{'name':'__namespace__'}]}", "");
    ask_fails(f, 400, "INVALID_ARGUMENT", "rollback", "{'transaction':'%s'}", t);
    free(t);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup_again)
    const struct CMUnitTest tests[] = {
        TEST(a_transaction_writes_at_its_end),
        TEST(a_rollback_ends_it),
        TEST(commits_fail_when_what_was_read_has_changed),
        TEST(transactions_read_one_snapshot),
        TEST(the_past_can_be_read),
        TEST(reads_can_begin_a_transaction),
        TEST(transactions_belong_to_their_database),
        TEST(no_increment_is_lost),
        cmocka_unit_test_setup_teardown(what_was_committed_survives_a_kill, setup_persistent,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_kill_leaves_whole_commits, setup_persistent, teardown),
        TEST(a_reset_forgets_everything),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
