/* topics.create, get, list, patch, delete, and what belongs to a topic. */
#include "backend/sandbox/ps_api.h"

static const ps_member storage_members[] = {{"allowedPersistenceRegions", PS_TEXT_LIST, NULL},
                                            {"enforceInTransit", PS_BOOL, NULL},
                                            {NULL, PS_TEXT, NULL}};
static const ps_member topic_members[] = {{"name", PS_TEXT, NULL},
                                          {"labels", PS_TEXT_MAP, NULL},
                                          {"tags", PS_TEXT_MAP, NULL},
                                          {"messageRetentionDuration", PS_DURATION, NULL},
                                          {"messageStoragePolicy", PS_OBJECT, storage_members},
                                          {"kmsKeyName", PS_TEXT, NULL},
                                          {"satisfiesPzs", PS_BOOL, NULL},
                                          {"state", PS_ENUM, NULL},
                                          {"schemaSettings", PS_AS_IS, NULL},
                                          {"ingestionDataSourceSettings", PS_AS_IS, NULL},
                                          {"messageTransforms", PS_LIST, NULL},
                                          {NULL, PS_TEXT, NULL}};

static void print(bw_buf *out, const ps_topic *t)
{
    bw_buf_addf(out, "{\"name\":\"projects/%s/topics/%s\"", t->project, t->name);
    bw_slice body = bw_slice_cstr(t->body);
    if (body.len > 2)
        bw_buf_addc(out, ',');
    bw_buf_add(out, body.ptr + 1, body.len - 1);
}

/* The members that are kept, checked; t->body and t->retention_us. */
static bw_status make_body(bw_arena *arena, bw_slice from, ps_topic *t, bw_error *err)
{
    static const char *const absent[] = {"schemaSettings", "ingestionDataSourceSettings",
                                         "messageTransforms"};
    for (size_t i = 0; i < BW_COUNT(absent); i++) {
        if (bw_json_member(from, absent[i]).len > 2)
            return bw_error_set(err, BW_UNSUPPORTED, "The sandbox's topics have no %s.", absent[i]);
    }
    bw_slice labels = bw_json_member(from, "labels");
    t->retention_us = ps_json_duration(from, "messageRetentionDuration", 0);
    bw_status status = ps_labels_check(arena, labels, err);
    if (status == BW_OK && t->retention_us)
        status = ps_retention_check(t->retention_us, err);
    bw_buf text = BW_BUF_INIT;
    bw_buf_addc(&text, '{');
    ps_add_map(&text, "labels", labels);
    ps_add_map(&text, "tags", bw_json_member(from, "tags"));
    ps_add_map(&text, "messageStoragePolicy", bw_json_member(from, "messageStoragePolicy"));
    bw_sb_json_add_raw(&text, "kmsKeyName", bw_json_member(from, "kmsKeyName"));
    if (t->retention_us)
        ps_json_add_duration(&text, "messageRetentionDuration", t->retention_us);
    bw_buf_addc(&text, '}');
    t->body = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return status;
}

/* ---- One topic -------------------------------------------------------------------------------- */

static bw_status create(ps_call *c, bw_error *err)
{
    ps_topic t = {.project = c->project, .name = c->name};
    int64_t there = 0;
    bw_status status = make_body(c->arena, c->body, &t, err);
    if (status == BW_OK)
        status =
            ps_value(c->ps, err, &there, "SELECT id FROM topic WHERE project = ?1 AND name = ?2",
                     "tt", t.project, t.name);
    if (status == BW_OK && there)
        status = bw_error_set(err, BW_EXISTS,
                              "Resource already exists in the project (resource=%s).", t.name);
    if (status != BW_OK)
        return status;
    print(c->out, &t);
    return ps_run(c->ps, err,
                  "INSERT INTO topic(project, name, retention_us, body) VALUES(?1, ?2, ?3, ?4)",
                  "ttit", t.project, t.name, t.retention_us, t.body);
}

bw_sb_outcome ps_topic_create(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "topics", topic_members, create);
}

static bw_status get(ps_call *c, bw_error *err)
{
    ps_topic t;
    bw_status status = ps_topic_find(c->ps, c->arena, c->project, c->name, &t, err);
    if (status == BW_OK)
        print(c->out, &t);
    return status;
}

bw_sb_outcome ps_topic_get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "topics", NULL, get);
}

static bw_status change(bw_sb_pubsub *ps, bw_arena *arena, ps_topic *t, bw_slice request,
                        bw_error *err)
{
    static const char *const changeable[] = {
        "labels",     "tags",           "messageRetentionDuration",    "messageStoragePolicy",
        "kmsKeyName", "schemaSettings", "ingestionDataSourceSettings", "messageTransforms",
        NULL};
    bw_slice merged;
    bw_status status = ps_mask_apply(
        arena, bw_slice_cstr(t->body), bw_sb_json_object(request, "topic"),
        bw_sb_json_text(arena, request, "updateMask"), changeable, "Topic", &merged, err);
    if (status == BW_OK)
        status = make_body(arena, merged, t, err);
    if (status == BW_OK)
        status = ps_run(ps, err, "UPDATE topic SET retention_us = ?2, body = ?3 WHERE id = ?1",
                        "iit", t->id, t->retention_us, t->body);
    return status == BW_OK ? ps_topic_clean(ps, t->id, err) : status;
}

