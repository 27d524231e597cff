#include "backend/engine/arrival.h"

#include <string.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

/* ---- the table -------------------------------------------------------------------------- */

static const bw_field fields[BW_EVENT_ROW_COLUMNS] = {
    [BW_EVENT_ROW_KEY] = {.name = "entity_key",
                          .source_name = "entity_key",
                          .source_type = "event",
                          .description = "Path of the entity's key: kind/name, ancestors first.",
                          .type = BW_TYPE_STRING,
                          .required = true,
                          .key_part = true},
    [BW_EVENT_ROW_KIND] = {.name = "kind",
                           .source_name = "kind",
                           .source_type = "event",
                           .description = "Datastore kind of the entity.",
                           .type = BW_TYPE_STRING},
    [BW_EVENT_ROW_ENTITY_ID] = {.name = "entity_id",
                                .source_name = "entity_id",
                                .source_type = "event",
                                .description = "Name or id of the entity.",
                                .type = BW_TYPE_STRING},
    [BW_EVENT_ROW_DATA] = {.name = "data",
                           .source_name = "data",
                           .source_type = "event",
                           .description = "The entity's properties.",
                           .type = BW_TYPE_JSON},
    [BW_EVENT_ROW_LAST_MODIFIED] = {.name = "last_modified",
                                    .source_name = "last_modified",
                                    .source_type = "event",
                                    .description = "Time of the newest event that took part.",
                                    .type = BW_TYPE_TIMESTAMP},
    [BW_EVENT_ROW_RESOLVED] = {.name = "conflict_resolved",
                               .source_name = "conflict_resolved",
                               .source_type = "event",
                               .description = "Two sides were merged into this state.",
                               .type = BW_TYPE_BOOL},
};
static const size_t key[] = {BW_EVENT_ROW_KEY};

void bw_events_table(bw_table_info *info)
{
    info->schema = (bw_schema){fields, BW_COUNT(fields)};
    info->key = key;
    info->n_key = BW_COUNT(key);
    info->key_origin = "the entity";
    info->immutable = false;
    info->cursor = BW_EVENT_ROW_LAST_MODIFIED;
    info->cursor_kind = BW_CURSOR_TIMESTAMP;
    info->cursor_origin = "the events' time";
}

/* Of the current table: what letters and the console call the entity. */
bw_slice bw_event_entity_json(const bw_event *event, bw_arena *arena)
{
    bw_value row[BW_EVENT_ROW_COLUMNS] = {0};
    bw_schema schema = {fields, BW_COUNT(fields)};
    row[BW_EVENT_ROW_KEY] = bw_value_text(event->key_text.ptr, event->key_text.len);
    return bw_row_key_json(arena, &schema, key, BW_COUNT(key), row);
}

/* The name or id of a key's last part. */
static bw_slice entity_id(bw_slice key_json, bw_arena *arena)
{
    bw_json_scan scan = bw_json_scan_init(key_json);
    bw_json_token t;
    bw_buf id = BW_BUF_INIT;
    while (bw_json_next(&scan, &t) && t.type != BW_JSON_END) {
        bool wanted = t.type == BW_JSON_KEY &&
                      (bw_slice_is(t.raw, "\"name\"") || bw_slice_is(t.raw, "\"id\""));
        if (!wanted || !bw_json_next(&scan, &t) || t.type != BW_JSON_STRING)
            continue;
        bw_buf_clear(&id);
        (void)bw_json_unescape(t.raw, &id);
    }
    bw_slice text = bw_arena_slice(arena, bw_buf_slice(&id));
    bw_buf_fini(&id);
    return text;
}

/* ---- from events to rows ---------------------------------------------------------------- */

static bw_slice letter_attributes(const bw_arrival *a, bw_slice stored, bw_arena *arena)
{
    return bw_letter_attributes(&a->message, a->ordering_key, a->letter_id != NULL, stored, arena);
}

static bw_slice scoped_id(const char *scope, const bw_arrival *a, bw_arena *arena)
{
    return bw_slice_cstr(
        bw_arena_printf(arena, "%s:%.*s", scope, BW_SLICE_ARG(a->message.message_id)));
}

/* What a letter is known by, beside its content. */
static bw_slice letter_id(const char *scope, const bw_arrival *a, bw_arena *arena)
{
    if (a->letter_id)
        return bw_slice_cstr(a->letter_id);
    return a->is_event ? a->event.id : scoped_id(scope, a, arena);
}

