/* topics.publish, and how a message comes to its subscriptions. */
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/ps_api.h"

#define MAX_ATTRIBUTES 100
#define MAX_NAME       256
#define MAX_VALUE      1024
#define MAX_KEY        1024

/* ---- Reading messages ------------------------------------------------------------------------- */

static bool read_data(bw_arena *arena, bw_slice text, ps_message *m)
{
    char *out = bw_arena_bytes(arena, text.len + 3);
    m->data.ptr = out;
    if (!bq_base64_normalise(text, out, &m->data.len))
        return false;
    size_t padding = 0;
    while (padding < m->data.len && out[m->data.len - 1 - padding] == '=')
        padding++;
    m->size += (int64_t)(m->data.len / 4 * 3 - padding);
    return true;
}

static bw_status check_attribute(ps_attribute a, size_t count, bw_error *err)
{
    if (count > MAX_ATTRIBUTES)
        return bw_error_set(err, BW_INVALID,
                            "The value for attributes is too large. The maximum number of "
                            "attributes per message is %d.",
                            MAX_ATTRIBUTES);
    if (a.name.len == 0 || a.name.len > MAX_NAME)
        return bw_error_set(err, BW_INVALID, "An attribute key has 1 to %d bytes; %zu were given.",
                            MAX_NAME, a.name.len);
    if (a.name.len >= 4 && memcmp(a.name.ptr, "goog", 4) == 0)
        return bw_error_set(err, BW_INVALID, "An attribute key must not begin with goog.");
    if (a.value.len > MAX_VALUE)
        return bw_error_set(err, BW_INVALID,
                            "An attribute value has at most %d bytes; %zu were given.", MAX_VALUE,
                            a.value.len);
    return BW_OK;
}

/* Where the attribute goes: the last of several with one name counts. */
static ps_attribute *attribute_slot(ps_attributes *all, bw_slice name)
{
    for (size_t i = 0; i < all->count; i++) {
        if (bw_slice_eq(all->items[i].name, name))
            return &all->items[i];
    }
    return &all->items[all->count++];
}

static bw_slice print_attributes(bw_arena *arena, const ps_attributes *all)
{
    bw_buf text = BW_BUF_INIT;
    for (size_t i = 0; i < all->count; i++) {
        bw_buf_addc(&text, i ? ',' : '{');
        bw_json_add_string(&text, all->items[i].name);
        bw_buf_addc(&text, ':');
        bw_json_add_string(&text, all->items[i].value);
    }
    bw_buf_adds(&text, all->count ? "}" : "{}");
    bw_slice copy = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return copy;
}

static bw_status read_attributes(bw_arena *arena, bw_slice object, ps_message *m, bw_error *err)
{
    bw_slice key, value;
    size_t count = 1;
    for (size_t at = 0; count <= MAX_ATTRIBUTES && bw_sb_json_each(object, &at, &key, &value);)
        count++;
    m->attributes.items = BW_ARENA_ARRAY(arena, ps_attribute, count);
    for (size_t at = 0; bw_sb_json_each(object, &at, &key, &value);) {
        ps_attribute a = {ps_json_content(arena, key), ps_json_content(arena, value)};
        if (!a.name.ptr || !a.value.ptr)
            return bw_error_set(err, BW_INVALID,
                                "Invalid value at 'messages.attributes' (TYPE_STRING), %.*s",
                                (int)(value.len < 80 ? value.len : 80), value.ptr);
        *attribute_slot(&m->attributes, a.name) = a;
        bw_status status = check_attribute(a, m->attributes.count, err);
        if (status != BW_OK)
            return status;
    }
    for (size_t i = 0; i < m->attributes.count; i++)
        m->size += (int64_t)(m->attributes.items[i].name.len + m->attributes.items[i].value.len);
    m->attributes_json = print_attributes(arena, &m->attributes);
    return BW_OK;
}

ps_attributes ps_attributes_read(bw_arena *arena, bw_slice json)
{
    bw_slice key, value;
    size_t count = 0;
    for (size_t at = 0; bw_sb_json_each(json, &at, &key, &value);)
        count++;
    ps_attributes all = {BW_ARENA_ARRAY(arena, ps_attribute, count + 1), 0};
    for (size_t at = 0; bw_sb_json_each(json, &at, &key, &value);)
        all.items[all.count++] =
            (ps_attribute){ps_json_content(arena, key), ps_json_content(arena, value)};
    return all;
}

static const ps_member message_members[] = {
    {"data", PS_TEXT, NULL},        {"attributes", PS_TEXT_MAP, NULL}, {"messageId", PS_TEXT, NULL},
    {"publishTime", PS_TIME, NULL}, {"orderingKey", PS_TEXT, NULL},    {NULL, PS_TEXT, NULL},
};