static bw_status patch(ps_call *c, bw_error *err)
{
    ps_topic t;
    bw_status status = ps_topic_find(c->ps, c->arena, c->project, c->name, &t, err);
    if (status == BW_OK)
        status = change(c->ps, c->arena, &t, c->body, err);
    if (status == BW_OK)
        print(c->out, &t);
    return status;
}

bw_sb_outcome ps_topic_patch(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const ps_member members[] = {
        {"topic", PS_OBJECT, topic_members}, {"updateMask", PS_TEXT, NULL}, {NULL, PS_TEXT, NULL}};
    return ps_serve(context, r, reply, "topics", members, patch);
}

/* Subscriptions stay, with what they have not delivered yet, and so do snapshots. */
static bw_status drop(ps_call *c, bw_error *err)
{
    bw_sb_pubsub *ps = c->ps;
    ps_topic t;
    bw_status status = ps_topic_find(ps, c->arena, c->project, c->name, &t, err);
    if (status == BW_OK)
        status =
            ps_run(ps, err, "UPDATE subscription SET topic = 0, topic_name = ?2 WHERE topic = ?1",
                   "it", t.id, PS_DELETED_TOPIC);
    if (status == BW_OK)
        status = ps_run(ps, err, "UPDATE snapshot SET topic_name = ?2 WHERE topic = ?1", "it", t.id,
                        PS_DELETED_TOPIC);
    if (status == BW_OK)
        status = ps_run(ps, err, "DELETE FROM topic WHERE id = ?1", "i", t.id);
    return status == BW_OK ? ps_topic_clean(ps, t.id, err) : status;
}

bw_sb_outcome ps_topic_delete(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "topics", NULL, drop);
}

/* ---- Lists ------------------------------------------------------------------------------------ */

static void print_row(bw_sb_request *r, sqlite3_stmt *q, bw_buf *out)
{
    print(out, &(ps_topic){.project = bw_sb_request_param(r, "project"),
                           .name = bw_sb_db_text(&r->arena, q, 0),
                           .body = bw_sb_db_text(&r->arena, q, 1)});
}

bw_sb_outcome ps_topic_list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_list(context, r, reply, "topics",
                   "SELECT name, body FROM topic WHERE project = ?1 AND name > ?2"
                   " ORDER BY name LIMIT ?3",
                   print_row);
}

/* The names of a topic's resources; `sql` takes the topic, the name to continue behind and a limit,
   and gives project and id. */
static bw_sb_outcome list_names(bw_sb_pubsub *ps, bw_sb_request *r, bw_sb_reply *reply,
                                const char *collection, const char *sql)
{
    bw_error err = BW_ERROR_INIT;
    const char *project, *name;
    sqlite3_stmt *q;
    ps_topic t;
    ps_page page;
    bw_status status = ps_path_name(r, "topics", &project, &name, &err);
    if (status == BW_OK)
        status = ps_page_read(r, &page, &err);
    if (status != BW_OK)
        return ps_reply_error(reply, &err);
    ps_page_open(&reply->body, collection);
    ps_lock(ps);
    status = ps_topic_find(ps, &r->arena, project, name, &t, &err);
    if (status == BW_OK)
        status = ps_query(ps, &err, &q, sql, "iti", t.id, page.after, page.size + 1);
    if (status == BW_OK) {
        while (bw_sb_db_next(q) && ps_page_add(&page, &reply->body, bw_sb_db_bytes(q, 2)))
            bw_buf_addf(&reply->body, "\"projects/%s/%s/%s\"", bw_sb_db_text(&r->arena, q, 0),
                        collection, bw_sb_db_text(&r->arena, q, 1));
        status = ps_done(ps, q, &err);
    }
    ps_unlock(ps);
    return ps_page_close(&page, reply, status, &err);
}

/* Of other projects too, so that a page's token needs both parts. */
#define NAMES_OF(table, condition)                                                           \
    "SELECT project, name, project || '/' || name FROM " table " WHERE topic = ?1" condition \
    " AND project || '/' || name > ?2 ORDER BY 3 LIMIT ?3"

bw_sb_outcome ps_topic_subscriptions(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return list_names(context, r, reply, "subscriptions",
                      NAMES_OF("subscription", " AND detached = 0"));
}

bw_sb_outcome ps_topic_snapshots(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return list_names(context, r, reply, "snapshots", NAMES_OF("snapshot", ""));
}
