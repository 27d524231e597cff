/* What is wanted of a subscription beside what was found. Fields are compared as the texts that they
   are shown as, so that what is shown is what was compared. */
#include <string.h>

#include "app/provision.h"
#include "backend/core/units.h"

/* What Pub/Sub means where it says nothing. */
#define DEFAULT_DEADLINE  10 /* seconds */
#define DEFAULT_RETENTION (7 * BW_DAY)

typedef const char *to_text(const json_t *value, bw_arena *arena);

static const char *text(const json_t *value, bw_arena *arena)
{
    const char *s = json_string_value(value);
    return s && s[0] ? bw_arena_strdup(arena, s) : "none";
}

static const char *flag(const json_t *value, bw_arena *arena)
{
    (void)arena;
    return json_is_true(value) ? "true" : "false";
}

static const char *number(const json_t *value, bw_arena *arena)
{
    return json_is_integer(value)
               ? bw_arena_printf(arena, "%lld", (long long)json_integer_value(value))
               : "none";
}

static const char *exact(int64_t us, bw_arena *arena)
{
    char out[BW_TIME_TEXT];
    return bw_arena_strdup(arena, bw_format_duration_exact(us, out));
}

static const char *whole_seconds(const json_t *value, bw_arena *arena)
{
    int64_t s = json_is_integer(value) ? json_integer_value(value) : DEFAULT_DEADLINE;
    return exact(s * BW_SECOND, arena);
}

static const char *duration(const json_t *value, bw_arena *arena)
{
    const char *s = json_string_value(value);
    int64_t us = DEFAULT_RETENTION;
    return !s || bw_parse_duration(bw_slice_cstr(s), &us) ? exact(us, arena)
                                                          : bw_arena_strdup(arena, s);
}

static const struct field {
    const char *setting, *member, *within; /* `within`: a member of the member */
    bool fixed;                            /* once created */
    to_text *convert;
} fields[] = {
    {"topic", "topic", NULL, true, text},
    {"ordering", "enableMessageOrdering", NULL, true, flag},
    {"filter", "filter", NULL, true, text},
    {"ack_deadline", "ackDeadlineSeconds", NULL, false, whole_seconds},
    {"retention", "messageRetentionDuration", NULL, false, duration},
    {"retain_acked", "retainAckedMessages", NULL, false, flag},
    {"dead_letter_topic", "deadLetterPolicy", "deadLetterTopic", false, text},
    {"max_delivery_attempts", "deadLetterPolicy", "maxDeliveryAttempts", false, number},
};

static const json_t *value_of(const json_t *resource, const struct field *f)
{
    const json_t *value = json_object_get(resource, f->member);
    return f->within ? json_object_get(value, f->within) : value;
}

/* The member as it is to be sent: a policy is sent whole, so what is not stated stays as it is. */
static json_t *member_to_send(const struct field *f, const json_t *wanted, const json_t *found)
{
    json_t *value = json_deep_copy(json_object_get(wanted, f->member));
    const json_t *now = json_object_get(found, f->member);
    if (!f->within)
        return value;
    const json_t *attempts = json_object_get(now, "maxDeliveryAttempts");
    if (!json_object_get(value, "maxDeliveryAttempts"))
        json_object_set_new(value, "maxDeliveryAttempts",
                            json_integer(json_is_integer(attempts) ? json_integer_value(attempts)
                                                                   : BW_PROVISION_ATTEMPTS));
    return value;
}

static void add_to_mask(bw_provision_item *item, const char *member, bw_arena *arena)
{
    item->mask = item->mask ? bw_arena_printf(arena, "%s,%s", item->mask, member) : member;
}

