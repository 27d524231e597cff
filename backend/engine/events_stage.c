#include "backend/engine/events_stage.h"

#include <stdlib.h>

#include "backend/core/crash_point.h"
#include "backend/core/json.h"
#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/engine/arrival.h"
#include "backend/engine/decisions.h"
#include "backend/engine/outbox.h"
#include "backend/events/resolver.h"
#include "backend/google/pubsub.h"
#include "backend/sources/message.h"

#define KEEP_BYTES  ((size_t)1 << 20)
#define GROUP_FIRST ((size_t)16)
#define GROUP_BYTES ((size_t)4 << 20) /* of entities, about */

/* The source: what the stage stands upon, and what resolves. */
typedef struct stage {
    const bw_source_class *inner_class;
    bw_source *inner;
    const bw_source_env *env;
    bw_arena arena; /* the rules' lists */
    bw_event_rules rules;
    bw_resolver *resolver;
    bw_retry_listener listener; /* of the resolver's waits */
    bw_store *store;
    bool tells;
    const bw_replayed_message *fed; /* for the next reader; NULL: none */
    size_t n_fed;
} stage;

/* One reading of a subscription, or of stored messages. */
typedef struct reading {
    stage *stage;
    bw_reader *inner; /* NULL: of stored messages */
    bw_chunk messages;
    const bw_replayed_message *stored;
    size_t n_stored;
    bool stored_read;
    bw_arena arena;       /* of the arrivals; rows point into it until they are resolved */
    bw_arrival *arrivals; /* of the last chunk of messages */
    size_t count, taken;  /* of them; from `taken` on they are still to be resolved */
    bool last;            /* no more messages come in this batch */
    size_t group;         /* how many are resolved at a time */
    bw_outbox outbox;
    bw_decisions decisions;
} reading;

static stage *stage_of(bw_source *source)
{
    return (stage *)source;
}

static reading *reading_of(bw_reader *reader)
{
    return (reading *)reader;
}

/* ---- opening ---------------------------------------------------------------------------- */

static void read_rules(const bw_config_node *node, bw_arena *arena, bw_conflict_rules *rules)
{
    const bw_config_pair *pairs;
    size_t n = bw_config_map(node, "conflict.fields", &pairs);
    bw_field_strategy *fields = BW_ARENA_ARRAY(arena, bw_field_strategy, n + 1);
    for (size_t i = 0; i < n; i++) {
        fields[i].name = pairs[i].name;
        bw_strategy_parse(pairs[i].value, &fields[i].strategy); /* one of the setting's choices */
    }
    bw_strategy_parse(bw_config_string(node, "conflict.strategy"), &rules->strategy);
    rules->fields = fields;
    rules->n_fields = n;
    rules->n_always_take = bw_config_list(node, "conflict.always_take", &rules->always_take);
}

static const char *given(const bw_config_node *node, const char *path)
{
    return bw_config_has(node, path) ? bw_config_string(node, path) : NULL;
}

void bw_events_rules_read(const bw_sync_def *def, bw_event_rules *rules)
{
    const bw_config_node *node = def->node;
    *rules = (bw_event_rules){
        .default_kind = given(node, "kind"),
        .message_scope = def->spec.table,
        .future_tolerance_us = bw_config_duration(node, "future_tolerance"),
        .past_tolerance_us = bw_config_duration(node, "past_tolerance"),
    };
    if (bw_config_choice(node, "conflict.causality") == 1)
        rules->clock_field = bw_config_string(node, "conflict.clock_field");
}

void bw_events_resolver_read(const bw_sync_def *def, const bw_event_rules *rules, bw_arena *arena,
                             bw_resolver_options *options)
{
    options->project = given(def->node, "datastore.project");
    options->database = given(def->node, "datastore.database");
    options->namespace_id = given(def->node, "datastore.namespace");
    read_rules(def->node, arena, &options->rules);
    options->rules.clock_field = rules->clock_field;
}

static const bw_source_class stage_class;

