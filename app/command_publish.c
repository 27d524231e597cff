/* `publish`: one change event from options, or one per line of standard input. */
#include "app/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "app/session.h"
#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/events/event.h"
#include "backend/google/pubsub.h"

#define BATCH       1000
#define BATCH_BYTES ((size_t)8 << 20)
#define EVENT_ID    "bw-event-id"

/* Somebody waits: a service that does not take a batch by then is down. */
#define TAKEN_WITHIN BW_MINUTE

typedef struct publisher {
    const bw_cli_context *ctx;
    const char *topic;
    const char *default_kind; /* of the syncs that read the topic; NULL: none */
    bw_pubsub *ps;
    bw_arena arena; /* of the batch */
    bw_pubsub_outgoing batch[BATCH];
    size_t count;
    int64_t published, refused;
} publisher;

/* ---- the topic's sync ------------------------------------------------------------------- */

/* The id of a topic that may be given by its full name. */
static const char *id_of(const char *topic)
{
    const char *slash = strrchr(topic, '/');
    return slash ? slash + 1 : topic;
}

/* The kind that events of the topic have when they name none: the `kind` of the sync whose `topic` it
   is. NULL without such a sync, or when several disagree. */
static const char *default_kind(const bw_config *config, const char *topic)
{
    const char *kind = NULL;
    for (size_t i = 0; i < bw_config_count(config, "syncs"); i++) {
        const bw_config_node *n = bw_config_at(config, "syncs", i);
        const char *own = bw_config_knows(n, "topic") ? bw_config_string(n, "topic") : NULL;
        if (!own || strcmp(id_of(own), id_of(topic)) != 0)
            continue;
        own = bw_config_string(n, "kind");
        if (!own || (kind && strcmp(kind, own) != 0))
            return NULL;
        kind = own;
    }
    return kind;
}

/* ---- the event -------------------------------------------------------------------------- */

static bw_status random_id(bw_arena *arena, const char **id, bw_error *err)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return bw_error_errno(err, BW_IO, errno, "no random bytes for the event's id");
    bw_buf b = BW_BUF_INIT;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bw_buf_addf(&b, "%02x", bytes[i]);
    *id = bw_arena_strdup(arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
    return BW_OK;
}

static void add_text(bw_buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    bw_buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    bw_json_add_string(out, bw_slice_cstr(text));
}

static const struct {
    const char *option, *field;
} fields[] = {{"name", "name"}, {"description", "description"}, {"status", "status"}};

/* --data, and the conveniences laid into it. */
static bw_status read_data(const bw_cli_line *line, bw_buf *out, bw_error *err)
{
    bw_slice data = bw_slice_cstr(bw_cli_value(line, "data"));
    bw_buf_addc(out, '{');
    if (data.len) {
        bw_json_scan scan = bw_json_scan_init(data);
        bw_json_token t;
        if (!bw_json_valid(data, NULL, NULL) || !bw_json_next(&scan, &t) ||
            t.type != BW_JSON_OBJECT)
            return bw_error_set(err, BW_INVALID, "--data is not a JSON object");
        size_t end = data.len;
        while (end > 0 && data.ptr[end - 1] != '}')
            end--;
        size_t begin = scan.at;
        bw_buf_add(out, data.ptr + begin, end - 1 - begin);
        while (out->len > 1 && strchr(" \t\r\n", out->ptr[out->len - 1]))
            out->len--;
    }
    for (size_t i = 0; i < BW_COUNT(fields); i++)
        add_text(out, fields[i].field, bw_cli_value(line, fields[i].option));
    bw_buf_addc(out, '}');
    return BW_OK;
}

static bw_status check_utf8(const bw_cli_line *line, bw_error *err)
{
    for (size_t i = 0; i < line->n_given; i++) {
        const bw_cli_given *g = &line->given[i];
        if (g->value && !bw_utf8_valid(bw_slice_cstr(g->value)))
            return bw_error_set(err, BW_INVALID, "--%s is not UTF-8", g->option->name);
    }
    return BW_OK;
}

