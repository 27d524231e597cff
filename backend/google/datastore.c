/* The client itself, and what all its calls share. */
#include "backend/google/datastore.h"

#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/google/datastore_internal.h"
#include "backend/google/entity.h"

/* Google's front ends route by it, not by the body. */
static char *routing_header(const bw_datastore *ds)
{
    bw_buf b = BW_BUF_INIT;
    bw_buf_adds(&b, "x-goog-request-params: project_id=");
    bw_http_add_escaped(&b, bw_slice_cstr(ds->project ? ds->project : ""));
    bw_buf_adds(&b, "&database_id=");
    bw_http_add_escaped(&b, bw_slice_cstr(ds->database));
    return bw_buf_take(&b);
}

bw_datastore *bw_datastore_new(const bw_google *google, const char *project, const char *database,
                               const bw_clock *clock, const bw_cancel *cancel)
{
    bw_datastore *ds = bw_xcalloc(1, sizeof(*ds));
    bw_rest_init(&ds->rest, google, BW_SERVICE_DATASTORE, clock, cancel, "datastore");
    ds->root = bw_google_base(google, BW_SERVICE_DATASTORE);
    project = project && *project ? project : bw_google_project(google);
    ds->project = project ? bw_xstrdup(project) : NULL;
    /* Everybody writes it so, but the API wants it left out. */
    bool named = database && strcmp(database, "(default)") != 0;
    ds->database = bw_xstrdup(named ? database : "");
    if (*ds->database)
        ds->routing = routing_header(ds);
    return ds;
}

void bw_datastore_free(bw_datastore *ds)
{
    if (!ds)
        return;
    bw_rest_fini(&ds->rest);
    bw_buf_fini(&ds->request);
    free(ds->project);
    free(ds->database);
    free(ds->routing);
    free(ds);
}

void bw_datastore_set_subject(bw_datastore *ds, const char *subject)
{
    free(ds->rest.subject);
    ds->rest.subject = bw_xstrdup(subject);
}

void bw_datastore_set_listener(bw_datastore *ds, void (*tell)(void *user, const char *text),
                               void *user)
{
    ds->rest.listener = (bw_retry_listener){.tell = tell, .user = user};
}

void bw_datastore_set_deadline(bw_datastore *ds, int64_t per_call_us)
{
    ds->rest.per_call_us = per_call_us;
}

const char *bw_datastore_project(const bw_datastore *ds)
{
    return ds->project;
}

const char *bw_datastore_database(const bw_datastore *ds)
{
    return ds->database;
}

/* ---- requests --------------------------------------------------------------------------- */

bw_buf *bw_datastore_request(bw_datastore *ds)
{
    bw_buf_clear(&ds->request);
    bw_buf_addc(&ds->request, '{');
    if (*ds->database) {
        bw_buf_adds(&ds->request, "\"databaseId\":");
        bw_json_add_string(&ds->request, bw_slice_cstr(ds->database));
        bw_buf_addc(&ds->request, ',');
    }
    return &ds->request;
}

void bw_datastore_add_opaque(bw_buf *body, const char *name, bw_slice base64)
{
    bw_buf_addf(body, "\"%s\":", name);
    bw_json_add_string(body, base64);
}

void bw_datastore_add_read(bw_buf *body, const bw_datastore_read *read)
{
    char time[BW_TIME_TEXT];
    if (!read || (!read->transaction.len && !read->begin && !read->at_us))
        return;
    bw_buf_adds(body, ",\"readOptions\":{");
    if (read->transaction.len) {
        bw_datastore_add_opaque(body, "transaction", read->transaction);
    } else if (read->begin) {
        bw_buf_adds(body, "\"newTransaction\":{\"readWrite\":{");
        if (read->previous.len)
            bw_datastore_add_opaque(body, "previousTransaction", read->previous);
        bw_buf_adds(body, "}}");
    } else {
        bw_buf_addf(body, "\"readTime\":\"%s\"", bw_format_time(read->at_us, time));
    }
    bw_buf_addc(body, '}');
}

static char *url_of(const bw_datastore *ds, const char *verb)
{
    bw_buf url = BW_BUF_INIT;
    bw_buf_addf(&url, "%s/v1/projects/", ds->root);
    bw_http_add_escaped(&url, bw_slice_cstr(ds->project));
    bw_buf_addf(&url, ":%s", verb);
    return bw_buf_take(&url);
}

