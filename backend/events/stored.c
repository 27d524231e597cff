#include "backend/events/stored.h"

#include <stdio.h>

#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/events/content.h"
#include "backend/events/members.h"
#include "backend/events/resolver.h"

#define LAST_MODIFIED "last_modified"
#define VERSION       "version"
#define RESOLVED      "conflict_resolved"
#define REGISTERS     "_bw_fields"
/* What nobody has counted to, and everybody can count on from. */
#define VERSION_MAX (INT64_C(1) << 60)

/* ---- keys --------------------------------------------------------------------------------- */

static void add_key(bw_buf *out, const bw_partition *where, const char *kind, bw_slice name)
{
    char hash[40];
    if (name.len > BW_ENTITY_MAX_NAME || (name.len >= 2 && memcmp(name.ptr, "__", 2) == 0)) {
        bw_content_hash h = bw_content_hash_bytes(name);
        snprintf(hash, sizeof hash, "#%016llx%016llx", (unsigned long long)h.high,
                 (unsigned long long)h.low);
        name = bw_slice_cstr(hash);
    }
    bw_key_part part = {.kind = bw_slice_cstr(kind), .name = name};
    bw_key_write(out, where, &part, 1);
}

void bw_stored_tombstone_key(bw_buf *out, const bw_partition *where, bw_slice entity_path)
{
    add_key(out, where, "_bw_tombstone", entity_path);
}

void bw_stored_event_key(bw_buf *out, const bw_partition *where, bw_slice event_id)
{
    add_key(out, where, "_bw_event", event_id);
}

/* ---- reading ------------------------------------------------------------------------------ */

static bw_slice string_of(bw_slice entity, const char *property, bw_arena *arena)
{
    bw_buf text = BW_BUF_INIT;
    bw_slice out = {NULL, 0};
    if (bw_entity_string(entity, property, &text))
        out = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return out;
}

/* The clock's property as plain JSON. What is none stays something that is no clock. */
static bw_slice clock_of(bw_slice entity, const char *clock_field, bw_arena *arena)
{
    bw_slice value = bw_entity_value(entity, clock_field);
    if (!value.len)
        return (bw_slice){NULL, 0};
    bw_buf text = BW_BUF_INIT;
    bw_slice out = BW_SLICE_LIT("?");
    if (bw_entity_value_to_json(value, NULL, &text, NULL) == BW_REASON_NONE)
        out = bw_arena_slice(arena, bw_buf_slice(&text));
    bw_buf_fini(&text);
    return out;
}

/* A property of ours that holds something else belongs to somebody, who would lose it. */
static const char *somebodys(bw_slice entity, bw_arena *arena)
{
    static const struct {
        const char *name;
        bw_entity_type type;
    } ours[] = {
        {LAST_MODIFIED, BW_ENTITY_TIMESTAMP},
        {VERSION, BW_ENTITY_INT},
        {RESOLVED, BW_ENTITY_BOOL},
        {REGISTERS, BW_ENTITY_STRING},
    };
    for (size_t i = 0; i < BW_COUNT(ours); i++) {
        bw_slice value = bw_entity_value(entity, ours[i].name), content;
        bw_entity_type type = value.len ? bw_entity_value_type(value, &content) : BW_ENTITY_ABSENT;
        if (type != ours[i].type && type != BW_ENTITY_ABSENT && type != BW_ENTITY_NULL)
            return bw_arena_printf(
                arena, "the entity's %s, which the engine keeps, is a %s and no %s", ours[i].name,
                bw_entity_type_name(type), bw_entity_type_name(ours[i].type));
    }
    return NULL;
}

static bool is_ours(bw_slice name, const char *clock_field)
{
    static const char *const ours[] = {LAST_MODIFIED, VERSION, RESOLVED, REGISTERS};
    for (size_t i = 0; i < BW_COUNT(ours); i++) {
        if (bw_slice_is(name, ours[i]))
            return true;
    }
    return clock_field && bw_slice_is(name, clock_field);
}

/* The properties that are ours, as an entity of their own, so that what somebody stored is read
   through once only; and the others, with their exact values. */