bw_status bw_events_stage_open(const bw_sync_def *def, const bw_source_env *env, bw_store *store,
                               const bw_source_class **class, bw_source **source, bw_error *err)
{
    const bw_config_node *node = def->node;
    if (!env->google) {
        (*class)->close(*source);
        *source = NULL;
        return bw_error_set(err, BW_INVALID,
                            "events are resolved in Datastore, which needs a "
                            "project");
    }
    stage *s = bw_xcalloc(1, sizeof(*s));
    s->inner_class = *class;
    s->inner = *source;
    s->env = env;
    s->store = store;
    s->listener = (bw_retry_listener){.tell = env->tell, .user = env->tell_user};
    s->tells = bw_config_bool(node, "external_events");
    bw_resolver_options options = {
        .google = env->google,
        .clock = env->clock,
        .cancel = env->cancel,
        .subject = env->subject,
        .deadline_us = env->stall_timeout_us,
        .listener = &s->listener,
    };
    bw_events_rules_read(def, &s->rules);
    bw_events_resolver_read(def, &s->rules, &s->arena, &options);
    s->resolver = bw_resolver_new(&options);
    *class = &stage_class;
    *source = (bw_source *)s;
    return BW_OK;
}

static void stage_close(bw_source *source)
{
    stage *s = stage_of(source);
    bw_resolver_free(s->resolver);
    s->inner_class->close(s->inner);
    bw_arena_fini(&s->arena);
    free(s);
}

static bw_status stage_status(bw_source *source, bw_arena *arena, bw_source_status *out,
                              bw_error *err)
{
    stage *s = stage_of(source);
    return s->inner_class->status(s->inner, arena, out, err);
}

static bw_status stage_stream(bw_source *source, const bw_table_spec *spec, bw_arena *arena,
                              bw_stream_status *out, bw_error *err)
{
    stage *s = stage_of(source);
    return s->inner_class->stream(s->inner, spec, arena, out, err);
}

void bw_events_stage_feed(bw_source *source, const bw_replayed_message *messages, size_t count)
{
    stage *s = stage_of(source);
    s->fed = messages;
    s->n_fed = count;
}

/* ---- the table -------------------------------------------------------------------------- */

static bw_status stage_describe(bw_source *source, const bw_table_spec *spec, bw_arena *arena,
                                bw_table_info *out, bw_error *err)
{
    stage *s = stage_of(source);
    bw_status status = s->inner_class->describe(s->inner, spec, arena, out, err);
    if (status == BW_OK)
        bw_events_table(out);
    return status;
}

/* ---- reading ---------------------------------------------------------------------------- */

static bw_status stage_reader_open(bw_source *source, const bw_table_spec *spec,
                                   const bw_table_info *info, const bw_read_request *request,
                                   bw_reader **out, bw_error *err)
{
    stage *s = stage_of(source);
    reading *r = bw_xcalloc(1, sizeof(*r));
    *out = NULL;
    r->stage = s;
    r->group = GROUP_FIRST;
    r->arena = r->outbox.arena = (bw_arena)BW_ARENA_INIT;
    bw_chunk_init(&r->messages);
    bw_status status = BW_OK;
    if (s->fed) {
        r->stored = s->fed;
        r->n_stored = s->n_fed;
        s->fed = NULL;
    } else {
        /* Nothing is pulled, and no delivery is spent, while the events could not be resolved. */
        status = bw_resolver_ready(s->resolver, err);
        if (status == BW_OK)
            status = s->inner_class->reader_open(s->inner, spec, info, request, &r->inner, err);
    }
    if (status != BW_OK) {
        bw_chunk_fini(&r->messages);
        free(r);
        return status;
    }
    *out = (bw_reader *)r;
    return BW_OK;
}

static void stage_reader_close(bw_reader *reader)
{
    reading *r = reading_of(reader);
    if (!r)
        return;
    if (r->inner)
        r->stage->inner_class->reader_close(r->inner);
    bw_chunk_fini(&r->messages);
    bw_arena_fini(&r->arena);
    bw_outbox_fini(&r->outbox);
    bw_decisions_fini(&r->decisions);
    free(r);
}

static bw_status stage_reader_next(bw_reader *reader, bool *more, bw_batch_plan *out, bw_error *err)
{
    reading *r = reading_of(reader);
    bw_outbox_clear(&r->outbox);
    bw_decisions_clear(&r->decisions);
    if (r->inner)
        return r->stage->inner_class->reader_next(r->inner, more, out, err);
    *more = !r->stored_read && r->n_stored > 0;
    *out = (bw_batch_plan){
        .label = "replayed messages",
        .rows_expected = (double)r->n_stored,
        .from_us = BW_TIME_NONE,
        .to_us = BW_TIME_NONE,
    };
    return BW_OK;
}

static bw_status stage_reader_restart(bw_reader *reader, bw_error *err)
{
    reading *r = reading_of(reader);
    bw_outbox_clear(&r->outbox);
    bw_decisions_restart(&r->decisions);
    r->stored_read = false;
    r->count = r->taken = 0;
    return r->inner ? r->stage->inner_class->reader_restart(r->inner, err) : BW_OK;
}