/* A transaction that has expired answers INVALID_ARGUMENT, in words only. */
static void expired(const bw_datastore_call *call, bw_error *err)
{
    if (!call->in_transaction || err->status != BW_INVALID)
        return;
    if (!strstr(err->message, "expired") && !strstr(err->message, "no longer valid"))
        return;
    err->status = BW_CONFLICT;
    err->retryable = true;
}

bw_status bw_datastore_nonsense(const bw_datastore_call *call, const char *why, bw_error *err)
{
    bw_error_set(err, BW_UNAVAILABLE, "cannot %s: the answer makes no sense: %s", call->what, why);
    if (err)
        err->maybe_acted = true;
    return BW_UNAVAILABLE;
}

bw_status bw_datastore_send(bw_datastore *ds, const bw_datastore_call *call, bw_arena *arena,
                            bw_slice *answer, bw_error *err)
{
    bw_error local = BW_ERROR_INIT;
    const char *why = "it is not a JSON object";
    size_t at;
    err = err ? err : &local;
    if (!ds->project) {
        bw_error_set(err, BW_INVALID, "no Google Cloud project is named");
        return bw_error_hint(err, "set project: in the configuration, or GOOGLE_CLOUD_PROJECT");
    }
    char *url = url_of(ds, call->verb);
    bw_rest_call rest = {.what = call->what,
                         .method = "POST",
                         .url = url,
                         .headers = {"Content-Type: application/json", ds->routing},
                         .body = {bw_buf_slice(&ds->request)},
                         .n_body = 1,
                         .once = call->once,
                         .conflict_ends = true};
    bw_status s = bw_rest_send(&ds->rest, &rest, err);
    free(url);
    if (s != BW_OK) {
        expired(call, err);
        return err->status;
    }
    bw_slice body = bw_buf_slice(&ds->rest.response.body);
    if (!body.len || body.ptr[0] != '{' || !bw_json_valid(body, &why, &at))
        return bw_datastore_nonsense(call, why, err);
    *answer = bw_arena_slice(arena, body);
    return BW_OK;
}

/* ---- answers ---------------------------------------------------------------------------- */

bw_slice bw_datastore_text_of(bw_slice raw)
{
    if (raw.len < 2 || raw.ptr[0] != '"' || memchr(raw.ptr, '\\', raw.len))
        return (bw_slice){NULL, 0};
    return (bw_slice){raw.ptr + 1, raw.len - 2};
}

int64_t bw_datastore_time_of(bw_slice raw)
{
    int64_t us;
    bw_slice text = bw_datastore_text_of(raw);
    return text.len && bw_parse_time(text, &us) ? us : BW_TIME_NONE;
}

bw_slice bw_datastore_text(bw_slice object, const char *member)
{
    return bw_datastore_text_of(bw_json_member(object, member));
}

int64_t bw_datastore_time(bw_slice object, const char *member)
{
    return bw_datastore_time_of(bw_json_member(object, member));
}

bool bw_datastore_read_result(bw_slice raw, bool found, bw_datastore_result *out)
{
    enum { ENTITY, CURSOR, VERSION, CREATED, UPDATED, MEMBERS };
    static const char *const names[MEMBERS] = {"entity", "cursor", "version", "createTime",
                                               "updateTime"};
    bw_slice member[MEMBERS];
    bw_json_members(raw, names, MEMBERS, member);
    *out = (bw_datastore_result){
        .found = found,
        .entity = member[ENTITY],
        .cursor = bw_datastore_text_of(member[CURSOR]),
        .create_us = bw_datastore_time_of(member[CREATED]),
        .update_us = bw_datastore_time_of(member[UPDATED]),
    };
    if (member[VERSION].len && !bw_entity_read_int(member[VERSION], &out->version))
        out->version = 0;
    return out->entity.len && out->entity.ptr[0] == '{';
}

/* ---- transactions ----------------------------------------------------------------------- */