/* `object` has been read by the table. */
static bw_status read_message(bw_arena *arena, bw_slice object, ps_message *m, bw_error *err)
{
    bw_slice key, value;
    m->attributes_json = BW_SLICE_LIT("{}");
    m->data = m->key = BW_SLICE_LIT("");
    for (size_t at = 0; bw_sb_json_each(object, &at, &key, &value);) {
        bw_status status = BW_OK;
        if (bw_slice_is(key, "\"data\"") && !read_data(arena, ps_json_content(arena, value), m))
            status = bw_error_set(err, BW_INVALID,
                                  "Invalid value at 'messages.data' (TYPE_BYTES), Base64 decoding "
                                  "failed for %.*s",
                                  (int)(value.len < 80 ? value.len : 80), value.ptr);
        else if (bw_slice_is(key, "\"attributes\""))
            status = read_attributes(arena, value, m, err);
        else if (bw_slice_is(key, "\"orderingKey\""))
            m->key = ps_json_content(arena, value);
        if (status != BW_OK)
            return status;
    }
    if (m->key.len > MAX_KEY)
        return bw_error_set(err, BW_INVALID,
                            "The value for ordering_key is too large. You passed %zu in the "
                            "request, but the maximum value is %d.",
                            m->key.len, MAX_KEY);
    if (m->data.len == 0 && m->attributes.count == 0)
        return bw_error_set(err, BW_INVALID,
                            "One or more messages in the publish request is empty. Each message "
                            "must contain either non-empty data, or at least one attribute.");
    m->size += (int64_t)m->key.len;
    return BW_OK;
}

typedef struct batch {
    ps_message *messages;
    size_t count;
} batch;

static bw_status too_large(const char *what, int64_t given, int64_t max, bw_error *err)
{
    return bw_error_set(err, BW_INVALID,
                        "The value for %s is too large. You passed %lld in the request, but the "
                        "maximum value is %lld.",
                        what, (long long)given, (long long)max);
}

static bw_status read_batch(bw_sb_request *r, batch *out, bw_error *err)
{
    static const ps_member members[] = {{"messages", PS_LIST, NULL}, {NULL, PS_TEXT, NULL}};
    bw_slice body, element, list;
    size_t count = 0;
    bw_status status = ps_body(r, members, &body, err);
    if (status != BW_OK)
        return status;
    list = bw_json_member(body, "messages");
    for (size_t at = 0; list.len && bw_sb_json_each_element(list, &at, &element);)
        count++;
    if (count == 0)
        return bw_error_set(err, BW_INVALID,
                            "The value for message_count is too small. You passed 0 in the "
                            "request, but the minimum value is 1.");
    if (count > PS_MAX_MESSAGES)
        return too_large("message_count", (int64_t)count, PS_MAX_MESSAGES, err);
    out->messages = BW_ARENA_ARRAY(&r->arena, ps_message, count);
    int64_t size = 0;
    bw_buf text = BW_BUF_INIT;
    for (size_t at = 0; status == BW_OK && bw_sb_json_each_element(list, &at, &element);) {
        ps_message *m = &out->messages[out->count++];
        bw_buf_clear(&text);
        if (element.ptr[0] != '{')
            status = bw_error_set(err, BW_INVALID, "Invalid value at 'messages' (Object), %.*s",
                                  (int)(element.len < 80 ? element.len : 80), element.ptr);
        else
            status = ps_json_read(message_members, element, "messages", &text, err);
        if (status == BW_OK)
            status =
                read_message(&r->arena, bw_arena_slice(&r->arena, bw_buf_slice(&text)), m, err);
        if (status == BW_OK && !bw_slice_eq(m->key, out->messages[0].key))
            status = bw_error_set(err, BW_INVALID,
                                  "In a single publish request, all messages must have no ordering "
                                  "key or they must all have the same ordering key.");
        size += m->size;
    }
    bw_buf_fini(&text);
    return status == BW_OK && size > PS_MAX_BYTES
               ? too_large("request_size", size, PS_MAX_BYTES, err)
               : status;
}

/* ---- To the subscriptions --------------------------------------------------------------------- */

typedef struct target {
    int64_t id;
    bool ordered, ready;
    const ps_filter *filter;
} target;

typedef struct targets {
    target *items;
    size_t count;
    bool held; /* messages stay for their topic's retention or a snapshot */
} targets;