static void stage_reader_end(bw_reader *reader, bw_batch_end *out)
{
    reading *r = reading_of(reader);
    if (r->inner)
        r->stage->inner_class->reader_end(r->inner, out);
}

/* ---- from messages to events ------------------------------------------------------------ */

static bw_slice decoded(bw_slice base64, bw_arena *arena)
{
    bw_buf b = BW_BUF_INIT;
    bw_slice data = {NULL, 0};
    if (bw_base64_decode(&b, base64))
        data = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return data;
}

static void take_row(const bw_value *row, bw_arena *arena, bw_arrival *a)
{
    *a = (bw_arrival){
        .message = {.data = decoded(bw_value_slice(&row[BW_MESSAGE_DATA]), arena),
                    .attributes =
                        bw_arena_slice(arena, bw_value_slice(&row[BW_MESSAGE_ATTRIBUTES])),
                    .message_id = bw_arena_slice(arena, bw_value_slice(&row[BW_MESSAGE_ID]))},
        .ordering_key = bw_arena_slice(arena, bw_value_slice(&row[BW_MESSAGE_ORDERING_KEY])),
    };
    if (!bw_value_version(bw_value_slice(&row[BW_MESSAGE_PUBLISH_TIME]), BW_TYPE_TIMESTAMP,
                          &a->message.publish_us))
        a->message.publish_us = 0;
}

static void take_stored(const bw_replayed_message *m, int64_t now_us, bw_arena *arena,
                        bw_arrival *a)
{
    bw_slice attributes = bw_slice_cstr(m->attributes ? m->attributes : "{}");
    *a = (bw_arrival){
        .message = bw_replayed_received(m, now_us, arena),
        .ordering_key = bw_pubsub_attribute(attributes, BW_LETTER_ORDERING_KEY, arena),
        .letter_id = m->letter_id,
        .content_hash = m->content_hash,
        .force = m->force,
    };
}

/* What the source of messages itself could not hand out as one. */
static void pass_on_rejected(const reading *r, bw_chunk *chunk)
{
    for (size_t i = 0; r->inner && i < r->messages.n_rejected; i++) {
        bw_rejected_row row = r->messages.rejected[i];
        row.detail = bw_arena_slice(&chunk->arena, row.detail);
        row.key = bw_arena_slice(&chunk->arena, row.key);
        row.content = bw_arena_slice(&chunk->arena, row.content);
        bw_chunk_reject(chunk, row);
    }
}

/* The next messages, as events where they are some. */
static bw_status read_messages(reading *r, bw_chunk *chunk, bw_error *err)
{
    stage *s = r->stage;
    int64_t now = bw_wall_us(s->env->clock);
    size_t n = r->n_stored;
    bw_arena_reset(&r->arena, KEEP_BYTES);
    r->count = r->taken = 0;
    r->last = true;
    if (r->inner) {
        bw_chunk_reset(&r->messages, BW_MESSAGE_COLUMNS);
        bw_status status = s->inner_class->reader_fetch(r->inner, &r->messages, &r->last, err);
        if (status != BW_OK)
            return status;
        n = r->messages.rows;
        chunk->source_bytes += r->messages.source_bytes;
        pass_on_rejected(r, chunk);
    }
    r->stored_read = true;
    r->arrivals = BW_ARENA_ARRAY(&r->arena, bw_arrival, n + 1);
    for (size_t i = 0; i < n; i++) {
        bw_arrival *a = &r->arrivals[i];
        if (r->inner)
            take_row(bw_chunk_at(&r->messages, i), &r->arena, a);
        else
            take_stored(&r->stored[i], now, &r->arena, a);
        a->is_event = bw_event_parse(&s->rules, &a->message, now, &r->arena, &a->event, &a->fault);
        if (a->is_event && !r->inner)
            bw_replayed_keep_id(&r->stored[i], &a->event);
    }
    r->count = n;
    return BW_OK;
}

/* ---- from events to rows ---------------------------------------------------------------- */