bw_status bw_datastore_begin(bw_datastore *ds, bw_slice previous, bw_arena *arena,
                             bw_slice *transaction, bw_error *err)
{
    static const bw_datastore_call call = {.verb = "beginTransaction",
                                           .what = "begin a transaction"};
    bw_slice answer;
    bw_buf *body = bw_datastore_request(ds);
    *transaction = (bw_slice){NULL, 0};
    bw_buf_adds(body, "\"transactionOptions\":{\"readWrite\":{");
    if (previous.len)
        bw_datastore_add_opaque(body, "previousTransaction", previous);
    bw_buf_adds(body, "}}}");
    bw_status s = bw_datastore_send(ds, &call, arena, &answer, err);
    if (s != BW_OK)
        return s;
    *transaction = bw_datastore_text(answer, "transaction");
    return transaction->len ? BW_OK : bw_datastore_nonsense(&call, "it names no transaction", err);
}

bw_status bw_datastore_rollback(bw_datastore *ds, bw_slice transaction, bw_error *err)
{
    static const bw_datastore_call call = {.verb = "rollback", .what = "roll back"};
    bw_arena arena = BW_ARENA_INIT;
    bw_slice answer;
    bw_buf *body = bw_datastore_request(ds);
    bw_datastore_add_opaque(body, "transaction", transaction);
    bw_buf_addc(body, '}');
    bw_status s = bw_datastore_send(ds, &call, &arena, &answer, err);
    bw_arena_fini(&arena);
    return s;
}

/* ---- commit ----------------------------------------------------------------------------- */

static bw_status read_written(const bw_datastore_call *call, bw_slice answer, size_t count,
                              bw_arena *arena, bw_datastore_written **out, bw_error *err)
{
    bw_json_scan scan = bw_json_scan_init(bw_json_member(answer, "mutationResults"));
    bw_json_token t;
    bw_slice raw;
    size_t n = 0;
    bw_datastore_written *written = BW_ARENA_ARRAY(arena, bw_datastore_written, count + 1);
    if (bw_json_next(&scan, &t) && t.type == BW_JSON_ARRAY) {
        while (n <= count && bw_json_next_element(&scan, &raw)) {
            bw_datastore_written *w = &written[n++];
            w->conflict = bw_slice_is(bw_json_member(raw, "conflictDetected"), "true");
            w->key = bw_json_member(raw, "key");
            w->create_us = bw_datastore_time(raw, "createTime");
            w->update_us = bw_datastore_time(raw, "updateTime");
            (void)bw_json_member_int(raw, "version", &w->version);
        }
    }
    *out = written;
    return n == count ? BW_OK
                      : bw_datastore_nonsense(call, "it has not one result for each mutation", err);
}

bw_status bw_datastore_commit_send(bw_datastore *ds, const bw_datastore_commit *commit,
                                   bw_arena *arena, bw_datastore_written **written,
                                   int64_t *commit_us, bw_error *err)
{
    const bw_datastore_call call = {.verb = "commit",
                                    .what = "commit",
                                    .once = true,
                                    .in_transaction = commit->transaction.len > 0};
    bw_datastore_written *results;
    bw_slice answer;
    bw_buf *body = bw_datastore_request(ds);
    if (commit->transaction.len) {
        bw_buf_adds(body, "\"mode\":\"TRANSACTIONAL\",");
        bw_datastore_add_opaque(body, "transaction", commit->transaction);
    } else {
        bw_buf_adds(body, "\"mode\":\"NON_TRANSACTIONAL\"");
    }
    bw_buf_adds(body, ",\"mutations\":[");
    for (size_t i = 0; i < commit->count; i++) {
        if (i)
            bw_buf_addc(body, ',');
        bw_buf_add(body, commit->mutations[i].ptr, commit->mutations[i].len);
    }
    bw_buf_adds(body, "]}");
    if (commit->count > BW_DATASTORE_MAX_MUTATIONS || body->len > BW_DATASTORE_MAX_REQUEST)
        return bw_error_set(err, BW_INVALID, "cannot commit: %zu mutations of %zu bytes at once",
                            commit->count, body->len);
    bw_status s = bw_datastore_send(ds, &call, arena, &answer, err);
    if (s == BW_OK)
        s = read_written(&call, answer, commit->count, arena, &results, err);
    if (s != BW_OK)
        return s;
    if (written)
        *written = results;
    if (commit_us)
        *commit_us = bw_datastore_time(answer, "commitTime");
    return BW_OK;
}
