/* Look-ups, queries and counts. */
#include <inttypes.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/google/datastore_internal.h"
#include "backend/google/entity.h"

/* ---- lookup ----------------------------------------------------------------------------- */

static int by_identity(const void *a, const void *b)
{
    bw_slice x = ((const bw_dsasked *)a)->identity, y = ((const bw_dsasked *)b)->identity;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

bw_status bw_dslookup_init(bw_dslookup *l, const bw_slice *keys, size_t n, bw_arena *arena,
                           bw_datastore_answer *out, bw_error *err)
{
    bw_buf identity = BW_BUF_INIT;
    *out = (bw_datastore_answer){.count = n, .read_us = BW_TIME_NONE};
    out->results = BW_ARENA_ARRAY(arena, bw_datastore_result, n + 1);
    *l = (bw_dslookup){.arena = arena, .count = n, .out = out};
    l->keys = BW_ARENA_ARRAY(arena, bw_dsasked, n + 1);
    for (size_t i = 0; i < n; i++) {
        bw_buf_clear(&identity);
        if (!bw_key_identity(keys[i], &identity)) {
            bw_buf_fini(&identity);
            return bw_error_set(err, BW_INVALID, "cannot look up entities: key %zu is not complete",
                                i + 1);
        }
        l->keys[i].identity = bw_arena_slice(arena, bw_buf_slice(&identity));
        l->keys[i].key = keys[i];
        l->keys[i].place = i;
    }
    bw_buf_fini(&identity);
    qsort(l->keys, n, sizeof(*l->keys), by_identity);
    return BW_OK;
}

/* The first of the asked keys that are equal to this one; NULL when nobody asked for it. */
static bw_dsasked *find_asked(const bw_dslookup *l, bw_slice key)
{
    bw_buf identity = BW_BUF_INIT;
    bw_dsasked *found = NULL;
    if (bw_key_identity(key, &identity)) {
        bw_dsasked wanted = {.identity = bw_buf_slice(&identity)};
        found = bsearch(&wanted, l->keys, l->count, sizeof(*l->keys), by_identity);
        while (found && found > l->keys && by_identity(found - 1, found) == 0)
            found--;
    }
    bw_buf_fini(&identity);
    return found;
}

static bool take_results(bw_dslookup *l, bw_slice answer, const char *member, bool found)
{
    bw_json_scan scan = bw_json_scan_init(bw_json_member(answer, member));
    bw_json_token t;
    bw_slice raw;
    bw_datastore_result result;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_ARRAY)
        return true;
    while (bw_json_next_element(&scan, &raw)) {
        if (!bw_datastore_read_result(raw, found, &result))
            return false;
        bw_dsasked *a = find_asked(l, bw_entity_key(result.entity));
        if (!a || a->answered)
            return false;
        for (bw_dsasked *same = a; same < l->keys + l->count && by_identity(same, a) == 0; same++) {
            l->out->results[same->place] = result;
            same->answered = true;
        }
    }
    return true;
}

bool bw_dslookup_take(bw_dslookup *l, bw_slice answer)
{
    return take_results(l, answer, "found", true) && take_results(l, answer, "missing", false);
}

size_t bw_dslookup_unanswered(const bw_dslookup *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++)
        n += !l->keys[i].answered;
    return n;
}

/* Asks for what is not answered yet, each key once. */
static bw_status ask(bw_datastore *ds, const bw_datastore_call *call, const bw_dslookup *l,
                     const bw_datastore_read *read, bw_slice *answer, bw_error *err)
{
    bw_buf *body = bw_datastore_request(ds);
    bool first = true;
    bw_buf_adds(body, "\"keys\":[");
    for (size_t i = 0; i < l->count; i++) {
        const bw_dsasked *a = &l->keys[i];
        if (a->answered || (i && by_identity(a - 1, a) == 0))
            continue;
        if (!first)
            bw_buf_addc(body, ',');
        bw_buf_add(body, a->key.ptr, a->key.len);
        first = false;
    }
    bw_buf_addc(body, ']');
    bw_datastore_add_read(body, read);
    bw_buf_addc(body, '}');
    return bw_datastore_send(ds, call, l->arena, answer, err);
}

