/* snapshots.create, get, list, patch, delete, and the list of a topic's. */
#include "backend/sandbox/ps_api.h"
#include "backend/sandbox/stamp.h"

#define MAX_LIFE (7 * BW_DAY)

static void print(bw_buf *out, const ps_snapshot *n)
{
    bw_buf_addf(out, "{\"name\":\"projects/%s/snapshots/%s\"", n->project, n->name);
    bw_sb_json_add_text(out, "topic", n->topic_name);
    ps_json_add_time(out, "expireTime", n->expires_us);
    ps_add_map(out, "labels", bw_json_member(bw_slice_cstr(n->body), "labels"));
    bw_buf_addc(out, '}');
}

/* {"labels":{...}} of a request, checked. */
static bw_status make_body(bw_arena *arena, bw_slice from, const char **out, bw_error *err)
{
    bw_slice labels = bw_json_member(from, "labels");
    bw_status status = ps_labels_check(arena, labels, err);
    bw_buf text = BW_BUF_INIT;
    bw_buf_addc(&text, '{');
    ps_add_map(&text, "labels", labels);
    bw_buf_addc(&text, '}');
    *out = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return status;
}

/* ---- Create ----------------------------------------------------------------------------------- */

typedef struct create_request {
    const char *project, *name;
    const char *subscription_project, *subscription;
    const char *body;
} create_request;

static bw_status read_create(bw_sb_request *r, create_request *out, bw_error *err)
{
    static const ps_member members[] = {{"subscription", PS_TEXT, NULL},
                                        {"labels", PS_TEXT_MAP, NULL},
                                        {"tags", PS_TEXT_MAP, NULL},
                                        {NULL, PS_TEXT, NULL}};
    bw_slice body;
    bw_status status = ps_path_name(r, "snapshots", &out->project, &out->name, err);
    if (status == BW_OK)
        status = ps_body(r, members, &body, err);
    if (status != BW_OK)
        return status;
    const char *subscription = bw_sb_json_text(&r->arena, body, "subscription");
    status = ps_name_parse(&r->arena, subscription ? subscription : "", "subscriptions",
                           &out->subscription_project, &out->subscription, err);
    return status == BW_OK ? make_body(&r->arena, body, &out->body, err) : status;
}

/* Lives for a week less the age of the oldest message it holds. */
static bw_status find_expiry(bw_sb_pubsub *ps, int64_t subscription, int64_t *expires_us,
                             bw_error *err)
{
    int64_t now = bw_wall_us(ps->clock), oldest = now;
    bw_status status = ps_value(ps, err, &oldest,
                                "SELECT min(message) FROM delivery WHERE subscription = ?1"
                                " AND state IN (0, 1, 2, 4)",
                                "i", subscription);
    *expires_us = (oldest < now ? oldest : now) + MAX_LIFE;
    if (status == BW_OK && *expires_us < now + BW_HOUR)
        return bw_error_set(err, BW_CONFLICT,
                            "The snapshot would expire in less than one hour because of the age of "
                            "the subscription's backlog.");
    return status;
}

static bw_status create(bw_sb_pubsub *ps, bw_arena *arena, const create_request *c,
                        ps_snapshot *out, bw_error *err)
{
    ps_subscription s = {0};
    ps_snapshot there;
    bw_error ignored = BW_ERROR_INIT;
    bw_status status =
        ps_subscription_find(ps, arena, c->subscription_project, c->subscription, &s, err);
    if (status == BW_OK &&
        ps_snapshot_find(ps, arena, c->project, c->name, &there, &ignored) == BW_OK)
        status = bw_error_set(err, BW_EXISTS,
                              "Resource already exists in the project (resource=%s).", c->name);
    if (status == BW_OK && (s.detached || !s.topic))
        status = bw_error_set(err, BW_CONFLICT, "The subscription %s has no topic.", s.name);
    *out = (ps_snapshot){.project = c->project,
                         .name = c->name,
                         .topic = s.topic,
                         .topic_name = s.topic_name,
                         .after = ps->last_message,
                         .body = c->body};
    if (status == BW_OK)
        status = find_expiry(ps, s.id, &out->expires_us, err);
    if (status == BW_OK)
        status = ps_run(ps, err,
                        "INSERT INTO snapshot(project, name, topic, topic_name, after, expires_us,"
                        " body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        "ttitiit", out->project, out->name, out->topic, out->topic_name, out->after,
                        out->expires_us, out->body);
    if (status != BW_OK)
        return status;
    out->id = sqlite3_last_insert_rowid(ps->db->handle);
    return ps_run(ps, err,
                  "INSERT INTO snapshot_message SELECT ?1, message FROM delivery"
                  " WHERE subscription = ?2 AND state IN (0, 1, 2, 4)",
                  "ii", out->id, s.id);
}

bw_sb_outcome ps_snapshot_create(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_pubsub *ps = context;
    bw_error err = BW_ERROR_INIT;
    create_request c;
    ps_snapshot made;
    bw_status status = read_create(r, &c, &err);
    if (status == BW_OK)
        status = ps_begin(ps, &err);
    if (status != BW_OK)
        return ps_reply_error(reply, &err);
    status = create(ps, &r->arena, &c, &made, &err);
    if (ps_end(ps, status, &err) != BW_OK)
        return ps_reply_error(reply, &err);
    print(&reply->body, &made);
    return BW_SB_DONE;
}

