#include "backend/engine/intake.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/engine/events_stage.h"
#include "backend/events/event.h"
#include "backend/google/logging.h"

#define LOGGING_DEADLINE BW_MINUTE

static const bw_setting settings[] = {
    {.path = "audit.subscription",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .help = "a subscription of its own whose change events are put into the audit trail",
     .example = "sync-events-audit"},
    {.path = "audit.topic",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "that of the syncs, where they have the same",
     .help = "the topic of that subscription, for provision",
     .example = "sync-events"},
    {.path = "audit.cloud_logging",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help = "write these audit entries to Cloud Logging too"},
    {.path = "audit.log",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .fallback = "bridgewatch-audit",
     .help = "the id of that log"},
};
const bw_setting_table bw_audit_settings = BW_SETTING_TABLE(settings);

/* What a collector's messages become. */
typedef struct inlet {
    bw_store *store;
    const bw_clock *clock;
    bw_event_rules rules;
    const char *sync;    /* of dead letters; NULL: audit */
    bw_logging *logging; /* of audit, where asked for */
    const char *log_id;
    bw_collector *collector;
} inlet;

struct bw_intake {
    bw_cancel cancel; /* of what waits for Cloud Logging */
    inlet *inlets;
    size_t count;
};

/* ---- dead letters ----------------------------------------------------------------------- */

/* A message as it was published: of one that was forwarded to the dead letters, the first time. */
static bw_event_message received(const bw_pubsub_message *m, bw_arena *arena)
{
    bw_event_message message = {
        .data = bw_pubsub_message_data(m, arena),
        .attributes = m->attributes,
        .message_id = m->message_id,
        .publish_us = m->publish_us,
    };
    int64_t first;
    if (bw_parse_time(bw_pubsub_attribute(m->attributes,
                                          "CloudPubSubDeadLetterSourceTopicPublishTime", arena),
                      &first))
        message.publish_us = first;
    return message;
}

static bool parse(const inlet *in, const bw_event_message *message, bw_arena *arena,
                  bw_event *event, bw_event_fault *fault)
{
    return bw_event_parse(&in->rules, message, bw_wall_us(in->clock), arena, event, fault);
}

static const char *text_of(bw_arena *arena, bw_slice s)
{
    return bw_arena_strndup(arena, s.ptr ? s.ptr : "", s.len);
}

/* Who gave up on it, and after how many deliveries, is in the attributes that Pub/Sub adds. */
static const char *undelivered(const bw_pubsub_message *m, bw_arena *arena)
{
    bw_slice count =
        bw_pubsub_attribute(m->attributes, "CloudPubSubDeadLetterSourceDeliveryCount", arena);
    bw_slice from =
        bw_pubsub_attribute(m->attributes, "CloudPubSubDeadLetterSourceSubscription", arena);
    if (count.len == 0 || from.len == 0)
        return "came by the dead-letter subscription";
    return bw_arena_printf(arena, "%.*s deliveries by subscription %.*s were not acknowledged",
                           BW_SLICE_ARG(count), BW_SLICE_ARG(from));
}

static bw_dead_letter letter_of(const inlet *in, const bw_pubsub_message *m, bw_arena *arena)
{
    bw_event event;
    bw_event_fault fault;
    bw_event_message message = received(m, arena);
    bw_dead_letter l = {
        .sync = in->sync,
        .reason = BW_REASON_UNDELIVERED,
        .column = "",
        .detail = undelivered(m, arena),
        .attributes = text_of(arena, bw_letter_attributes(&message, m->ordering_key, false,
                                                          (bw_slice){NULL, 0}, arena)),
        .content = message.data,
        .attempts = 1,
    };
    if (parse(in, &message, arena, &event, &fault)) {
        l.event_id = text_of(arena, event.id);
        l.key = text_of(arena, bw_event_entity_json(&event, arena));
        return l;
    }
    l.event_id =
        bw_arena_printf(arena, "%s:%.*s", in->rules.message_scope, BW_SLICE_ARG(m->message_id));
    l.reason = fault.reason;
    l.column = text_of(arena, fault.member);
    l.detail = text_of(arena, fault.detail);
    return l;
}