static bw_status resolve(reading *r, bw_arrival *list, size_t n, bw_arena *arena, bw_error *err)
{
    bw_resolver_item *items = BW_ARENA_ARRAY(arena, bw_resolver_item, n + 1);
    bw_resolution *out = BW_ARENA_ARRAY(arena, bw_resolution, n + 1);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!list[i].is_event)
            continue;
        list[i].resolution = &out[count];
        items[count++] = (bw_resolver_item){.event = &list[i].event, .force = list[i].force};
    }
    bw_crash_point("events_resolve_before");
    bw_status s = bw_resolver_run(r->stage->resolver, items, count, arena, out, err);
    bw_crash_point("events_resolve_after");
    return s;
}

static bw_status hand_out(reading *r, bw_chunk *chunk, const bw_arrival *a, bw_error *err)
{
    const char *sync = r->stage->env->subject;
    if (a->is_event && a->resolution->resolved)
        bw_decisions_add(&r->decisions, sync, &a->event, a->resolution);
    bool landed = bw_arrival_hand_out(a, r->stage->rules.message_scope, chunk);
    if (landed && (r->stage->tells || a->event.operation == BW_EVENT_DELETE))
        return bw_outbox_add(&r->outbox, sync, &a->event, a->resolution, err);
    return BW_OK;
}

/* How much a small event brings with it, the state of its entity, is known only when it is resolved:
   large ones come in small groups, and a reading begins with one. */
static size_t next_group(size_t group, size_t bytes)
{
    if (bytes > GROUP_BYTES && group > 1)
        return group / 2;
    if (bytes > GROUP_BYTES / 4)
        return group;
    return 2 * group < BW_RESOLVER_GROUP ? 2 * group : BW_RESOLVER_GROUP;
}

static bw_status stage_reader_fetch(bw_reader *reader, bw_chunk *chunk, bool *end, bw_error *err)
{
    reading *r = reading_of(reader);
    bw_status s = r->taken < r->count ? BW_OK : read_messages(r, chunk, err);
    while (s == BW_OK && r->taken < r->count && !bw_chunk_full(chunk)) {
        bw_arrival *list = r->arrivals + r->taken;
        size_t left = r->count - r->taken, n = left < r->group ? left : r->group;
        size_t before = chunk->arena.used;
        s = resolve(r, list, n, &chunk->arena, err);
        for (size_t i = 0; s == BW_OK && i < n; i++)
            s = hand_out(r, chunk, &list[i], err);
        r->taken += s == BW_OK ? n : 0;
        r->group = next_group(r->group, chunk->arena.used - before);
    }
    *end = r->last && r->taken == r->count;
    return s;
}

/* ---- afterwards ------------------------------------------------------------------------- */

static bw_status tell(reading *r, bw_error *err)
{
    const bw_source_env *env = r->stage->env;
    bw_pubsub *ps = bw_pubsub_new(env->google, NULL, env->clock, env->cancel);
    bw_pubsub_set_subject(ps, env->subject);
    bw_pubsub_set_deadline(ps, env->stall_timeout_us);
    bw_pubsub_set_listener(ps, env->tell, env->tell_user);
    bw_crash_point("events_tell_before");
    bw_status s = bw_outbox_publish(&r->outbox, ps, err);
    bw_crash_point("events_tell_after");
    bw_pubsub_free(ps);
    return s;
}

static bw_status stage_reader_visible(bw_reader *reader, bw_error *err)
{
    reading *r = reading_of(reader);
    stage *st = r->stage;
    bw_status s = bw_decisions_audit(&r->decisions, st->env->subject, st->store, err);
    if (s == BW_OK)
        s = bw_outbox_audit(&r->outbox, st->store, err);
    return s == BW_OK && st->tells && r->outbox.count > 0 ? tell(r, err) : s;
}

static bw_status stage_reader_ack(bw_reader *reader, const char *position, bw_error *err)
{
    reading *r = reading_of(reader);
    if (!r->inner || !r->stage->inner_class->reader_ack)
        return BW_OK;
    bw_crash_point("events_ack_before");
    bw_status s = r->stage->inner_class->reader_ack(r->inner, position, err);
    bw_crash_point("events_ack_after");
    return s;
}

static const bw_source_class stage_class = {
    .kind = "events",
    .name = "change events",
    .capabilities = BW_SOURCE_STREAM,
    .close = stage_close,
    .status = stage_status,
    .stream = stage_stream,
    .describe = stage_describe,
    .reader_open = stage_reader_open,
    .reader_next = stage_reader_next,
    .reader_fetch = stage_reader_fetch,
    .reader_end = stage_reader_end,
    .reader_restart = stage_reader_restart,
    .reader_visible = stage_reader_visible,
    .reader_ack = stage_reader_ack,
    .reader_close = stage_reader_close,
};