/* ---- Get, patch, delete ----------------------------------------------------------------------- */

bw_sb_outcome ps_snapshot_get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_pubsub *ps = context;
    bw_error err = BW_ERROR_INIT;
    const char *project, *name;
    ps_snapshot n;
    bw_status status = ps_path_name(r, "snapshots", &project, &name, &err);
    if (status == BW_OK) {
        ps_lock(ps);
        status = ps_snapshot_find(ps, &r->arena, project, name, &n, &err);
        ps_unlock(ps);
    }
    if (status != BW_OK)
        return ps_reply_error(reply, &err);
    print(&reply->body, &n);
    return BW_SB_DONE;
}

static const ps_member snapshot_members[] = {{"name", PS_TEXT, NULL},
                                             {"topic", PS_TEXT, NULL},
                                             {"expireTime", PS_TIME, NULL},
                                             {"labels", PS_TEXT_MAP, NULL},
                                             {NULL, PS_TEXT, NULL}};

static bw_status change(bw_sb_pubsub *ps, bw_arena *arena, ps_snapshot *n, bw_slice request,
                        bw_error *err)
{
    static const char *const changeable[] = {"expireTime", "labels", NULL};
    bw_slice merged;
    bw_buf base = BW_BUF_INIT;
    bw_buf_addc(&base, '{');
    ps_add_map(&base, "labels", bw_json_member(bw_slice_cstr(n->body), "labels"));
    ps_json_add_time(&base, "expireTime", n->expires_us);
    bw_buf_addc(&base, '}');
    bw_status status = ps_mask_apply(
        arena, bw_buf_slice(&base), bw_sb_json_object(request, "snapshot"),
        bw_sb_json_text(arena, request, "updateMask"), changeable, "Snapshot", &merged, err);
    bw_buf_fini(&base);
    if (status != BW_OK)
        return status;
    const char *expires = bw_sb_json_text(arena, merged, "expireTime");
    int64_t now = bw_wall_us(ps->clock);
    if (!expires || !bw_sb_stamp_parse_us(bw_slice_cstr(expires), &n->expires_us) ||
        n->expires_us <= now || n->expires_us > now + MAX_LIFE)
        return bw_error_set(err, BW_INVALID,
                            "Invalid expire_time given: it must be within the next 7 days.");
    status = make_body(arena, merged, &n->body, err);
    if (status != BW_OK)
        return status;
    return ps_run(ps, err, "UPDATE snapshot SET expires_us = ?2, body = ?3 WHERE id = ?1", "iit",
                  n->id, n->expires_us, n->body);
}

bw_sb_outcome ps_snapshot_patch(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const ps_member members[] = {{"snapshot", PS_OBJECT, snapshot_members},
                                        {"updateMask", PS_TEXT, NULL},
                                        {NULL, PS_TEXT, NULL}};
    bw_sb_pubsub *ps = context;
    bw_error err = BW_ERROR_INIT;
    const char *project, *name;
    bw_slice body;
    ps_snapshot n;
    bw_status status = ps_path_name(r, "snapshots", &project, &name, &err);
    if (status == BW_OK)
        status = ps_body(r, members, &body, &err);
    if (status == BW_OK)
        status = ps_begin(ps, &err);
    if (status != BW_OK)
        return ps_reply_error(reply, &err);
    status = ps_snapshot_find(ps, &r->arena, project, name, &n, &err);
    if (status == BW_OK)
        status = change(ps, &r->arena, &n, body, &err);
    if (ps_end(ps, status, &err) != BW_OK)
        return ps_reply_error(reply, &err);
    print(&reply->body, &n);
    return BW_SB_DONE;
}

bw_sb_outcome ps_snapshot_delete(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_pubsub *ps = context;
    bw_error err = BW_ERROR_INIT;
    const char *project, *name;
    ps_snapshot n;
    bw_status status = ps_path_name(r, "snapshots", &project, &name, &err);
    if (status == BW_OK)
        status = ps_begin(ps, &err);
    if (status != BW_OK)
        return ps_reply_error(reply, &err);
    status = ps_snapshot_find(ps, &r->arena, project, name, &n, &err);
    if (status == BW_OK)
        status = ps_snapshot_drop(ps, n.id, n.topic, &err);
    return ps_reply_empty(reply, ps_end(ps, status, &err), &err);
}

static void print_row(bw_sb_request *r, sqlite3_stmt *q, bw_buf *out)
{
    print(out, &(ps_snapshot){.project = bw_sb_request_param(r, "project"),
                              .name = bw_sb_db_text(&r->arena, q, 0),
                              .topic_name = bw_sb_db_text(&r->arena, q, 1),
                              .expires_us = sqlite3_column_int64(q, 2),
                              .body = bw_sb_db_text(&r->arena, q, 3)});
}

bw_sb_outcome ps_snapshot_list(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_list(context, r, reply, "snapshots",
                   "SELECT name, topic_name, expires_us, body FROM snapshot"
                   " WHERE project = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
                   print_row);
}
