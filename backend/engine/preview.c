#include "backend/engine/preview.h"

#include <jansson.h>

#include "backend/core/units.h"
#include "backend/engine/events_stage.h"
#include "backend/events/resolver.h"

#define DEADLINE (30 * BW_SECOND)

static const char *const names[BW_PREVIEW_OUTCOMES] = {
    [BW_PREVIEW_READ_AGAIN] = "read again", [BW_PREVIEW_NO_KEY] = "no key",
    [BW_PREVIEW_REFUSED] = "refused",       [BW_PREVIEW_APPLIED] = "applied",
    [BW_PREVIEW_MERGED] = "merged",         [BW_PREVIEW_DELETED] = "deleted",
    [BW_PREVIEW_IGNORED] = "ignored",       [BW_PREVIEW_MANUAL] = "manual",
};

const char *bw_preview_name(bw_preview_outcome outcome)
{
    return names[outcome];
}

static bw_letter_preview of_row(const bw_dead_letter *l)
{
    bool keyed = l->key && l->reason != BW_REASON_KEY_NULL;
    return (bw_letter_preview){
        .outcome = keyed ? BW_PREVIEW_READ_AGAIN : BW_PREVIEW_NO_KEY,
        .detail = keyed ? "the row is read at the source as it is now and loaded if it fits"
                        : "nothing finds the row again: mend it at the source and sync",
    };
}

static bw_letter_preview of_fault(const bw_event_fault *fault, bw_arena *arena)
{
    return (bw_letter_preview){
        .outcome = BW_PREVIEW_REFUSED,
        .detail = bw_arena_printf(arena, "%s: %.*s%s%.*s", bw_reason_name(fault->reason),
                                  BW_SLICE_ARG(fault->member), fault->member.len ? ": " : "",
                                  BW_SLICE_ARG(fault->detail)),
    };
}

static bw_letter_preview of_event(const bw_event *event, const bw_resolution *r,
                                  const bw_resolver_before *before, bw_arena *arena)
{
    static const bw_preview_outcome outcomes[] = {
        [BW_OUTCOME_APPLIED] = BW_PREVIEW_APPLIED, [BW_OUTCOME_MERGED] = BW_PREVIEW_MERGED,
        [BW_OUTCOME_IGNORED] = BW_PREVIEW_IGNORED, [BW_OUTCOME_DELETED] = BW_PREVIEW_DELETED,
        [BW_OUTCOME_MANUAL] = BW_PREVIEW_MANUAL,
    };
    char time[BW_TIME_TEXT], stored[BW_TIME_TEXT];
    bw_letter_preview p = {.outcome = outcomes[r->outcome],
                           .detail = "",
                           .done_already = r->redelivered,
                           .before = before->properties,
                           .after = r->properties};
    if (r->redelivered)
        p.detail = "this event had its effect before: only the tables may get their rows";
    else if (r->outcome == BW_OUTCOME_IGNORED || r->outcome == BW_OUTCOME_MANUAL)
        p.detail = bw_arena_printf(arena, "the event is of %s, what is stored is of %s",
                                   bw_format_time(event->timestamp_us, time),
                                   bw_format_time(before->last_modified_us, stored));
    if (r->outcome == BW_OUTCOME_MANUAL)
        p.after = before->properties;
    return p;
}

static bw_resolver *resolver_for(const bw_preview_env *env, const bw_sync_def *def,
                                 bw_event_rules *rules, bw_arena *arena)
{
    bw_resolver_options options = {.google = env->google,
                                   .clock = env->clock,
                                   .cancel = env->cancel,
                                   .subject = def->name,
                                   .deadline_us = DEADLINE};
    bw_events_rules_read(def, rules);
    bw_events_resolver_read(def, rules, arena, &options);
    return bw_resolver_new(&options);
}

