#include "backend/engine/command.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/clock.h"
#include "backend/core/text.h"
#include "backend/model/value.h"

static const char *const names[BW_COMMAND_KINDS] = {
    [BW_COMMAND_SYNC] = "sync",     [BW_COMMAND_FULL] = "full",
    [BW_COMMAND_SINCE] = "since",   [BW_COMMAND_KEYS] = "keys",
    [BW_COMMAND_PAUSE] = "pause",   [BW_COMMAND_RESUME] = "resume",
    [BW_COMMAND_CANCEL] = "cancel", [BW_COMMAND_TAKE_OVER] = "take-over",
    [BW_COMMAND_REPLAY] = "replay", [BW_COMMAND_DISCARD] = "discard",
    [BW_COMMAND_EDIT] = "edit",
};

const char *bw_command_name(bw_command_kind kind)
{
    return names[kind];
}

bool bw_command_parse(const char *name, bw_command_kind *kind)
{
    for (int k = 0; k < BW_COMMAND_KINDS; k++) {
        if (strcmp(names[k], name) == 0) {
            *kind = (bw_command_kind)k;
            return true;
        }
    }
    return false;
}

static json_t *strings_to_json(const char *const *items, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(items[i]));
    return array;
}

/* Text as it is, other bytes in base64. */
static void content_to_json(json_t *o, bw_slice content)
{
    bool text = bw_utf8_valid(content) && !memchr(content.ptr, '\0', content.len);
    if (text) {
        json_object_set_new(o, "content", json_stringn(content.ptr, content.len));
        return;
    }
    bw_buf b = BW_BUF_INIT;
    bw_base64_encode(&b, content.ptr, content.len);
    json_object_set_new(o, "content_base64", json_stringn(b.ptr, b.len));
    bw_buf_fini(&b);
}

static bw_slice content_from_json(const json_t *o, bw_arena *arena)
{
    const json_t *text = json_object_get(o, "content"),
                 *coded = json_object_get(o, "content_base64");
    bw_buf b = BW_BUF_INIT;
    bw_slice content = {NULL, 0};
    if (json_is_string(text))
        return bw_arena_slice(arena, (bw_slice){json_string_value(text), json_string_length(text)});
    if (json_is_string(coded) &&
        bw_base64_decode(&b, (bw_slice){json_string_value(coded), json_string_length(coded)}))
        content = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return content;
}

char *bw_command_to_json(const bw_command *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "syncs", strings_to_json(c->syncs, c->n_syncs));
    json_object_set_new(o, "keys", strings_to_json(c->keys, c->n_keys));
    json_t *letters = json_array();
    for (size_t i = 0; i < c->n_letters; i++)
        json_array_append_new(letters, json_integer(c->letters[i]));
    json_object_set_new(o, "letters", letters);
    if (c->kind == BW_COMMAND_SINCE)
        json_object_set_new(o, "since_us", json_integer(c->since_us));
    if (c->reason)
        json_object_set_new(o, "reason", json_string(c->reason));
    if (c->content.ptr)
        content_to_json(o, c->content);
    json_object_set_new(o, "publish", json_boolean(c->publish));
    json_object_set_new(o, "replays", json_boolean(c->replays));
    json_object_set_new(o, "stored", json_boolean(c->stored));
    json_object_set_new(o, "dry_run", json_boolean(c->dry_run));
    if (c->rate > 0)
        json_object_set_new(o, "rate", json_real(c->rate));
    char *text = json_dumps(o, JSON_COMPACT);
    char *copy = bw_xstrdup(text ? text : "{}");
    free(text);
    json_decref(o);
    return copy;
}

static const char *const *strings_from_json(const json_t *array, bw_arena *arena, size_t *n)
{
    *n = json_array_size(array);
    const char **items = BW_ARENA_ARRAY(arena, const char *, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        const char *s = json_string_value(json_array_get(array, i));
        items[i] = bw_arena_strdup(arena, s ? s : "");
    }
    return items;
}

bw_status bw_command_from_json(const char *kind, const char *who, const char *args, bw_arena *arena,
                               bw_command *out, bw_error *err)
{
    *out = (bw_command){.who = bw_arena_strdup(arena, who ? who : ""), .since_us = BW_TIME_NONE};
    json_t *o = json_loads(args ? args : "{}", 0, NULL);
    if (!bw_command_parse(kind, &out->kind) || !json_is_object(o)) {
        json_decref(o);
        return bw_error_set(err, BW_INVALID, "the command %s is not understood by this version",
                            kind);
    }
    out->syncs = strings_from_json(json_object_get(o, "syncs"), arena, &out->n_syncs);
    out->keys = strings_from_json(json_object_get(o, "keys"), arena, &out->n_keys);
    const json_t *letters = json_object_get(o, "letters");
    out->n_letters = json_array_size(letters);
    int64_t *ids = BW_ARENA_ARRAY(arena, int64_t, out->n_letters + 1);
    for (size_t i = 0; i < out->n_letters; i++)
        ids[i] = json_integer_value(json_array_get(letters, i));
    out->letters = ids;
    if (json_is_integer(json_object_get(o, "since_us")))
        out->since_us = json_integer_value(json_object_get(o, "since_us"));
    const char *reason = json_string_value(json_object_get(o, "reason"));
    out->reason = reason ? bw_arena_strdup(arena, reason) : NULL;
    out->content = content_from_json(o, arena);
    out->publish = json_is_true(json_object_get(o, "publish"));
    out->replays = json_is_true(json_object_get(o, "replays"));
    out->stored = json_is_true(json_object_get(o, "stored"));
    out->dry_run = json_is_true(json_object_get(o, "dry_run"));
    out->rate = json_number_value(json_object_get(o, "rate"));
    json_decref(o);
    return BW_OK;
}
