#include "backend/sandbox/ps_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/hash.h"

/* ---- Answers ---------------------------------------------------------------------------------- */

bw_sb_outcome ps_reply_error(bw_sb_reply *reply, const bw_error *err)
{
    static const struct {
        bw_status status;
        unsigned code;
        const char *name;
    } codes[] = {
        {BW_INVALID, 400, NULL},     {BW_NOT_FOUND, 404, NULL},
        {BW_EXISTS, 409, NULL},      {BW_CONFLICT, 400, "FAILED_PRECONDITION"},
        {BW_UNSUPPORTED, 501, NULL},
    };
    for (size_t i = 0; i < BW_COUNT(codes); i++) {
        if (codes[i].status == err->status) {
            bw_sb_reply_error(reply, codes[i].code, codes[i].name, NULL, "%s", err->message);
            return BW_SB_DONE;
        }
    }
    bw_sb_reply_error(reply, 500, NULL, NULL, "%s", err->message);
    return BW_SB_DONE;
}

bw_sb_outcome ps_reply_empty(bw_sb_reply *reply, bw_status status, const bw_error *err)
{
    if (status != BW_OK)
        return ps_reply_error(reply, err);
    bw_buf_clear(&reply->body);
    bw_buf_adds(&reply->body, "{}");
    return BW_SB_DONE;
}

/* ---- Requests --------------------------------------------------------------------------------- */