static bw_status event_of_options(publisher *p, bw_buf *out, bw_error *err)
{
    const bw_cli_line *line = p->ctx->line;
    const char *id = bw_cli_value(line, "event-id"), *operation = bw_cli_value(line, "operation");
    bw_event_operation known;
    char time[BW_TIME_TEXT];
    bw_status s = check_utf8(line, err);
    if (s == BW_OK && (!bw_cli_value(line, "entity-id") || !operation)) {
        bw_error_set(err, BW_INVALID, "--entity-id and --operation are needed");
        return bw_error_hint(err, "Or give - and one event per line on standard input.");
    }
    if (s == BW_OK && !bw_cli_has(line, "kind") && !p->default_kind) {
        bw_error_set(err, BW_INVALID, "--kind is needed: no sync gives the events of %s one",
                     p->topic);
        return bw_error_hint(err, "Say which kind of entity it is, as in --kind customer; or set "
                                  "topic: and kind: of the sync that reads them.");
    }
    if (s == BW_OK && !bw_event_operation_parse(bw_slice_cstr(operation), &known)) {
        bw_error_set(err, BW_INVALID, "--operation %s is not known", operation);
        return bw_error_hint(err, "It is create, update, upsert, patch or delete.");
    }
    if (s == BW_OK && !id)
        s = random_id(&p->arena, &id, err);
    if (s != BW_OK)
        return s;
    bw_buf_addc(out, '{');
    add_text(out, "event_id", id);
    add_text(out, "kind", bw_cli_value(line, "kind"));
    add_text(out, "entity_id", bw_cli_value(line, "entity-id"));
    add_text(out, "operation", bw_event_operation_name(known));
    if (known != BW_EVENT_DELETE || bw_cli_has(line, "data")) {
        bw_buf_adds(out, ",\"data\":");
        bw_buf data = BW_BUF_INIT;
        s = read_data(line, &data, err);
        bw_buf_add(out, data.ptr, data.len);
        bw_buf_fini(&data);
    }
    int64_t at = bw_cli_number(line, "event-time", bw_wall_us(bw_clock_system()));
    add_text(out, "timestamp", bw_format_time(at, time));
    add_text(out, "source",
             bw_cli_has(line, "source") ? bw_cli_value(line, "source") : "bridgewatch");
    add_text(out, "correlation_id", bw_cli_value(line, "correlation-id"));
    bw_buf_addc(out, '}');
    return s;
}

/* ---- publishing ------------------------------------------------------------------------- */

static bw_status flush(publisher *p, bw_error *err)
{
    bw_status s = BW_OK;
    if (p->count > 0)
        s = bw_pubsub_publish(p->ps, p->topic, p->batch, p->count, &p->arena, NULL, err);
    if (s == BW_OK)
        p->published += (int64_t)p->count;
    if (s == BW_NOT_FOUND) {
        bw_error_hint(err, "`bridgewatch provision` creates the topics of the configuration.");
        bw_error_wrap(err, "topic %s", p->topic);
    }
    p->count = 0;
    bw_arena_reset(&p->arena, (size_t)1 << 20);
    return s;
}

/* An event without an id of its own gets one beside it: if an answer is lost, the event may be
   published twice, and must still have its effect once. */
static bw_status put(publisher *p, bw_slice data, bw_error *err)
{
    const char *ordering = bw_cli_value(p->ctx->line, "ordering-key"), *id;
    bw_pubsub_outgoing m = {.data = bw_arena_slice(&p->arena, data),
                            .ordering_key = bw_slice_cstr(ordering)};
    bw_slice own = bw_json_member(data, "event_id");
    if (own.len == 0 || bw_slice_is(own, "null")) {
        bw_buf attributes = BW_BUF_INIT;
        bw_status s = random_id(&p->arena, &id, err);
        if (s != BW_OK)
            return s;
        bw_pubsub_add_attribute(&attributes, EVENT_ID, bw_slice_cstr(id));
        m.attributes = bw_arena_slice(&p->arena, bw_buf_slice(&attributes));
        bw_buf_fini(&attributes);
    }
    p->batch[p->count++] = m;
    return p->count == BATCH || p->arena.used > BATCH_BYTES ? flush(p, err) : BW_OK;
}

/* What the engine would make a dead letter of is not published. */
static bw_status check_event(publisher *p, bw_slice data, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_event event;
    bw_event_fault fault;
    bw_event_rules rules = {.default_kind = p->default_kind};
    bw_event_message message = {.data = data, .message_id = BW_SLICE_LIT("-")};
    int64_t now = bw_wall_us(bw_clock_system());
    message.publish_us = now;
    bw_status s = BW_OK;
    if (!bw_event_parse(&rules, &message, now, &arena, &event, &fault))
        s = bw_error_set(err, BW_INVALID, "%s: %.*s%s%.*s", bw_reason_name(fault.reason),
                         BW_SLICE_ARG(fault.member), fault.member.len ? ": " : "",
                         BW_SLICE_ARG(fault.detail));
    bw_arena_fini(&arena);
    return s;
}

static bw_status publish_options(publisher *p, bw_error *err)
{
    bw_buf event = BW_BUF_INIT;
    bw_status s = event_of_options(p, &event, err);
    if (s == BW_OK)
        s = check_event(p, bw_buf_slice(&event), err);
    if (s == BW_OK)
        s = put(p, bw_buf_slice(&event), err);
    bw_buf_fini(&event);
    return s == BW_OK ? flush(p, err) : s;
}

/* A line that is no event is named and left out; the others go. */
static bw_status publish_lines(publisher *p, bw_error *err)
{
    char *text = NULL;
    size_t size = 0, number = 0;
    ssize_t n;
    bw_status s = BW_OK;
    while (s == BW_OK && (n = getline(&text, &size, p->ctx->in)) >= 0) {
        bw_slice line = {text, (size_t)n};
        bw_error bad = BW_ERROR_INIT;
        number++;
        while (line.len > 0 && strchr(" \t\r\n", line.ptr[line.len - 1]))
            line.len--;
        if (line.len == 0)
            continue;
        if (check_event(p, line, &bad) == BW_OK) {
            s = put(p, line, err);
            continue;
        }
        bw_error_wrap(&bad, "line %zu", number);
        bw_cli_fail(p->ctx->err, &bad, BW_EXIT_FAILED);
        p->refused++;
    }
    if (s == BW_OK && ferror(p->ctx->in))
        s = bw_error_errno(err, BW_IO, errno, "cannot read standard input");
    free(text);
    return s == BW_OK ? flush(p, err) : s;
}