static bw_status keep_letters(void *user, const bw_pubsub_messages *messages, bw_arena *arena,
                              bw_error *err)
{
    const inlet *in = user;
    bw_dead_letter *letters = BW_ARENA_ARRAY(arena, bw_dead_letter, messages->count);
    for (size_t i = 0; i < messages->count; i++)
        letters[i] = letter_of(in, &messages->items[i], arena);
    return bw_store_letters_put(in->store, in->sync, letters, messages->count, err);
}

/* ---- audit ------------------------------------------------------------------------------ */

static void set_text(json_t *o, const char *name, bw_slice text)
{
    if (text.len)
        json_object_set_new(o, name, json_stringn(text.ptr, text.len));
}

static void set_time(json_t *o, const char *name, int64_t us)
{
    char time[BW_TIME_TEXT];
    json_object_set_new(o, name, json_string(bw_format_time(us, time)));
}

/* What happened, without the data itself: the trail is kept for longer than data may be. */
static json_t *describe(const bw_pubsub_message *m, const bw_event *event,
                        const bw_event_fault *fault)
{
    json_t *o = json_object();
    set_text(o, "message_id", m->message_id);
    set_time(o, "published", m->publish_us);
    if (!event) {
        json_object_set_new(o, "reason", json_string(bw_reason_name(fault->reason)));
        set_text(o, "detail", fault->detail);
        return o;
    }
    set_text(o, "event_id", event->id);
    set_text(o, "kind", event->kind);
    set_text(o, "entity_key", event->key_text);
    json_object_set_new(o, "operation", json_string(bw_event_operation_name(event->operation)));
    set_time(o, "timestamp", event->timestamp_us);
    set_text(o, "source", event->source);
    set_text(o, "correlation_id", event->correlation_id);
    json_object_set_new(o, "content_hash", json_string(event->content_hash));
    return o;
}

static const char *severity(const bw_event *event)
{
    if (!event)
        return "WARNING";
    return event->operation == BW_EVENT_DELETE ? "NOTICE" : "INFO";
}

static json_t *log_entry(const bw_pubsub_message *m, const bw_event *event, const char *subject,
                         json_t *detail)
{
    json_t *labels = json_object(), *entry = json_object();
    set_text(labels, "event_id", bw_slice_cstr(subject));
    if (event) {
        set_text(labels, "kind", event->kind);
        json_object_set_new(labels, "operation",
                            json_string(bw_event_operation_name(event->operation)));
    }
    json_object_set_new(entry, "severity", json_string(severity(event)));
    set_time(entry, "timestamp", m->publish_us);
    set_text(entry, "insertId", m->message_id);
    json_object_set(entry, "jsonPayload", detail);
    json_object_set_new(entry, "labels", labels);
    return entry;
}

static void audit_one(const inlet *in, const bw_pubsub_message *m, bw_arena *arena,
                      bw_audit_entry *entry, json_t *logged)
{
    bw_event event;
    bw_event_fault fault;
    bw_event_message message = received(m, arena);
    bool is_event = parse(in, &message, arena, &event, &fault);
    const bw_event *e = is_event ? &event : NULL;
    json_t *detail = describe(m, e, &fault);
    char *text = json_dumps(detail, JSON_COMPACT);
    *entry = (bw_audit_entry){
        .who = is_event && event.source.len ? text_of(arena, event.source) : "publisher",
        .action = is_event ? "event" : "unreadable",
        .subject = text_of(arena, is_event ? event.id : m->message_id),
        .detail = bw_arena_strdup(arena, text ? text : "{}"),
    };
    free(text);
    if (logged)
        json_array_append_new(logged, log_entry(m, e, entry->subject, detail));
    json_decref(detail);
}

/* What Cloud Logging refuses it refuses again; the trail has it. */
static bw_status write_log(const inlet *in, const json_t *entries, bw_error *err)
{
    bw_status s = bw_logging_write(in->logging, in->log_id, NULL, entries, NULL, NULL, err);
    if (s != BW_REJECTED)
        return s;
    bw_log_error(BW_LOG_WARN, "audit", err);
    return BW_OK;
}

