#include "backend/sandbox/ds_call.h"

static bw_status find_database(ds_call *call, bw_error *err)
{
    for (const ds_node *member = call->body->first; member; member = member->next) {
        if (!ds_json_named(member, "databaseId") || member->type == BW_JSON_NULL)
            continue;
        bw_status status =
            ds_json_cstr(call->place.arena, member, "databaseId", &call->place.database, err);
        if (status != BW_OK)
            return status;
        if (strcmp(call->place.database, "(default)") == 0)
            return bw_error_set(err, BW_INVALID,
                                "the default database is named by the empty text, "
                                "not by \"(default)\"");
    }
    return BW_OK;
}

static bw_status run(ds_call *call, ds_method *method, bw_slice body, bw_error *err)
{
    ds_node *root;
    bw_status status =
        ds_json_parse(call->place.arena, body.len ? body : BW_SLICE_LIT("{}"), &root, err);
    if (status != BW_OK)
        return status;
    call->body = root;
    status = find_database(call, err);
    if (status != BW_OK)
        return status;
    bw_sb_db_lock(call->store->db);
    status = method(call, err);
    bw_sb_db_unlock(call->store->db);
    return status;
}

static void reply_error(bw_sb_reply *reply, const bw_error *err)
{
    static const struct {
        bw_status status;
        unsigned code;
        const char *name;
    } codes[] = {
        {BW_INVALID, 400, "INVALID_ARGUMENT"}, {BW_NOT_FOUND, 404, "NOT_FOUND"},
        {BW_EXISTS, 409, "ALREADY_EXISTS"},    {BW_CONFLICT, 409, "ABORTED"},
        {BW_RATE, 429, "RESOURCE_EXHAUSTED"},  {BW_UNSUPPORTED, 501, "UNIMPLEMENTED"},
    };
    for (size_t i = 0; i < BW_COUNT(codes); i++) {
        if (codes[i].status == err->status) {
            bw_sb_reply_error(reply, codes[i].code, codes[i].name, NULL, "%s", err->message);
            return;
        }
    }
    bw_sb_reply_error(reply, 500, "INTERNAL", NULL, "%s", err->message);
}

static bw_sb_outcome serve(void *context, bw_sb_request *r, bw_sb_reply *reply, ds_method *method)
{
    bw_error err = BW_ERROR_INIT;
    ds_call call = {
        .store = context,
        .place = {&r->arena, bw_sb_request_param(r, "project"), ""},
        .out = &reply->body,
    };
    if (run(&call, method, bw_buf_slice(&r->body), &err) != BW_OK)
        reply_error(reply, &err);
    return BW_SB_DONE;
}

#define METHOD(name)                                                               \
    static bw_sb_outcome name(void *context, bw_sb_request *r, bw_sb_reply *reply) \
    {                                                                              \
        return serve(context, r, reply, ds_method_##name);                         \
    }
METHOD(lookup)
METHOD(run_query)
METHOD(run_aggregation_query)
METHOD(begin_transaction)
METHOD(commit)
METHOD(rollback)
METHOD(allocate_ids)
METHOD(reserve_ids)
#undef METHOD

static const char *const prefixes[] = {"/v1/projects/", NULL};
static const bw_sb_route routes[] = {
    {"POST", "{project}:lookup", "datastore.projects.lookup", .handle = lookup},
    {"POST", "{project}:runQuery", "datastore.projects.runQuery", .handle = run_query},
    {"POST", "{project}:runAggregationQuery", "datastore.projects.runAggregationQuery",
     .handle = run_aggregation_query},
    {"POST", "{project}:beginTransaction", "datastore.projects.beginTransaction",
     .handle = begin_transaction},
    {"POST", "{project}:commit", "datastore.projects.commit", .handle = commit},
    {"POST", "{project}:rollback", "datastore.projects.rollback", .handle = rollback},
    {"POST", "{project}:allocateIds", "datastore.projects.allocateIds", .handle = allocate_ids},
    {"POST", "{project}:reserveIds", "datastore.projects.reserveIds", .handle = reserve_ids},
};

bw_sb_service bw_sb_datastore_service(ds_store *store)
{
    return (bw_sb_service){prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_DETAILS, store};
}