static bool split(bw_slice entity, const char *clock_field, bw_arena *arena, bw_slice *ours,
                  bw_slice *others)
{
    bw_slice properties = bw_entity_properties(entity);
    bw_members all = {NULL, 0};
    size_t n = 0, n_ours = 0;
    if (properties.len && !bw_members_read(properties, arena, &all))
        return false;
    bw_member *own = BW_ARENA_ARRAY(arena, bw_member, all.count + 1);
    for (size_t i = 0; i < all.count; i++) {
        if (is_ours(all.items[i].name, clock_field))
            own[n_ours++] = all.items[i];
        else
            all.items[n++] = all.items[i];
    }
    *others = bw_members_write(all.items, n, arena);
    bw_slice text = bw_members_write(own, n_ours, arena);
    *ours = bw_slice_cstr(bw_arena_printf(arena, "{\"properties\":%.*s}", BW_SLICE_ARG(text)));
    return true;
}

static void read_common(bw_slice entity, bw_arena *arena, bw_entity_state *out)
{
    if (!bw_entity_time(entity, LAST_MODIFIED, &out->last_modified_us))
        out->last_modified_us = BW_TIME_NONE;
    out->registers = string_of(entity, REGISTERS, arena);
}

int64_t bw_stored_reserved(const bw_datastore_result *tombstone)
{
    int64_t version, deleted_us;
    if (!tombstone->found || bw_entity_time(tombstone->entity, "deleted_at", &deleted_us) ||
        !bw_entity_int(tombstone->entity, VERSION, &version))
        return 0;
    return version;
}

static const char *uncountable(int64_t version, bw_arena *arena)
{
    return bw_arena_printf(arena, "the entity's version, which the engine counts, is %lld",
                           (long long)version);
}

const char *bw_stored_state(const bw_datastore_result *entity, const bw_datastore_result *tombstone,
                            const char *clock_field, int64_t now_us, bw_arena *arena,
                            bw_entity_state *out)
{
    int64_t deleted_us;
    *out = (bw_entity_state){.last_modified_us = BW_TIME_NONE};
    if (tombstone->found)
        (void)bw_entity_int(tombstone->entity, VERSION, &out->version);
    if (out->version < 0 || out->version > VERSION_MAX)
        return uncountable(out->version, arena);
    if (entity->found) {
        bw_slice ours;
        if (!split(entity->entity, clock_field, arena, &ours, &out->properties))
            return "the entity's properties cannot be read";
        const char *why = somebodys(ours, arena);
        if (why)
            return why;
        int64_t version;
        bool has = bw_entity_int(ours, VERSION, &version);
        if (has && (version < 0 || version > VERSION_MAX))
            return uncountable(version, arena);
        /* Somebody may have made it again beside its tombstone, or without its version. */
        if (has && (version > out->version || bw_stored_reserved(tombstone)))
            out->version = version;
        out->presence = BW_PRESENCE_EXISTS;
        (void)bw_entity_bool(ours, RESOLVED, &out->conflict_resolved);
        read_common(ours, arena, out);
        if (clock_field)
            out->clock = clock_of(ours, clock_field, arena);
        return NULL;
    }
    if (!tombstone->found || !bw_entity_time(tombstone->entity, "deleted_at", &deleted_us) ||
        now_us - deleted_us > BW_RESOLVER_KEEP)
        return NULL;
    out->presence = BW_PRESENCE_DELETED;
    read_common(tombstone->entity, arena, out);
    if (clock_field)
        out->clock = string_of(tombstone->entity, "clock", arena);
    return NULL;
}

bool bw_stored_outcome_read(const bw_datastore_result *result, bw_arena *arena,
                            bw_stored_outcome *out)
{
    bw_slice word = string_of(result->entity, "result", arena);
    out->content = string_of(result->entity, "content", arena);
    if (!bw_entity_time(result->entity, "time", &out->time_us))
        out->time_us = BW_TIME_NONE;
    return bw_outcome_parse(word, &out->outcome) && out->content.len &&
           bw_entity_int(result->entity, VERSION, &out->version);
}