static bw_status of_messages(const bw_preview_env *env, const bw_sync_def *def,
                             const bw_dead_letter *letters, size_t n, bw_arena *arena,
                             bw_letter_preview *out, bw_error *err)
{
    bw_event_rules rules;
    bw_resolver *resolver = resolver_for(env, def, &rules, arena);
    bw_event *events = BW_ARENA_ARRAY(arena, bw_event, n + 1);
    bw_resolver_item *items = BW_ARENA_ARRAY(arena, bw_resolver_item, n + 1);
    bw_resolution *found = BW_ARENA_ARRAY(arena, bw_resolution, n + 1);
    bw_resolver_before *before = BW_ARENA_ARRAY(arena, bw_resolver_before, n + 1);
    size_t *of = BW_ARENA_ARRAY(arena, size_t, n + 1), count = 0;
    int64_t now = bw_wall_us(env->clock);
    for (size_t i = 0; i < n; i++) {
        bw_replayed_message m = bw_replayed_letter(&letters[i]);
        bw_event_message message = bw_replayed_received(&m, now, arena);
        bw_event_fault fault;
        if (!bw_event_parse(&rules, &message, now, arena, &events[i], &fault)) {
            out[i] = of_fault(&fault, arena);
            continue;
        }
        bw_replayed_keep_id(&m, &events[i]);
        items[count] = (bw_resolver_item){.event = &events[i], .force = m.force};
        of[count++] = i;
    }
    bw_status s =
        count ? bw_resolver_preview(resolver, items, count, arena, before, found, err) : BW_OK;
    for (size_t k = 0; s == BW_OK && k < count; k++)
        out[of[k]] = found[k].resolved ? of_event(items[k].event, &found[k], &before[k], arena)
                                       : of_fault(&found[k].fault, arena);
    bw_resolver_free(resolver);
    return s;
}

bw_status bw_letters_preview(const bw_preview_env *env, const bw_sync_def *def,
                             const bw_dead_letter *letters, size_t n, bw_arena *arena,
                             bw_letter_preview *out, bw_error *err)
{
    if (bw_sync_is_stream(def))
        return of_messages(env, def, letters, n, arena, out, err);
    for (size_t i = 0; i < n; i++)
        out[i] = of_row(&letters[i]);
    return BW_OK;
}

/* ---- publishing again ------------------------------------------------------------------- */

#define AUDIENCE_MAX 1000

static bw_status list_audience(const bw_preview_env *env, bw_arena *arena, bw_letter_audience *out,
                               bw_error *err)
{
    json_t *list = NULL;
    bw_pubsub *ps = bw_pubsub_new(env->google, NULL, env->clock, env->cancel);
    bw_pubsub_set_deadline(ps, DEADLINE);
    bw_status s = bw_pubsub_list_topic_subscriptions(ps, out->topic, AUDIENCE_MAX, &list, err);
    const char **copies = BW_ARENA_ARRAY(arena, const char *, json_array_size(list) + 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name)
            copies[out->n_subscriptions++] = bw_arena_strdup(arena, name);
    }
    out->subscriptions = copies;
    json_decref(list);
    bw_pubsub_free(ps);
    return s;
}

bw_status bw_letters_audience(const bw_preview_env *env, const bw_sync_def *def, bw_arena *arena,
                              bw_letter_audience *out, bw_error *err)
{
    bw_source_env source_env = {.clock = env->clock,
                                .cancel = env->cancel,
                                .subject = def->name,
                                .stall_timeout_us = DEADLINE,
                                .google = env->google};
    bw_source *source = NULL;
    bw_stream_status stream = {0};
    *out = (bw_letter_audience){0};
    if (!def->source->stream)
        return bw_error_set(err, BW_INVALID, "sync %s has no topic: only messages are published",
                            def->name);
    bw_status s = def->source->open(def->source, def->source_node, &source_env, &source, err);
    if (s == BW_OK) {
        s = def->source->stream(source, &def->spec, arena, &stream, err);
        def->source->close(source);
    }
    if (s != BW_OK)
        return s;
    out->topic = stream.topic;
    out->own = stream.name;
    return list_audience(env, arena, out, err);
}