static bw_status lookup_all(bw_datastore *ds, const bw_datastore_call *call, bw_dslookup *l,
                            const bw_datastore_read *read, bw_error *err)
{
    bw_datastore_read further = read ? *read : (bw_datastore_read){.at_us = 0};
    bw_slice answer;
    bw_datastore_call asked = *call;
    for (size_t left = l->count; left;) {
        bw_status s = ask(ds, &asked, l, &further, &answer, err);
        if (s != BW_OK)
            return s;
        if (!bw_dslookup_take(l, answer))
            return bw_datastore_nonsense(call, "it has a result that was not asked for", err);
        size_t now = bw_dslookup_unanswered(l);
        if (now && (now == left || !bw_json_member(answer, "deferred").len))
            return bw_datastore_nonsense(call, "it leaves out a key", err);
        left = now;
        l->out->read_us = bw_datastore_time(answer, "readTime");
        if (further.begin) {
            l->out->transaction = bw_datastore_text(answer, "transaction");
            if (!l->out->transaction.len)
                return bw_datastore_nonsense(call, "it names no transaction", err);
            further = (bw_datastore_read){.transaction = l->out->transaction};
            asked.in_transaction = true;
        }
    }
    return BW_OK;
}

bw_status bw_datastore_lookup(bw_datastore *ds, const bw_slice *keys, size_t n_keys,
                              const bw_datastore_read *read, bw_arena *arena,
                              bw_datastore_answer *out, bw_error *err)
{
    const bw_datastore_call call = {.verb = "lookup",
                                    .what = "look up entities",
                                    .in_transaction = read && read->transaction.len};
    bw_dslookup l;
    *out = (bw_datastore_answer){.read_us = BW_TIME_NONE};
    if (n_keys > BW_DATASTORE_MAX_KEYS)
        return bw_error_set(err, BW_INVALID, "cannot look up entities: %zu keys at once", n_keys);
    bw_status s = bw_dslookup_init(&l, keys, n_keys, arena, out, err);
    return s == BW_OK ? lookup_all(ds, &call, &l, read, err) : s;
}

/* ---- queries ---------------------------------------------------------------------------- */

/* "partitionId":{...}, for what is not the default one. */
static void add_partition(const bw_datastore *ds, bw_buf *body, const char *namespace)
{
    bw_buf_adds(body, "\"partitionId\":{\"projectId\":");
    bw_json_add_string(body, bw_slice_cstr(ds->project ? ds->project : ""));
    if (*ds->database) {
        bw_buf_adds(body, ",\"databaseId\":");
        bw_json_add_string(body, bw_slice_cstr(ds->database));
    }
    if (namespace && *namespace) {
        bw_buf_adds(body, ",\"namespaceId\":");
        bw_json_add_string(body, bw_slice_cstr(namespace));
    }
    bw_buf_addc(body, '}');
}

/* The query with what says where this part of it begins and ends. */
static bw_status add_query(bw_buf *body, const bw_datastore_query *query, bw_error *err)
{
    bw_slice text = query->query;
    while (text.len && text.ptr[text.len - 1] != '}')
        text.len--;
    if (text.len < 2 || text.ptr[0] != '{')
        return bw_error_set(err, BW_INTERNAL, "a query is not a JSON object");
    bw_buf_add(body, text.ptr, text.len - 1);
    const char *comma = text.len > 2 ? "," : "";
    if (query->start_cursor.len) {
        bw_buf_adds(body, comma);
        bw_datastore_add_opaque(body, "startCursor", query->start_cursor);
        comma = ",";
    }
    if (query->limit > 0)
        bw_buf_addf(body, "%s\"limit\":%" PRId64, comma, query->limit);
    bw_buf_addc(body, '}');
    return BW_OK;
}

