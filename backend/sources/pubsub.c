#include "backend/sources/pubsub.h"

#include <math.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/google/monitoring.h"
#include "backend/sources/message.h"
#include "backend/sources/pubsub_reader.h"
#include "backend/sources/pubsub_source.h"

#define NAMES_MAX 10000
/* A held pull takes some 90 s. */
#define CALL_MIN_US     (3 * BW_MINUTE)
#define ANSWER_MIN_US   (20 * BW_SECOND) /* all other calls are answered at once */
#define CALL_DEFAULT_US (10 * BW_MINUTE)
#define MONITORING_US   (10 * BW_SECOND)
#define CLOCKS_AGREE_US (3 * BW_SECOND) /* dates come in whole seconds, and on their way */
#define WARNINGS_MAX    8

const bw_setting bw_ps_settings[BW_PS_SETTINGS] = {
    {.path = "project",
     .type = BW_SETTING_STRING,
     .absent = "the project at the top",
     .nonempty = true,
     .help = "project of the subscriptions that are named by their id alone",
     .example = "shop-events"},
    {.path = "wait",
     .type = BW_SETTING_DURATION,
     .fallback = "1s",
     .min = 0,
     .max = BW_MINUTE,
     .help = "how long a batch waits for more messages after its first one"},
    {.path = "max_outstanding_messages",
     .type = BW_SETTING_INT,
     .fallback = "10000",
     .min = 1,
     .max = 1000000,
     .help = "messages that are held at a time, which is the most that a batch has"},
    {.path = "max_outstanding_bytes",
     .type = BW_SETTING_SIZE,
     .fallback = "64MiB",
     .min = INT64_C(1) << 20,
     .max = INT64_C(1) << 30,
     .help = "bytes of messages after which no more are pulled into a batch"},
};

/* ---- the source ------------------------------------------------------------------------- */

static bw_ps_source *source_of(bw_source *source)
{
    return (bw_ps_source *)source;
}

int64_t bw_ps_now(const bw_ps_source *source)
{
    return bw_wall_us(source->env.clock) + source->clock_ahead;
}

/* The same for a call of `waiter`: a held pull at least. */
static int64_t call_us(const bw_ps_source *source)
{
    int64_t stall = source->env.stall_timeout_us;
    return stall <= 0 ? CALL_DEFAULT_US : stall < CALL_MIN_US ? CALL_MIN_US : stall;
}

int64_t bw_ps_answer_us(const bw_ps_source *source)
{
    int64_t stall = source->env.stall_timeout_us;
    return stall <= 0 ? CALL_DEFAULT_US : stall < ANSWER_MIN_US ? ANSWER_MIN_US : stall;
}

void bw_ps_note_clock(bw_ps_source *source, const bw_pubsub *client)
{
    int64_t theirs = bw_pubsub_answered_us(client);
    int64_t ahead = theirs - bw_wall_us(source->env.clock);
    if (theirs == BW_TIME_NONE)
        return;
    source->clock_ahead = ahead > CLOCKS_AGREE_US || ahead < -CLOCKS_AGREE_US ? ahead : 0;
}

static bw_status ps_open(const bw_source_class *class, const bw_config_node *settings,
                         const bw_source_env *env, bw_source **out, bw_error *err)
{
    (void)class;
    *out = NULL;
    if (!env->google)
        return bw_error_set(err, BW_INVALID, "Pub/Sub cannot be asked without Google credentials");
    bw_ps_source *source = bw_xcalloc(1, sizeof(*source));
    const char *project = bw_config_string(settings, "project");
    source->env = *env;
    source->project = project ? bw_xstrdup(project) : NULL;
    source->wait_us = bw_config_duration(settings, "wait");
    source->batch_rows = bw_config_int(settings, "max_outstanding_messages");
    source->batch_bytes = bw_config_size(settings, "max_outstanding_bytes");
    source->client = bw_pubsub_new(env->google, source->project, env->clock, env->cancel);
    bw_pubsub_set_subject(source->client, env->subject);
    bw_pubsub_set_deadline(source->client, bw_ps_answer_us(source));
    source->waiter = bw_pubsub_new(env->google, source->project, env->clock,
                                   env->yield ? env->yield : env->cancel);
    bw_pubsub_set_subject(source->waiter, env->subject);
    bw_pubsub_set_deadline(source->waiter, call_us(source));
    bw_pubsub_set_listener(source->client, env->tell, env->tell_user);
    bw_pubsub_set_listener(source->waiter, env->tell, env->tell_user);
    *out = (bw_source *)source;
    return BW_OK;
}