static bw_status find_targets(bw_sb_pubsub *ps, bw_arena *arena, int64_t topic, targets *out,
                              bw_error *err)
{
    sqlite3_stmt *q;
    int64_t count = 0, holds = 0;
    bw_status status =
        ps_value(ps, err, &count, "SELECT count(*) FROM subscription WHERE topic = ?1", "i", topic);
    if (status == BW_OK)
        status = ps_value(ps, err, &holds,
                          "SELECT (SELECT retention_us > 0 FROM topic WHERE id = ?1)"
                          " OR EXISTS (SELECT 1 FROM snapshot WHERE topic = ?1)",
                          "i", topic);
    if (status == BW_OK)
        status = ps_query(ps, err, &q,
                          "SELECT id, body FROM subscription WHERE topic = ?1 AND detached = 0",
                          "i", topic);
    if (status != BW_OK)
        return status;
    out->items = BW_ARENA_ARRAY(arena, target, (size_t)count + 1);
    out->held = holds != 0;
    while (bw_sb_db_next(q) && out->count < (size_t)count) {
        bw_slice body = bw_sb_db_bytes(q, 1);
        const char *filter = bw_sb_json_text(arena, body, "filter"), *why;
        size_t at;
        out->items[out->count++] = (target){
            .id = sqlite3_column_int64(q, 0),
            .ordered = bw_sb_json_bool(body, "enableMessageOrdering", false),
            .filter = filter ? ps_filter_parse(arena, bw_slice_cstr(filter), &why, &at) : NULL};
    }
    return ps_done(ps, q, err);
}

static bw_status deliver(bw_sb_pubsub *ps, target *t, const ps_message *m, int64_t id,
                         bw_error *err)
{
    int64_t behind = 0;
    bool keyed = t->ordered && m->key.len > 0;
    bw_status status = BW_OK;
    if (keyed)
        status = ps_value(ps, err, &behind,
                          "SELECT 1 FROM delivery WHERE subscription = ?1 AND key = ?2"
                          " AND key IS NOT NULL AND state <> 3 LIMIT 1",
                          "is", t->id, m->key);
    if (status != BW_OK)
        return status;
    t->ready |= !behind;
    if (!keyed)
        return ps_run(ps, err, "INSERT INTO delivery VALUES(?1, ?2, 0, 0, 0, 0, ?3, NULL)", "iii",
                      id, t->id, m->size);
    return ps_run(ps, err, "INSERT INTO delivery VALUES(?1, ?2, ?3, 0, 0, 0, ?4, ?5)", "iiiis", id,
                  t->id, (int64_t)(behind ? PS_BEHIND : PS_READY), m->size, m->key);
}

static bw_status publish_one(bw_sb_pubsub *ps, int64_t topic, targets *to, const ps_message *m,
                             int64_t id, bw_error *err)
{
    bool stored = to->held;
    bw_status status = BW_OK;
    for (size_t i = 0; i < to->count && status == BW_OK; i++) {
        if (!ps_filter_matches(to->items[i].filter, &m->attributes))
            continue;
        stored = true;
        status = deliver(ps, &to->items[i], m, id, err);
    }
    if (!stored || status != BW_OK)
        return status;
    return ps_run(ps, err, "INSERT INTO message VALUES(?1, ?2, ?3, ?4, ?5, ?6)", "iisiss", id,
                  topic, m->key, m->size, m->attributes_json, m->data);
}

bw_status ps_publish(bw_sb_pubsub *ps, int64_t topic, const ps_message *messages, size_t count,
                     int64_t *ids, bw_error *err)
{
    targets to = {0};
    bw_status status = find_targets(ps, &ps->scratch, topic, &to, err);
    int64_t now = bw_wall_us(ps->clock);
    for (size_t i = 0; i < count && status == BW_OK; i++) {
        ids[i] = ps->last_message < now ? now : ps->last_message + 1;
        ps->last_message = ids[i];
        status = publish_one(ps, topic, &to, &messages[i], ids[i], err);
    }
    if (status == BW_OK)
        status = ps_run(ps, err, "UPDATE last_message SET id = ?1", "i", ps->last_message);
    for (size_t i = 0; i < to.count && status == BW_OK; i++) {
        if (to.items[i].ready)
            ps_wake(ps, to.items[i].id);
    }
    return status;
}

bw_sb_outcome ps_topic_publish(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    bw_sb_pubsub *ps = context;
    bw_error err = BW_ERROR_INIT;
    const char *project, *name;
    batch b = {0};
    ps_topic topic;
    bw_status status = ps_path_name(r, "topics", &project, &name, &err);
    if (status == BW_OK)
        status = read_batch(r, &b, &err);
    if (status != BW_OK || (status = ps_begin(ps, &err)) != BW_OK)
        return ps_reply_error(reply, &err);
    int64_t *ids = BW_ARENA_ARRAY(&r->arena, int64_t, b.count);
    status = ps_topic_find(ps, &ps->scratch, project, name, &topic, &err);
    if (status == BW_OK)
        status = ps_publish(ps, topic.id, b.messages, b.count, ids, &err);
    if (ps_end(ps, status, &err) != BW_OK)
        return ps_reply_error(reply, &err);
    bw_buf_adds(&reply->body, "{\"messageIds\":[");
    for (size_t i = 0; i < b.count; i++)
        bw_buf_addf(&reply->body, "%s\"%lld\"", i ? "," : "", (long long)ids[i]);
    bw_buf_adds(&reply->body, "]}");
    return BW_SB_DONE;
}