static bool read_more(bw_slice text, bw_datastore_more *more)
{
    static const struct {
        const char *name;
        bw_datastore_more more;
    } names[] = {
        {"NOT_FINISHED", BW_DATASTORE_NOT_FINISHED},
        {"MORE_RESULTS_AFTER_LIMIT", BW_DATASTORE_AFTER_LIMIT},
        {"MORE_RESULTS_AFTER_CURSOR", BW_DATASTORE_AFTER_CURSOR},
        {"NO_MORE_RESULTS", BW_DATASTORE_NO_MORE},
    };
    for (size_t i = 0; i < BW_COUNT(names); i++) {
        if (bw_slice_is(text, names[i].name)) {
            *more = names[i].more;
            return true;
        }
    }
    return false;
}

static bool read_results(bw_slice results, bw_arena *arena, bw_datastore_batch *out)
{
    bw_json_scan scan = bw_json_scan_init(results);
    bw_json_token t;
    bw_slice raw;
    bw_datastore_result *found = NULL;
    size_t n = 0, cap = 0;
    bool good = true;
    bool array = bw_json_next(&scan, &t) && t.type == BW_JSON_ARRAY;
    while (array && good && bw_json_next_element(&scan, &raw)) {
        BW_GROW(found, n + 1, cap);
        good = bw_datastore_read_result(raw, true, &found[n++]);
    }
    out->results = BW_ARENA_ARRAY(arena, bw_datastore_result, n + 1);
    if (n)
        memcpy(out->results, found, n * sizeof(*found));
    out->count = n;
    free(found);
    return good;
}

const char *bw_datastore_read_batch(bw_slice answer, bw_arena *arena, bw_datastore_batch *out)
{
    enum { BATCH, TRANSACTION, OUTER };
    enum { RESULTS, END, MORE, READ, INNER };
    static const char *const outer_names[OUTER] = {"batch", "transaction"};
    static const char *const inner_names[INNER] = {"entityResults", "endCursor", "moreResults",
                                                   "readTime"};
    bw_slice outer[OUTER], inner[INNER];
    bw_json_members(answer, outer_names, OUTER, outer);
    bw_json_members(outer[BATCH], inner_names, INNER, inner);
    *out = (bw_datastore_batch){.end_cursor = bw_datastore_text_of(inner[END]),
                                .read_us = bw_datastore_time_of(inner[READ]),
                                .transaction = bw_datastore_text_of(outer[TRANSACTION])};
    if (!read_more(bw_datastore_text_of(inner[MORE]), &out->more))
        return "it does not say whether there are more results";
    return read_results(inner[RESULTS], arena, out) ? NULL : "it has a result without an entity";
}

bw_status bw_datastore_run_query(bw_datastore *ds, const bw_datastore_query *query, bw_arena *arena,
                                 bw_datastore_batch *out, bw_error *err)
{
    const bw_datastore_call call = {.verb = "runQuery",
                                    .what = "query entities",
                                    .in_transaction = query->read.transaction.len > 0};
    bw_buf *body = bw_datastore_request(ds);
    bw_slice answer;
    *out = (bw_datastore_batch){.read_us = BW_TIME_NONE};
    add_partition(ds, body, query->namespace);
    bw_datastore_add_read(body, &query->read);
    bw_buf_adds(body, ",\"query\":");
    bw_status s = add_query(body, query, err);
    bw_buf_addc(body, '}');
    if (s == BW_OK)
        s = bw_datastore_send(ds, &call, arena, &answer, err);
    if (s != BW_OK)
        return s;
    const char *why = bw_datastore_read_batch(answer, arena, out);
    if (why)
        return bw_datastore_nonsense(&call, why, err);
    if (query->read.begin && !out->transaction.len)
        return bw_datastore_nonsense(&call, "it names no transaction", err);
    return BW_OK;
}

/* ---- walks ------------------------------------------------------------------------------ */

#define PAGE 300