/* ---- writing ------------------------------------------------------------------------------ */

static void begin_entity(bw_buf *out, bw_slice key)
{
    bw_buf_adds(out, "{\"key\":");
    bw_buf_add(out, key.ptr, key.len);
    bw_buf_adds(out, ",\"properties\":{");
}

static void add_int(bw_buf *out, const char *name, int64_t n)
{
    bw_buf_addf(out, "\"%s\":{\"integerValue\":\"%lld\"}", name, (long long)n);
}

/* What nobody looks up by this value: an index that only ever grows at its end is slow, and each
   costs storage. */
static void leave_unindexed(bw_buf *out)
{
    out->len--;
    bw_buf_adds(out, ",\"excludeFromIndexes\":true}");
}

static void add_time(bw_buf *out, const char *name, int64_t us)
{
    char text[BW_TIME_TEXT];
    if (us == BW_TIME_NONE)
        bw_buf_addf(out, ",\"%s\":{\"nullValue\":null}", name);
    else
        bw_buf_addf(out, ",\"%s\":{\"timestampValue\":\"%s\"}", name, bw_format_time(us, text));
}

static void add_string(bw_buf *out, const char *name, bw_slice text, bool indexed)
{
    bw_buf_addf(out, ",\"%s\":{\"stringValue\":", name);
    bw_json_add_string(out, text);
    bw_buf_adds(out, indexed ? "}" : ",\"excludeFromIndexes\":true}");
}

static void add_common(bw_buf *out, const bw_entity_state *state)
{
    add_int(out, VERSION, state->version);
    add_time(out, LAST_MODIFIED, state->last_modified_us);
    if (state->registers.len)
        add_string(out, REGISTERS, state->registers, false);
}

void bw_stored_write_entity(bw_buf *out, bw_slice key, const bw_entity_state *state,
                            const char *clock_field)
{
    begin_entity(out, key);
    if (state->properties.len > 2) {
        bw_buf_add(out, state->properties.ptr + 1, state->properties.len - 2);
        bw_buf_addc(out, ',');
    }
    add_common(out, state);
    if (state->conflict_resolved)
        bw_buf_adds(out, ",\"" RESOLVED "\":{\"booleanValue\":true}");
    if (clock_field && state->clock.len) {
        bw_buf_addc(out, ',');
        bw_json_add_string(out, bw_slice_cstr(clock_field));
        bw_buf_addc(out, ':');
        if (bw_entity_value_from_json(state->clock, out, NULL) != BW_REASON_NONE)
            bw_buf_adds(out, "{\"nullValue\":null}");
    }
    bw_buf_adds(out, "}}");
}

void bw_stored_write_tombstone(bw_buf *out, bw_slice key, const bw_entity_state *state,
                               int64_t now_us)
{
    begin_entity(out, key);
    add_common(out, state);
    add_time(out, "deleted_at", now_us);
    if (state->clock.len)
        add_string(out, "clock", state->clock, false);
    bw_buf_adds(out, "}}");
}

void bw_stored_write_reserved(bw_buf *out, bw_slice key, int64_t version)
{
    begin_entity(out, key);
    add_int(out, VERSION, version);
    leave_unindexed(out);
    bw_buf_adds(out, "}}");
}

void bw_stored_outcome_write(bw_buf *out, bw_slice key, const bw_event *event,
                             const bw_stored_outcome *outcome, int64_t now_us)
{
    begin_entity(out, key);
    add_int(out, VERSION, outcome->version);
    leave_unindexed(out);
    add_string(out, "result", bw_slice_cstr(bw_outcome_name(outcome->outcome)), true);
    add_string(out, "entity", event->key_text, event->key_text.len <= BW_ENTITY_MAX_INDEXED);
    add_string(out, "content", outcome->content, false);
    add_time(out, "time", outcome->time_us);
    leave_unindexed(out);
    add_time(out, "at", now_us);
    leave_unindexed(out);
    add_time(out, "_bw_expires", now_us + BW_RESOLVER_OUTCOMES);
    leave_unindexed(out);
    bw_buf_adds(out, "}}");
}