static void differ(bw_provision_item *item, const struct field *f, const json_t *found,
                   const char *from, const char *to, bw_arena *arena)
{
    item->changes[item->n_changes++] = (bw_provision_change){f->setting, from, to};
    if (f->fixed) {
        item->action = BW_PROVISION_CONFLICT;
        return;
    }
    if (item->action != BW_PROVISION_CONFLICT)
        item->action = BW_PROVISION_UPDATE;
    if (!item->patch)
        item->patch = json_object();
    if (json_object_get(item->patch, f->member))
        return;
    json_object_set_new(item->patch, f->member, member_to_send(f, item->wanted, found));
    add_to_mask(item, f->member, arena);
}

/* Whether something that is kept now will be dropped. */
static void warn_of_loss(bw_provision_item *item, const json_t *found)
{
    const json_t *patch = item->patch;
    int64_t now, then;
    const char *from = json_string_value(json_object_get(found, "messageRetentionDuration"));
    const char *to = json_string_value(json_object_get(patch, "messageRetentionDuration"));
    bool shorter = from && to && bw_parse_duration(bw_slice_cstr(from), &now) &&
                   bw_parse_duration(bw_slice_cstr(to), &then) && then < now;
    if (json_object_get(patch, "retainAckedMessages") &&
        !json_is_true(json_object_get(patch, "retainAckedMessages")))
        item->note = "acknowledged messages will be dropped: a resync cannot read them again";
    if (shorter)
        item->note = "messages that are older than the new retention will be dropped";
    item->loses = item->note != NULL;
}

static const char *unusable(const json_t *found)
{
    const json_t *push = json_object_get(found, "pushConfig");
    const char *endpoint = json_string_value(json_object_get(push, "pushEndpoint"));
    const char *topic = json_string_value(json_object_get(found, "topic"));
    if (endpoint && endpoint[0])
        return "it delivers by itself (push): it cannot be pulled";
    if (json_is_true(json_object_get(found, "detached")))
        return "it is detached from its topic";
    if (topic && strcmp(topic, "_deleted-topic_") == 0)
        return "its topic was deleted";
    return NULL;
}

void bw_provision_compare(bw_provision_item *item, const json_t *found, bw_arena *arena)
{
    item->action = BW_PROVISION_UNCHANGED;
    item->changes = BW_ARENA_ARRAY(arena, bw_provision_change, BW_COUNT(fields));
    for (size_t i = 0; i < BW_COUNT(fields); i++) {
        const struct field *f = &fields[i];
        const json_t *wanted = value_of(item->wanted, f);
        if (!wanted)
            continue;
        const char *from = f->convert(value_of(found, f), arena);
        const char *to = f->convert(wanted, arena);
        if (strcmp(from, to) != 0)
            differ(item, f, found, from, to, arena);
    }
    const char *why = unusable(found);
    if (item->action == BW_PROVISION_UPDATE)
        warn_of_loss(item, found);
    if (item->action == BW_PROVISION_CONFLICT || why) {
        item->action = BW_PROVISION_CONFLICT;
        item->note = why ? why : "a subscription's topic, ordering and filter are fixed";
        item->hint = "Name another subscription, or correct the configuration; deleting this one "
                     "loses what it still holds.";
    } else {
        item->hint = NULL;
    }
}

static bool is_zero(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) ||
           (json_is_number(v) && json_number_value(v) == 0) ||
           (json_is_string(v) && json_string_length(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

bool bw_provision_covers(const json_t *found, const json_t *wanted)
{
    const char *key;
    json_t *value;
    size_t i;
    if (!found)
        return is_zero(wanted);
    if (json_is_object(wanted)) {
        json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
        {
            if (!bw_provision_covers(json_object_get(found, key), value))
                return false;
        }
        return json_is_object(found);
    }
    if (json_is_array(wanted)) {
        json_array_foreach(wanted, i, value)
        {
            if (!bw_provision_covers(json_array_get(found, i), value))
                return false;
        }
        return json_array_size(found) == json_array_size(wanted);
    }
    if (json_is_number(found) && json_is_number(wanted))
        return json_number_value(found) == json_number_value(wanted);
    return json_equal(found, wanted);
}