bw_status bw_datastore_walk_next(bw_datastore *ds, bw_datastore_walk *walk, bw_arena *arena,
                                 bw_datastore_batch *out, bw_error *err)
{
    static const bw_datastore_call call = {.verb = "runQuery", .what = "query entities"};
    bw_datastore_query query = walk->query;
    int64_t page = walk->page > 0 ? walk->page : PAGE;
    int64_t left = walk->query.limit > 0 ? walk->query.limit - walk->seen : page;
    query.limit = left < page ? left : page;
    if (walk->cursor.len)
        query.start_cursor = bw_buf_slice(&walk->cursor);
    bw_status s = bw_datastore_run_query(ds, &query, arena, out, err);
    while (s == BW_UNSUPPORTED && query.limit > 1) {
        /* The answer was larger than we take. */
        walk->page = query.limit = (query.limit + 3) / 4;
        s = bw_datastore_run_query(ds, &query, arena, out, err);
    }
    if (s != BW_OK)
        return s;
    if ((int64_t)out->count > query.limit)
        return bw_datastore_nonsense(&call, "it has more results than were asked for", err);
    walk->seen += (int64_t)out->count;
    bool more = out->more == BW_DATASTORE_NOT_FINISHED || out->more == BW_DATASTORE_AFTER_LIMIT;
    walk->over = !more || (walk->query.limit > 0 && walk->seen >= walk->query.limit);
    if (walk->over)
        return BW_OK;
    if (!out->end_cursor.len || bw_slice_eq(out->end_cursor, query.start_cursor))
        return bw_datastore_nonsense(&call, "there are more results, but nowhere to go on", err);
    bw_buf_clear(&walk->cursor);
    bw_buf_add(&walk->cursor, out->end_cursor.ptr, out->end_cursor.len);
    if (query.read.begin)
        walk->query.read = (bw_datastore_read){.transaction = out->transaction};
    return BW_OK;
}

void bw_datastore_walk_fini(bw_datastore_walk *walk)
{
    bw_buf_fini(&walk->cursor);
}

/* ---- counts ----------------------------------------------------------------------------- */

bw_status bw_datastore_count(bw_datastore *ds, const bw_datastore_query *query, int64_t up_to,
                             int64_t *count, int64_t *read_us, bw_error *err)
{
    const bw_datastore_call call = {.verb = "runAggregationQuery",
                                    .what = "count entities",
                                    .in_transaction = query->read.transaction.len > 0};
    bw_arena arena = BW_ARENA_INIT;
    bw_buf *body = bw_datastore_request(ds);
    bw_slice answer, raw = {NULL, 0}, value;
    bw_json_token t;
    add_partition(ds, body, query->namespace);
    bw_datastore_add_read(body, &query->read);
    bw_buf_adds(body, ",\"aggregationQuery\":{\"aggregations\":[{\"alias\":\"count\",\"count\":{");
    if (up_to > 0)
        bw_buf_addf(body, "\"upTo\":\"%" PRId64 "\"", up_to);
    bw_buf_adds(body, "}}],\"nestedQuery\":");
    bw_status s = add_query(body, query, err);
    bw_buf_adds(body, "}}");
    if (s == BW_OK)
        s = bw_datastore_send(ds, &call, &arena, &answer, err);
    if (s == BW_OK) {
        bw_slice batch = bw_json_member(answer, "batch");
        bw_json_scan scan = bw_json_scan_init(bw_json_member(batch, "aggregationResults"));
        if (!bw_json_next(&scan, &t) || t.type != BW_JSON_ARRAY ||
            !bw_json_next_element(&scan, &raw))
            raw = (bw_slice){NULL, 0};
        value = bw_json_member(bw_json_member(raw, "aggregateProperties"), "count");
        if (!bw_json_member_int(value, "integerValue", count) || *count < 0)
            s = bw_datastore_nonsense(&call, "it has no count", err);
        else if (read_us)
            *read_us = bw_datastore_time(batch, "readTime");
    }
    bw_arena_fini(&arena);
    return s;
}