static void ps_close(bw_source *opaque)
{
    bw_ps_source *source = source_of(opaque);
    if (!source)
        return;
    bw_pubsub_free(source->client);
    bw_pubsub_free(source->waiter);
    free(source->project);
    free(source);
}

static void warn(bw_arena *arena, const char *const **list, size_t *n, const char *text)
{
    const char **own = (const char **)*list;
    if (!own)
        own = BW_ARENA_ARRAY(arena, const char *, WARNINGS_MAX);
    if (*n < WARNINGS_MAX)
        own[(*n)++] = text;
    *list = own;
}

static bw_status ps_status(bw_source *opaque, bw_arena *arena, bw_source_status *out, bw_error *err)
{
    bw_ps_source *source = source_of(opaque);
    const char *const *names;
    size_t count;
    int64_t before = bw_mono_us(source->env.clock);
    *out = (bw_source_status){.version = "Pub/Sub", .now_us = BW_TIME_NONE};
    bw_status s = bw_pubsub_subscription_names(source->client, 1, arena, &names, &count, err);
    /* Whoever may only read one subscription is answered all the same. */
    if (s == BW_DENIED && bw_pubsub_answered_us(source->client) != BW_TIME_NONE)
        s = BW_OK;
    if (s != BW_OK)
        return s;
    out->latency_us = bw_mono_us(source->env.clock) - before;
    bw_ps_note_clock(source, source->client);
    out->now_us = bw_ps_now(source);
    return BW_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bw_status ps_list(bw_source *opaque, const char *pattern, bw_arena *arena,
                         const char *const **names, size_t *count, bw_error *err)
{
    const char *const *all;
    size_t n;
    *names = NULL;
    *count = 0;
    bw_status s =
        bw_pubsub_subscription_names(source_of(opaque)->client, NAMES_MAX, arena, &all, &n, err);
    if (s != BW_OK)
        return s;
    const char **some = BW_ARENA_ARRAY(arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const char *slash = strrchr(all[i], '/'), *id = slash ? slash + 1 : all[i];
        if (bw_glob_match(pattern, id))
            some[(*count)++] = id;
    }
    qsort(some, *count, sizeof(*some), compare_names);
    *names = some;
    return BW_OK;
}

/* ---- one subscription ------------------------------------------------------------------- */

static void advise(const bw_pubsub_subscription *sub, bw_arena *arena, const char *const **list,
                   size_t *n)
{
    if (sub->topic && strcmp(sub->topic, "_deleted-topic_") == 0)
        warn(arena, list, n, "its topic was deleted: nothing new will come");
    if (!sub->retains_acked && sub->topic_retention_us == 0)
        warn(arena, list, n,
             "acknowledged messages are not kept: a resync cannot read them again (set "
             "retainAckedMessages, or a retention on the topic)");
    if (sub->filter[0])
        warn(arena, list, n,
             bw_arena_printf(arena, "only messages that match its filter come: %s", sub->filter));
}

/* What is fixed cannot be configured otherwise. */
static bw_status check_spec(const bw_table_spec *spec, bw_error *err)
{
    const bw_field *fields = bw_message_schema.fields;
    const char *what = NULL;
    if (spec->columns)
        what = "columns";
    else if (spec->n_as)
        what = "as";
    else if (spec->key &&
             (spec->n_key != 1 || strcmp(spec->key[0], fields[BW_MESSAGE_ID].name) != 0))
        what = "key";
    else if (spec->cursor && strcmp(spec->cursor, fields[BW_MESSAGE_PUBLISH_TIME].name) != 0)
        what = "cursor";
    if (!what)
        return BW_OK;
    bw_error_set(err, BW_INVALID, "the columns of a subscription are given: %s does not apply",
                 what);
    return bw_error_hint(err, "Leave %s: away; a view over the target can choose columns.", what);
}

static bw_status check_kind(const bw_pubsub_subscription *sub, bw_error *err)
{
    if (sub->detached) {
        bw_error_set(err, BW_INVALID, "%s is detached from its topic", sub->name);
        return bw_error_hint(err, "Create another subscription: this one holds nothing any more.");
    }
    if (sub->pushes_to) {
        bw_error_set(err, BW_INVALID, "%s delivers by itself (%s): it cannot be pulled", sub->name,
                     sub->pushes_to);
        return bw_error_hint(err, "Create a pull subscription of its own for this sync.");
    }
    return BW_OK;
}

static bw_status ps_describe(bw_source *opaque, const bw_table_spec *spec, bw_arena *arena,
                             bw_table_info *out, bw_error *err)
{
    static const size_t key[] = {BW_MESSAGE_ID};
    bw_pubsub_subscription sub;
    *out = (bw_table_info){.cursor = -1};
    bw_status s = check_spec(spec, err);
    if (s == BW_OK)
        s = bw_pubsub_look_up(source_of(opaque)->client, spec->table, arena, &sub, err);
    if (s == BW_OK)
        s = check_kind(&sub, err);
    if (s != BW_OK)
        return s;
    *out = (bw_table_info){
        .name = sub.name,
        .short_name = strrchr(sub.name, '/') + 1,
        .schema = bw_message_schema,
        .key = key,
        .n_key = BW_COUNT(key),
        .key_origin = "message id",
        .immutable = true,
        .cursor = BW_MESSAGE_PUBLISH_TIME,
        .cursor_kind = BW_CURSOR_TIMESTAMP,
        .cursor_origin = "publish time",
        .rows_estimate = -1,
        .bytes_estimate = -1,
    };
    if (sub.topic)
        out->comment = bw_arena_printf(arena, "messages of %s", sub.topic);
    advise(&sub, arena, &out->warnings, &out->n_warnings);
    return BW_OK;
}

/* Monitoring may be out of reach, or say nothing: then the backlog is unknown, and why is said. */
static void ask_monitoring(const bw_ps_source *source, bw_arena *arena, bw_stream_status *out)
{
    bw_error err = BW_ERROR_INIT;
    bw_subscription_backlog backlog;
    bw_monitoring *mon = bw_monitoring_new(source->env.google, source->project, source->env.clock,
                                           source->env.cancel);
    bw_monitoring_set_deadline(mon, MONITORING_US);
    if (bw_monitoring_backlog(mon, out->name, &backlog, &err) != BW_OK)
        warn(arena, &out->warnings, &out->n_warnings,
             bw_arena_printf(arena, "the backlog is unknown: %s", err.message));
    out->backlog = backlog.messages;
    out->oldest_unacked_s = backlog.oldest_unacked_s;
    out->backlog_at_us = backlog.messages_at_us;
    bw_monitoring_free(mon);
}

static bw_status ps_stream(bw_source *opaque, const bw_table_spec *spec, bw_arena *arena,
                           bw_stream_status *out, bw_error *err)
{
    bw_ps_source *source = source_of(opaque);
    bw_pubsub_subscription sub;
    *out = (bw_stream_status){
        .backlog = -1, .oldest_unacked_s = NAN, .backlog_at_us = BW_TIME_NONE, .retention_us = -1};
    bw_status s = bw_pubsub_look_up(source->client, spec->table, arena, &sub, err);
    if (s != BW_OK)
        return s;
    out->name = sub.name;
    out->topic = sub.topic ? sub.topic : "";
    out->ack_deadline_us = sub.ack_deadline_s * BW_SECOND;
    out->retention_us = sub.retention_us;
    out->retains_acked = sub.retains_acked || sub.topic_retention_us > 0;
    out->ordered = sub.ordered;
    out->exactly_once = sub.exactly_once;
    out->dead_letter_topic = sub.dead_letter_topic;
    out->max_attempts = sub.max_attempts;
    advise(&sub, arena, &out->warnings, &out->n_warnings);
    ask_monitoring(source, arena, out);
    return BW_OK;
}

static bw_status ps_reader_open(bw_source *source, const bw_table_spec *spec,
                                const bw_table_info *info, const bw_read_request *request,
                                bw_reader **out, bw_error *err)
{
    return bw_ps_reader_open(source_of(source), spec, info, request, out, err);
}

const bw_source_class bw_source_pubsub = {
    .kind = "pubsub",
    .name = "Pub/Sub",
    .capabilities = BW_SOURCE_TABLES | BW_SOURCE_STREAM | BW_SOURCE_GOOGLE,
    .settings = bw_ps_settings,
    .n_settings = BW_PS_SETTINGS,
    .open = ps_open,
    .close = ps_close,
    .status = ps_status,
    .stream = ps_stream,
    .list = ps_list,
    .describe = ps_describe,
    .reader_open = ps_reader_open,
    .reader_next = bw_ps_reader_next,
    .reader_fetch = bw_ps_reader_fetch,
    .reader_end = bw_ps_reader_end,
    .reader_restart = bw_ps_reader_restart,
    .reader_ack = bw_ps_reader_ack,
    .reader_close = bw_ps_reader_close,
};
