/*
 * Publishing. All messages of one request share an ordering key, so messages are grouped by key
 * first: in the order of the keys' first message, and within a key in the caller's order.
 */
#include <openssl/evp.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/google/pubsub_internal.h"

#define MESSAGES_MAX 1000
/* The service's limit is 10 MB of request; a message alone may be larger in base64. */
#define REQUEST_MAX ((size_t)9500000)

void bw_pubsub_add_attribute(bw_buf *object, const char *name, bw_slice value)
{
    /* Opened again: without its brace, and without blanks before that. */
    while (object->len > 0 && object->ptr[--object->len] != '}')
        ;
    while (object->len > 0 && strchr(" \t\r\n", object->ptr[object->len - 1]))
        object->len--;
    if (object->len == 0)
        bw_buf_addc(object, '{');
    else if (object->ptr[object->len - 1] != '{')
        bw_buf_addc(object, ',');
    bw_json_add_string(object, bw_slice_cstr(name));
    bw_buf_addc(object, ':');
    bw_json_add_string(object, value);
    bw_buf_addc(object, '}');
}

/* ---- grouping --------------------------------------------------------------------------- */

typedef struct place {
    bw_slice key;
    size_t index; /* of the message */
    size_t first; /* index of the key's first message */
} place;

static int compare_size(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int by_key(const void *a, const void *b)
{
    const place *x = a, *y = b;
    size_t n = x->key.len < y->key.len ? x->key.len : y->key.len;
    int c = n ? memcmp(x->key.ptr, y->key.ptr, n) : 0;
    if (c == 0)
        c = compare_size(x->key.len, y->key.len);
    return c ? c : compare_size(x->index, y->index);
}

static int by_group(const void *a, const void *b)
{
    const place *x = a, *y = b;
    int c = compare_size(x->first, y->first);
    return c ? c : compare_size(x->index, y->index);
}

static place *group(const bw_pubsub_outgoing *messages, size_t count)
{
    place *places = bw_xcalloc(count + 1, sizeof(*places));
    bool keyed = false;
    for (size_t i = 0; i < count; i++) {
        places[i] = (place){.key = messages[i].ordering_key, .index = i};
        keyed |= messages[i].ordering_key.len > 0;
    }
    if (!keyed)
        return places;
    qsort(places, count, sizeof(*places), by_key);
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && bw_slice_eq(places[i].key, places[i - 1].key);
        places[i].first = same ? places[i - 1].first : places[i].index;
    }
    qsort(places, count, sizeof(*places), by_group);
    return places;
}

/* ---- one request ------------------------------------------------------------------------ */

static void add_base64(bw_buf *out, bw_slice data)
{
    size_t n = (data.len + 2) / 3 * 4;
    char *at = bw_buf_reserve(out, n + 1);
    EVP_EncodeBlock((unsigned char *)at, (const unsigned char *)data.ptr, (int)data.len);
    out->len += n;
}

static void add_message(bw_buf *body, const bw_pubsub_outgoing *m)
{
    const char *comma = "";
    bw_buf_addc(body, '{');
    if (m->data.len) {
        bw_buf_adds(body, "\"data\":\"");
        add_base64(body, m->data);
        bw_buf_addc(body, '"');
        comma = ",";
    }
    if (m->attributes.len) {
        bw_buf_addf(body, "%s\"attributes\":", comma);
        bw_buf_add(body, m->attributes.ptr, m->attributes.len);
        comma = ",";
    }
    if (m->ordering_key.len) {
        bw_buf_addf(body, "%s\"orderingKey\":", comma);
        bw_json_add_string(body, m->ordering_key);
    }
    bw_buf_addc(body, '}');
}

static size_t size_in_request(const bw_pubsub_outgoing *m)
{
    return (m->data.len + 2) / 3 * 4 + m->attributes.len + m->ordering_key.len + 64;
}

static bw_status check(const bw_pubsub_outgoing *messages, size_t count, bw_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bw_pubsub_outgoing *m = &messages[i];
        if (m->data.len > BW_PUBSUB_DATA_MAX)
            return bw_error_set(err, BW_INVALID, "message %zu has %zu bytes of data, over %zu",
                                i + 1, m->data.len, BW_PUBSUB_DATA_MAX);
        if (!m->data.len && !m->attributes.len)
            return bw_error_set(err, BW_INVALID, "message %zu has neither data nor attributes",
                                i + 1);
    }
    return BW_OK;
}

static bw_status take_ids(const json_t *answer, const place *places, size_t n, bw_arena *arena,
                          const char **ids, bw_error *err)
{
    const json_t *list = json_object_get(answer, "messageIds");
    if (json_array_size(list) != n) {
        bw_error_set(err, BW_UNAVAILABLE, "%zu messages were published, but %zu ids came back", n,
                     json_array_size(list));
        if (err)
            err->maybe_acted = true;
        return BW_UNAVAILABLE;
    }
    for (size_t i = 0; ids && i < n; i++) {
        const char *id = json_string_value(json_array_get(list, i));
        ids[places[i].index] = bw_arena_strdup(arena, id ? id : "");
    }
    return BW_OK;
}

/* How many of the messages, from the first on, go into one request; `body` becomes it. */
static size_t fill(bw_buf *body, const bw_pubsub_outgoing *messages, const place *places, size_t n)
{
    size_t i = 0;
    bw_buf_clear(body);
    bw_buf_adds(body, "{\"messages\":[");
    for (; i < n && i < MESSAGES_MAX; i++) {
        const bw_pubsub_outgoing *m = &messages[places[i].index];
        bool fits = body->len + size_in_request(m) < REQUEST_MAX;
        if (i > 0 && (!fits || !bw_slice_eq(places[i].key, places[0].key)))
            break;
        if (i > 0)
            bw_buf_addc(body, ',');
        add_message(body, m);
    }
    bw_buf_adds(body, "]}");
    return i;
}

bw_status bw_pubsub_publish(bw_pubsub *ps, const char *topic, const bw_pubsub_outgoing *messages,
                            size_t count, bw_arena *arena, const char **ids, bw_error *err)
{
    for (size_t i = 0; ids && i < count; i++)
        ids[i] = NULL;
    bw_status s = check(messages, count, err);
    char *url = s == BW_OK ? bw_pubsub_url(ps, "topics", topic, ":publish", err) : NULL;
    if (!url)
        return BW_INVALID;
    place *places = group(messages, count);
    bw_buf body = BW_BUF_INIT;
    for (size_t at = 0; s == BW_OK && at < count;) {
        json_t *answer = NULL;
        size_t n = fill(&body, messages, places + at, count - at);
        bw_rest_call call = {.what = "publish messages",
                             .method = "POST",
                             .url = url,
                             .headers = {"Content-Type: application/json"},
                             .body = {bw_buf_slice(&body)},
                             .n_body = 1};
        s = bw_rest_json(&ps->rest, &call, &answer, err);
        if (s == BW_OK)
            s = take_ids(answer, places + at, n, arena, ids, err);
        json_decref(answer);
        at += n;
    }
    bw_buf_fini(&body);
    free(places);
    free(url);
    return s;
}
