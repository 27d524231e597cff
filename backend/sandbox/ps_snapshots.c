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

/* The subscription that the request names. */
static bw_status find_source(ps_call *c, ps_subscription *s, bw_error *err)
{
    const char *project, *name, *given = bw_sb_json_text(c->arena, c->body, "subscription");
    bw_status status =
        ps_name_parse(c->arena, given ? given : "", "subscriptions", &project, &name, err);
    return status == BW_OK ? ps_subscription_find(c->ps, c->arena, project, name, s, err) : status;
}

static bw_status create(ps_call *c, bw_error *err)
{
    bw_sb_pubsub *ps = c->ps;
    ps_subscription s = {0};
    ps_snapshot there, n = {.project = c->project, .name = c->name, .after = ps->last_message};
    bw_error ignored = BW_ERROR_INIT;
    bw_status status = make_body(c->arena, c->body, &n.body, err);
    if (status == BW_OK)
        status = find_source(c, &s, err);
    if (status == BW_OK &&
        ps_snapshot_find(ps, c->arena, c->project, c->name, &there, &ignored) == BW_OK)
        status = bw_error_set(err, BW_EXISTS,
                              "Resource already exists in the project (resource=%s).", c->name);
    if (status == BW_OK && (s.detached || !s.topic))
        status = bw_error_set(err, BW_CONFLICT, "The subscription %s has no topic.", s.name);
    n.topic_name = s.topic_name;
    if (status == BW_OK)
        status = find_expiry(ps, s.id, &n.expires_us, err);
    if (status == BW_OK)
        status = ps_run(ps, err,
                        "INSERT INTO snapshot(project, name, topic, topic_name, after, expires_us,"
                        " body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        "ttitiit", n.project, n.name, s.topic, n.topic_name, n.after, n.expires_us,
                        n.body);
    if (status != BW_OK)
        return status;
    print(c->out, &n);
    return ps_run(ps, err,
                  "INSERT INTO snapshot_message SELECT ?1, message FROM delivery"
                  " WHERE subscription = ?2 AND state IN (0, 1, 2, 4)",
                  "ii", (int64_t)sqlite3_last_insert_rowid(ps->db->handle), s.id);
}

bw_sb_outcome ps_snapshot_create(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const ps_member members[] = {{"subscription", PS_TEXT, NULL},
                                        {"labels", PS_TEXT_MAP, NULL},
                                        {"tags", PS_TEXT_MAP, NULL},
                                        {NULL, PS_TEXT, NULL}};
    return ps_serve(context, r, reply, "snapshots", members, create);
}

/* ---- Get, patch, delete ----------------------------------------------------------------------- */

static bw_status get(ps_call *c, bw_error *err)
{
    ps_snapshot n;
    bw_status status = ps_snapshot_find(c->ps, c->arena, c->project, c->name, &n, err);
    if (status == BW_OK)
        print(c->out, &n);
    return status;
}

bw_sb_outcome ps_snapshot_get(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "snapshots", NULL, get);
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

static bw_status patch(ps_call *c, bw_error *err)
{
    ps_snapshot n;
    bw_status status = ps_snapshot_find(c->ps, c->arena, c->project, c->name, &n, err);
    if (status == BW_OK)
        status = change(c->ps, c->arena, &n, c->body, err);
    if (status == BW_OK)
        print(c->out, &n);
    return status;
}

bw_sb_outcome ps_snapshot_patch(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    static const ps_member members[] = {{"snapshot", PS_OBJECT, snapshot_members},
                                        {"updateMask", PS_TEXT, NULL},
                                        {NULL, PS_TEXT, NULL}};
    return ps_serve(context, r, reply, "snapshots", members, patch);
}

static bw_status drop(ps_call *c, bw_error *err)
{
    ps_snapshot n;
    bw_status status = ps_snapshot_find(c->ps, c->arena, c->project, c->name, &n, err);
    return status == BW_OK ? ps_snapshot_drop(c->ps, n.id, n.topic, err) : status;
}

bw_sb_outcome ps_snapshot_delete(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    return ps_serve(context, r, reply, "snapshots", NULL, drop);
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