static void report(const publisher *p)
{
    fprintf(p->ctx->out, "%lld event%s published to %s", (long long)p->published,
            p->published == 1 ? "" : "s", p->topic);
    if (p->refused > 0)
        fprintf(p->ctx->out, ", %lld left out", (long long)p->refused);
    fputc('\n', p->ctx->out);
}

static const bw_cli_option options[] = {
    {.name = "topic", .arg = "T", .help = "the topic: its id, or its full name"},
    {.name = "entity-id", .arg = "ID", .help = "the entity's name"},
    {.name = "kind",
     .arg = "KIND",
     .help = "its kind; may be left out where kind of the topic's sync says it"},
    {.name = "operation", .arg = "OP", .help = "create, update, upsert, patch or delete"},
    {.name = "data", .arg = "JSON", .help = "its fields, a JSON object"},
    {.name = "name", .arg = "TEXT", .help = "the field name"},
    {.name = "description", .arg = "TEXT", .help = "the field description"},
    {.name = "status", .arg = "TEXT", .help = "the field status"},
    {.name = "event-id", .arg = "ID", .help = "the event's own id; a random one when not given"},
    {.name = "event-time",
     .arg = "T",
     .type = BW_SETTING_TIME,
     .help = "when it happened; now when not given"},
    {.name = "source", .arg = "TEXT", .help = "who says so; bridgewatch when not given"},
    {.name = "correlation-id", .arg = "ID", .help = "what it belongs to"},
    {.name = "ordering-key", .arg = "KEY", .help = "deliver in order with others of this key"},
};

/* Lines are published as they stand: an option that describes an event would be ignored. */
static bw_status check_line(const bw_cli_line *line, bw_error *err)
{
    static const char *const for_lines[] = {"topic", "ordering-key"};
    if (!bw_cli_value(line, "topic")) {
        bw_error_set(err, BW_INVALID, "--topic is needed");
        return bw_error_hint(err, "`bridgewatch help publish` lists the options.");
    }
    if (line->n_args == 0)
        return BW_OK;
    if (strcmp(line->args[0], "-") != 0)
        return bw_error_set(err, BW_INVALID, "the only argument is -, for standard input");
    for (size_t i = 0; i < BW_COUNT(options); i++) {
        const char *name = options[i].name;
        if (!bw_cli_has(line, name) || strcmp(name, for_lines[0]) == 0 ||
            strcmp(name, for_lines[1]) == 0)
            continue;
        bw_error_set(err, BW_INVALID, "--%s has no meaning with -", name);
        return bw_error_hint(err, "Lines are published exactly as they stand: write it into them.");
    }
    return BW_OK;
}

static bw_exit run(const bw_cli_context *ctx)
{
    const bw_cli_line *line = ctx->line;
    publisher *p = bw_xcalloc(1, sizeof(*p));
    bw_session session;
    bw_error err = BW_ERROR_INIT;
    p->ctx = ctx;
    p->topic = bw_cli_value(line, "topic");
    p->arena = (bw_arena)BW_ARENA_INIT;
    bw_status s = bw_session_open(&session, ctx, false, &err);
    if (s == BW_OK)
        s = check_line(line, &err);
    if (s == BW_OK)
        s = bw_cli_may_change(ctx, &err);
    if (s == BW_OK)
        s = bw_session_google(&session, &err);
    if (s == BW_OK) {
        p->ps = bw_pubsub_new(session.google, NULL, bw_clock_system(), NULL);
        p->default_kind = default_kind(ctx->config, p->topic);
        bw_pubsub_set_deadline(p->ps, TAKEN_WITHIN);
        s = line->n_args > 0 ? publish_lines(p, &err) : publish_options(p, &err);
        if (s == BW_OK || p->published > 0)
            report(p);
    }
    bw_exit code = s != BW_OK       ? bw_session_failed(ctx, &err)
                   : p->refused > 0 ? BW_EXIT_FAILED
                                    : BW_EXIT_OK;
    bw_pubsub_free(p->ps);
    bw_arena_fini(&p->arena);
    free(p);
    bw_session_close(&session);
    return code;
}

const bw_cli_command bw_command_publish = {
    .name = "publish",
    .args = "[-]",
    .help = "publish a change event, or one per line of standard input",
    .details =
        "With - each line of standard input is one event as a JSON object, published exactly as it "
        "stands. A line that the engine would refuse is named and left out, and the exit status is "
        "1. An event without event_id gets the attribute bw-event-id, so that it has its effect "
        "once even if it had to be sent twice.",
    .options = options,
    .n_options = BW_COUNT(options),
    .max_args = 1,
    .needs = BW_NEEDS_DEFAULTS,
    .run = run,
};