static void reject(const char *scope, bw_chunk *chunk, const bw_arrival *a,
                   const bw_event_fault *fault, bw_slice stored)
{
    bw_arena *arena = &chunk->arena;
    bw_rejected_row row = {
        .reason = fault->reason,
        .column = bw_arena_strndup(arena, fault->member.ptr, fault->member.len),
        .detail = fault->detail,
        .content = a->message.data,
        .attributes = letter_attributes(a, stored, arena),
        .event_id = letter_id(scope, a, arena),
        .content_hash = a->content_hash,
    };
    if (a->is_event)
        row.key = bw_event_entity_json(&a->event, arena);
    bw_chunk_reject(chunk, row);
}

static void reject_conflict(const char *scope, bw_chunk *chunk, const bw_arrival *a)
{
    const bw_resolution *r = a->resolution;
    char time[BW_TIME_TEXT];
    bw_event_fault fault = {.reason = BW_REASON_CONFLICT};
    if (r->presence == BW_PRESENCE_DELETED)
        fault.detail = bw_slice_cstr(
            bw_arena_printf(&chunk->arena, "the entity was deleted at %s, after this event",
                            bw_format_time(r->last_modified_us, time)));
    else
        fault.detail = bw_slice_cstr(
            bw_arena_printf(&chunk->arena, "the entity was changed at %s, after this event",
                            bw_format_time(r->last_modified_us, time)));
    reject(scope, chunk, a, &fault, r->properties.len ? r->properties : BW_SLICE_LIT("null"));
}

static bw_value timestamp_value(int64_t us, bw_arena *arena)
{
    if (us == BW_TIME_NONE)
        return BW_VALUE_NULL_INIT;
    char time[BW_TIME_TEXT];
    bw_format_time(us, time);
    const char *text =
        bw_arena_printf(arena, "%.10s %.*s+00", time, (int)strlen(time) - 12, time + 11);
    return bw_value_text(text, strlen(text));
}

static void add_row(bw_chunk *chunk, const bw_arrival *a)
{
    bw_arena *arena = &chunk->arena;
    const bw_event *event = &a->event;
    const bw_resolution *r = a->resolution;
    const char *name = bw_event_operation_name(event->operation);
    bool deleted = r->presence != BW_PRESENCE_EXISTS;
    *bw_chunk_event(chunk) = (bw_row_event){
        .id = event->id,
        .operation = bw_slice_cstr(name),
        .payload = event->payload,
        .attributes = letter_attributes(a, (bw_slice){NULL, 0}, arena),
        .letter_id = a->letter_id ? bw_slice_cstr(a->letter_id) : event->id,
        .content_hash = a->content_hash,
        .time_us = r->event_us,
        .version = r->version,
        .state_version = r->entity_version,
        .deleted = deleted,
    };
    bw_value *row = bw_chunk_row(chunk);
    bw_slice id = entity_id(event->key, arena);
    row[BW_EVENT_ROW_KEY] = bw_value_text(event->key_text.ptr, event->key_text.len);
    row[BW_EVENT_ROW_KIND] = bw_value_text(event->kind.ptr, event->kind.len);
    row[BW_EVENT_ROW_ENTITY_ID] = bw_value_text(id.ptr, id.len);
    row[BW_EVENT_ROW_DATA] =
        deleted ? BW_VALUE_NULL_INIT : bw_value_text(r->properties.ptr, r->properties.len);
    row[BW_EVENT_ROW_LAST_MODIFIED] = timestamp_value(r->last_modified_us, arena);
    row[BW_EVENT_ROW_RESOLVED] =
        r->conflict_resolved ? bw_value_text("true", 4) : bw_value_text("false", 5);
    chunk->rows++;
}

bool bw_arrival_hand_out(const bw_arrival *a, const char *scope, bw_chunk *chunk)
{
    const bw_slice none = {NULL, 0};
    if (!a->is_event) {
        reject(scope, chunk, a, &a->fault, none);
    } else if (!a->resolution->resolved) {
        reject(scope, chunk, a, &a->resolution->fault, none);
    } else if (a->resolution->outcome == BW_OUTCOME_MANUAL) {
        reject_conflict(scope, chunk, a);
    } else {
        add_row(chunk, a);
        return true;
    }
    return false;
}