static bw_status keep_audit(void *user, const bw_pubsub_messages *messages, bw_arena *arena,
                            bw_error *err)
{
    const inlet *in = user;
    bw_audit_entry *entries = BW_ARENA_ARRAY(arena, bw_audit_entry, messages->count);
    json_t *logged = in->logging ? json_array() : NULL;
    for (size_t i = 0; i < messages->count; i++)
        audit_one(in, &messages->items[i], arena, &entries[i], logged);
    bw_status s = bw_store_audit_add_new(in->store, entries, messages->count, NULL, err);
    if (s == BW_OK && logged)
        s = write_log(in, logged, err);
    json_decref(logged);
    return s;
}

/* ---- starting and stopping -------------------------------------------------------------- */

static void start(bw_intake *intake, const bw_intake_options *o, const char *subscription,
                  bw_collector_keep *keep)
{
    inlet *in = &intake->inlets[intake->count++];
    in->store = o->store;
    in->clock = o->clock;
    if (!in->rules.message_scope)
        in->rules.message_scope = subscription;
    in->collector = bw_collector_start(&(bw_collector_options){
        .google = o->google,
        .clock = o->clock,
        .subscription = subscription,
        .subject = in->sync ? in->sync : "audit",
        .drain = o->drain,
        .keep = keep,
        .user = in,
        .wake_fd = o->wake_fd,
    });
}

static void start_audit(bw_intake *intake, const bw_intake_options *o)
{
    const bw_config_node *top = bw_config_top(o->config);
    if (!bw_config_has(top, "audit.subscription"))
        return;
    inlet *in = &intake->inlets[intake->count];
    if (bw_config_bool(top, "audit.cloud_logging")) {
        in->logging = bw_logging_new(o->google, NULL, o->clock, &intake->cancel);
        bw_logging_set_deadline(in->logging, LOGGING_DEADLINE);
        in->log_id = bw_config_string(top, "audit.log");
    }
    start(intake, o, bw_config_string(top, "audit.subscription"), keep_audit);
}

bw_intake *bw_intake_start(const bw_intake_options *o, const bw_sync_def *const *defs, size_t count)
{
    bw_intake *intake = bw_xcalloc(1, sizeof(*intake));
    bw_cancel_init(&intake->cancel);
    intake->inlets = bw_xcalloc(count + 1, sizeof(*intake->inlets));
    if (!o->google)
        return intake;
    for (size_t i = 0; i < count; i++) {
        if (!defs[i]->dead_letter_subscription)
            continue;
        inlet *in = &intake->inlets[intake->count];
        in->sync = defs[i]->name;
        bw_events_rules_read(defs[i], &in->rules);
        start(intake, o, defs[i]->dead_letter_subscription, keep_letters);
    }
    start_audit(intake, o);
    return intake;
}

void bw_intake_stop(bw_intake *intake)
{
    if (!intake)
        return;
    bw_cancel_raise(&intake->cancel);
    for (size_t i = 0; i < intake->count; i++) {
        bw_collector_stop(intake->inlets[i].collector);
        bw_logging_free(intake->inlets[i].logging);
    }
    bw_cancel_fini(&intake->cancel);
    free(intake->inlets);
    free(intake);
}

int64_t bw_intake_kept(const bw_intake *intake)
{
    int64_t kept = 0;
    for (size_t i = 0; intake && i < intake->count; i++)
        kept += bw_collector_kept(intake->inlets[i].collector);
    return kept;
}

bool bw_intake_over(const bw_intake *intake)
{
    bool over = true;
    for (size_t i = 0; intake && i < intake->count; i++)
        over &= bw_collector_over(intake->inlets[i].collector);
    return over;
}

bool bw_intake_problem(bw_intake *intake, char *text, size_t size)
{
    char problem[512];
    for (size_t i = 0; intake && i < intake->count; i++) {
        const inlet *in = &intake->inlets[i];
        if (!bw_collector_problem(in->collector, problem, sizeof(problem)))
            continue;
        snprintf(text, size, "%s: %s", in->sync ? "dead-letter subscription" : "audit", problem);
        return true;
    }
    return false;
}

int64_t bw_intake_remote_letters(const bw_intake *intake)
{
    int64_t sum = 0;
    bool any = false;
    for (size_t i = 0; intake && i < intake->count; i++) {
        int64_t n = bw_collector_backlog(intake->inlets[i].collector);
        if (!intake->inlets[i].sync)
            continue;
        if (n < 0)
            return -1;
        any = true;
        sum += n;
    }
    return any ? sum : -1;
}