bw_status ps_body(bw_sb_request *r, const ps_member *members, bw_slice *out, bw_error *err)
{
    bw_slice body;
    bw_buf text = BW_BUF_INIT;
    bw_status status = bw_sb_request_object(r, &body, err);
    if (status == BW_OK)
        status = ps_json_read(members, body, "", &text, err);
    if (status == BW_OK)
        *out = bw_arena_slice(&r->arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return status;
}

bw_status ps_path_name(bw_sb_request *r, const char *collection, const char **project,
                       const char **id, bw_error *err)
{
    const char *name =
        bw_arena_printf(&r->arena, "projects/%s/%s/%s", bw_sb_request_param(r, "project"),
                        collection, bw_sb_request_param(r, "id"));
    return ps_name_parse(&r->arena, name, collection, project, id, err);
}

bw_sb_outcome ps_serve(bw_sb_pubsub *ps, bw_sb_request *r, bw_sb_reply *reply,
                       const char *collection, const ps_member *members, ps_method *method)
{
    bw_error err = BW_ERROR_INIT;
    ps_call call = {.ps = ps, .arena = &r->arena, .out = &reply->body};
    bw_status status = ps_path_name(r, collection, &call.project, &call.name, &err);
    if (status == BW_OK && members)
        status = ps_body(r, members, &call.body, &err);
    if (status == BW_OK)
        status = ps_begin(ps, &err);
    if (status != BW_OK)
        return ps_reply_error(reply, &err);
    if (ps_end(ps, method(&call, &err), &err) != BW_OK)
        return ps_reply_error(reply, &err);
    if (reply->body.len == 0)
        bw_buf_adds(&reply->body, "{}");
    return BW_SB_DONE;
}

bw_status ps_page_read(bw_sb_request *r, ps_page *page, bw_error *err)
{
    const char *token = bw_sb_request_query(r, "pageToken");
    *page = (ps_page){.after = token ? token : ""};
    if (!bw_sb_request_query_int(r, "pageSize", 0, INT32_MAX, 0, &page->size))
        return bw_error_set(err, BW_INVALID, "Invalid value for page_size");
    if (page->size == 0)
        page->size = 100;
    if (page->size > 1000)
        page->size = 1000;
    return BW_OK;
}

void ps_page_open(bw_buf *out, const char *member)
{
    bw_buf_addf(out, "{\"%s\":[", member);
}

bool ps_page_add(ps_page *page, bw_buf *out, bw_slice name)
{
    page->more = page->count == page->size;
    if (page->more)
        return false;
    if (page->count++)
        bw_buf_addc(out, ',');
    snprintf(page->last, sizeof page->last, "%.*s", BW_SLICE_ARG(name));
    return true;
}

bw_sb_outcome ps_page_close(const ps_page *page, bw_sb_reply *reply, bw_status status,
                            const bw_error *err)
{
    if (status != BW_OK)
        return ps_reply_error(reply, err);
    if (page->count == 0) /* an empty list is left out */
        return ps_reply_empty(reply, BW_OK, err);
    bw_buf_addc(&reply->body, ']');
    if (page->more)
        bw_sb_json_add_text(&reply->body, "nextPageToken", page->last);
    bw_buf_addc(&reply->body, '}');
    return BW_SB_DONE;
}

bw_sb_outcome ps_list(bw_sb_pubsub *ps, bw_sb_request *r, bw_sb_reply *reply,
                      const char *collection, const char *sql, ps_row_print *print)
{
    bw_error err = BW_ERROR_INIT;
    sqlite3_stmt *q;
    ps_page page;
    bw_status status = ps_page_read(r, &page, &err);
    if (status != BW_OK)
        return ps_reply_error(reply, &err);
    ps_page_open(&reply->body, collection);
    ps_lock(ps);
    status = ps_query(ps, &err, &q, sql, "tti", bw_sb_request_param(r, "project"), page.after,
                      page.size + 1);
    if (status == BW_OK) {
        while (bw_sb_db_next(q) && ps_page_add(&page, &reply->body, bw_sb_db_bytes(q, 0)))
            print(r, q, &reply->body);
        status = ps_done(ps, q, &err);
    }
    ps_unlock(ps);
    return ps_page_close(&page, reply, status, &err);
}

/* ---- Masks ------------------------------------------------------------------------------------ */

static bw_slice trim(bw_slice s)
{
    while (s.len && (*s.ptr == ' ' || *s.ptr == '\t'))
        s = (bw_slice){s.ptr + 1, s.len - 1};
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* One path of the mask on `base`. */
static void apply_path(bw_slice base, bw_slice patch, const char *name, bw_slice nested,
                       bw_buf *out)
{
    const char *const names[] = {name, NULL};
    bw_slice value = bw_json_member(patch, name);
    if (!nested.len) {
        bw_sb_json_without(base, names, out);
        out->len--; /* the closing brace */
        bw_sb_json_add_raw(out, name, value);
        bw_buf_addc(out, '}');
        return;
    }
    char inner[64];
    bw_buf change = BW_BUF_INIT;
    ps_json_camel(nested, inner, sizeof inner);
    value = value.len ? bw_json_member(value, inner) : value;
    bw_buf_addc(&change, '{');
    bw_sb_json_add_raw(&change, name, BW_SLICE_LIT("{"));
    bw_sb_json_add_raw(&change, inner, value.len ? value : BW_SLICE_LIT("null"));
    bw_buf_adds(&change, "}}");
    bw_sb_json_merge(base, bw_buf_slice(&change), out);
    bw_buf_fini(&change);
}

bw_status ps_mask_apply(bw_arena *arena, bw_slice base, bw_slice patch, const char *mask,
                        const char *const *changeable, const char *resource, bw_slice *out,
                        bw_error *err)
{
    if (!mask || !*mask)
        return bw_error_set(err, BW_INVALID,
                            "The update_mask in the Update%sRequest must be set, and must contain "
                            "a non-empty paths list.",
                            resource);
    for (*out = base; *mask;) {
        bw_slice path = trim((bw_slice){mask, strcspn(mask, ",")});
        mask += strcspn(mask, ",");
        mask += *mask == ',';
        char name[64];
        size_t top = 0;
        while (top < path.len && path.ptr[top] != '.')
            top++;
        bw_slice nested = top < path.len ? (bw_slice){path.ptr + top + 1, path.len - top - 1}
                                         : (bw_slice){NULL, 0};
        ps_json_camel((bw_slice){path.ptr, top}, name, sizeof name);
        const char *const *known = changeable;
        while (*known && strcmp(*known, name) != 0)
            known++;
        if (!*known)
            return bw_error_set(err, BW_INVALID,
                                "Invalid update_mask provided in the Update%sRequest: the '%.*s' "
                                "field in the %s is not mutable.",
                                resource, (int)(path.len < 80 ? path.len : 80), path.ptr, resource);
        bw_buf text = BW_BUF_INIT;
        apply_path(*out, patch, *known, nested, &text);
        *out = bw_arena_slice(arena, bw_buf_slice(&text));
        bw_buf_fini(&text);
    }
    return BW_OK;
}

/* ---- Values ----------------------------------------------------------------------------------- */

static bool label_valid(bw_slice text, bool key)
{
    bool letter = text.len && ((text.ptr[0] >= 'a' && text.ptr[0] <= 'z') ||
                               (unsigned char)text.ptr[0] >= 0x80);
    if (text.len > 252 || (key && !letter)) /* 63 characters of up to 4 bytes */
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
              (unsigned char)c >= 0x80))
            return false;
    }
    return true;
}

bw_status ps_labels_check(bw_arena *arena, bw_slice labels, bw_error *err)
{
    bw_slice key, value;
    size_t count = 0;
    for (size_t at = 0; labels.len && bw_sb_json_each(labels, &at, &key, &value); count++) {
        if (count == 64)
            return bw_error_set(err, BW_INVALID, "A resource has at most 64 labels.");
        if (!label_valid(ps_json_content(arena, key), true) ||
            !label_valid(ps_json_content(arena, value), false))
            return bw_error_set(err, BW_INVALID, "Invalid label given: %.*s",
                                (int)(key.len < 80 ? key.len : 80), key.ptr);
    }
    return BW_OK;
}

void ps_add_map(bw_buf *out, const char *name, bw_slice object)
{
    bw_slice key, value;
    size_t at = 0;
    if (object.len && bw_sb_json_each(object, &at, &key, &value))
        bw_sb_json_add_raw(out, name, object);
}

bw_status ps_retention_check(int64_t us, bw_error *err)
{
    if (us >= 10 * BW_MINUTE && us <= 31 * BW_DAY)
        return BW_OK;
    return bw_error_set(err, BW_INVALID,
                        "Invalid message_retention_duration given: it must be between 10 minutes "
                        "and 31 days.");
}

/* ---- Acknowledgement ids ---------------------------------------------------------------------- */

/* Tells ids apart from texts that only look like one. */
static uint32_t check_of(const char *text, size_t len)
{
    uint64_t hash = bw_sb_hash(BW_SB_HASH_SEED, text, len);
    return (uint32_t)(hash ^ hash >> 32);
}

void ps_ack_id_print(int64_t subscription, int64_t message, int64_t lease, char out[PS_ACK_ID_SIZE])
{
    snprintf(out, PS_ACK_ID_SIZE, "%08x%016llx%08x", (unsigned)subscription,
             (unsigned long long)message, (unsigned)lease);
    snprintf(out + 32, 9, "%08x", (unsigned)check_of(out, 32));
}

bool ps_ack_id_parse(bw_slice text, int64_t subscription, int64_t *message, int64_t *lease)
{
    char copy[PS_ACK_ID_SIZE], again[PS_ACK_ID_SIZE], part[17];
    if (text.len != PS_ACK_ID_SIZE - 1)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memcpy(part, copy + 8, 16);
    part[16] = '\0';
    *message = (int64_t)strtoull(part, NULL, 16);
    memcpy(part, copy + 24, 8);
    part[8] = '\0';
    *lease = (int64_t)strtoull(part, NULL, 16);
    /* Whatever strtoull() has overlooked does not print the same again. */
    ps_ack_id_print(subscription, *message, *lease, again);
    return strcmp(copy, again) == 0;
}
