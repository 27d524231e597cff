/* What can be said of a sync of change events. */
#include "backend/engine/events_stage.h"

#include <stdlib.h>
#include <string.h>

#include "backend/core/clock.h"
#include "backend/events/conflict.h"
#include "backend/core/units.h"
#include "backend/sources/source.h"
#include "backend/store/store.h"

static const char *const strategies[] = {"merge",      "latest_wins", "stored_wins",
                                         "event_wins", "manual",      NULL};
static const char *const field_strategies[] = {"latest_wins", "stored_wins", "event_wins", "manual",
                                               NULL};
static const char *const causalities[] = {"time", "vector", NULL};

static const bw_setting settings[] = {
    {.path = "kind",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "each event says its own",
     .help = "the Datastore kind of entities whose events name none",
     .example = "Customer"},
    {.path = "datastore.project",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "the top level's",
     .help = "the project that holds the entities",
     .example = "my-project"},
    {.path = "datastore.database",
     .type = BW_SETTING_STRING,
     .absent = "the default one",
     .help = "the Datastore database that holds the entities",
     .example = "customers"},
    {.path = "datastore.namespace",
     .type = BW_SETTING_STRING,
     .absent = "the default one",
     .help = "the namespace of the entities",
     .example = "emea"},
    {.path = "conflict.strategy",
     .type = BW_SETTING_ENUM,
     .choices = strategies,
     .fallback = "merge",
     .help = "what an event does that meets a newer state"},
    {.path = "conflict.fields",
     .type = BW_SETTING_MAP,
     .choices = field_strategies,
     .help = "strategies of single fields",
     .example = "{status: event_wins}"},
    {.path = "conflict.always_take",
     .type = BW_SETTING_LIST,
     .max = 1000,
     .help = "with strategy merge: fields that the event always sets",
     .example = "[last_login]"},
    {.path = "conflict.causality",
     .type = BW_SETTING_ENUM,
     .choices = causalities,
     .fallback = "time",
     .help = "how newer is told: by the events' timestamps, or by their vector clocks"},
    {.path = "conflict.clock_field",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .fallback = BW_CLOCK_FIELD,
     .help = "with causality vector: the member and property that holds the clock"},
    {.path = "future_tolerance",
     .type = BW_SETTING_DURATION,
     .fallback = "5m",
     .min = BW_SECOND,
     .max = BW_DAY,
     .help = "how far ahead of the clock an event's time may be"},
    /* A job may change 4,000 partitions, a table have 10,000, and the raw table has one for each day:
       whoever wrote times of thousands of years would bring the sync to a standstill. */
    {.path = "past_tolerance",
     .type = BW_SETTING_DURATION,
     .fallback = "3650d",
     .min = BW_DAY,
     .max = 3650000 * BW_DAY,
     .help = "how long ago an event's time may be; each day is a partition of the raw table, which "
             "can have 10,000"},
    {.path = "external_events",
     .type = BW_SETTING_BOOL,
     .fallback = "false",
     .help = "tell of each event that changed something on the topic external-sync-OPERATION"},
    {.path = "dead_letter_subscription",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .help = "a subscription of the dead-letter topic: its messages become dead letters here",
     .example = "sync-events-dead"},
    {.path = "topic",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .absent = "that of the subscription, which must be there",
     .help = "the topic of the subscription, for provision and publish",
     .example = "sync-events"},
    {.path = "ack_deadline",
     .type = BW_SETTING_DURATION,
     .min = 10 * BW_SECOND,
     .max = 600 * BW_SECOND,
     .absent = "as it is; 60s where provision creates the subscription",
     .help = "how long a message may be in work before it is delivered again, for provision",
     .example = "60s"},
    {.path = "retention",
     .type = BW_SETTING_DURATION,
     .min = 10 * BW_MINUTE,
     .max = 31 * BW_DAY,
     .absent = "as it is; 7d where provision creates the subscription",
     .help = "how long the subscription keeps messages, for provision",
     .example = "7d"},
    {.path = "retain_acked",
     .type = BW_SETTING_BOOL,
     .absent = "as it is; true where provision creates the subscription",
     .help = "keep acknowledged messages too, so that a resync finds them, for provision",
     .example = "true"},
    {.path = "ordering",
     .type = BW_SETTING_BOOL,
     .absent = "as it is; false where provision creates the subscription",
     .help = "deliver the messages of one ordering key in their order; fixed once created",
     .example = "true"},
    {.path = "filter",
     .type = BW_SETTING_STRING,
     .absent = "as it is; none where provision creates the subscription",
     .help = "which messages the subscription gets, by their attributes; fixed once created",
     .example = "'attributes.region = \"emea\"'"},
    {.path = "dead_letter_topic",
     .type = BW_SETTING_STRING,
     .nonempty = true,
     .help = "where Pub/Sub puts what it delivered too often, for provision; in the project at "
             "the top",
     .example = "sync-events-dead"},
    /* As many as there can be: deliveries are counted in crashes and outages too, which are no
       fault of the message. Poison is told apart by the engine, after five attempts. */
    {.path = "max_delivery_attempts",
     .type = BW_SETTING_INT,
     .min = 5,
     .max = 100,
     .absent = "as it is; 100 for a new policy, because deliveries count in outages too",
     .help = "deliveries before that happens, for provision",
     .example = "100"},
    {.path = "targets",
     .type = BW_SETTING_LIST,
     .max = BW_BATCH_FINALS - 2,
     .help = "further tables that get the same current rows: TABLE, DATASET.TABLE or "
             "PROJECT.DATASET.TABLE",
     .example = "[reporting.customers]"},
};
const bw_setting_table bw_events_settings = BW_SETTING_TABLE(settings);

/* The clock's member stands beside those of every event, its property beside ours. */
static void check_clock(const bw_config_node *n, bw_config_problems *problems)
{
    static const char *const taken[] = {
        "event_id",  "correlation_id", "source", "kind",          "entity_id", "entity_key",
        "operation", "timestamp",      "data",   "last_modified", "version",   "conflict_resolved"};
    const char *field = bw_config_string(n, "conflict.clock_field");
    bool bad = strncmp(field, "_bw_", 4) == 0;
    for (size_t i = 0; i < BW_COUNT(taken); i++)
        bad |= strcmp(field, taken[i]) == 0;
    if (bad)
        bw_config_complain(problems, n, "conflict.clock_field",
                           "Choose a name of its own, such as " BW_CLOCK_FIELD ".",
                           "%s means something else in an event or an entity", field);
}

void bw_events_settings_check(const bw_config_node *n, bw_config_problems *problems)
{
    static const char *const whole[] = {"ack_deadline", "retention"};
    static const char *const single[] = {"topic", "dead_letter_subscription"};
    const char *mode = bw_config_string(n, "mode");
    for (size_t i = 0; i < BW_COUNT(whole); i++)
        if (bw_config_duration(n, whole[i]) % BW_SECOND)
            bw_config_complain(problems, n, whole[i], NULL, "%s must be in whole seconds",
                               whole[i]);
    check_clock(n, problems);
    bool pattern = strpbrk(bw_config_string(n, "table"), "*?[") != NULL;
    for (size_t i = 0; pattern && i < BW_COUNT(single); i++)
        if (bw_config_given(n, single[i]))
            bw_config_complain(
                problems, n, single[i], "Name the subscription in an entry of its own.",
                "a pattern stands for many subscriptions and takes no %s", single[i]);
    if (!bw_config_given(n, "dead_letter_topic")) {
        if (bw_config_given(n, "max_delivery_attempts"))
            bw_config_complain(problems, n, "max_delivery_attempts", NULL,
                               "max_delivery_attempts needs dead_letter_topic");
        return;
    }
    if (!bw_config_given(n, "dead_letter_subscription"))
        bw_config_complain(problems, n, "dead_letter_topic",
                           "Name its subscription with dead_letter_subscription: NAME.",
                           "messages of a dead-letter topic without a subscription are lost");
    if (mode && strcmp(mode, "append") == 0)
        bw_config_complain(problems, n, "dead_letter_topic", "Leave it away, or use mode: events.",
                           "with mode append nobody takes in dead letters");
}

/* ---- who reads which subscription ------------------------------------------------------- */

/* A subscription, and the setting that names it. */
typedef struct named {
    char *full;
    const bw_config_node *node;
    const char *path;
} named;

typedef struct names {
    named *items;
    size_t count, cap;
} names;

/* free() it. */
static char *full_name(const bw_config *c, const char *project, const char *name)
{
    const char *home = project ? project : bw_config_string(bw_config_top(c), "project");
    return strncmp(name, "projects/", 9) == 0
               ? bw_xstrdup(name)
               : bw_xasprintf("projects/%s/subscriptions/%s", home ? home : "", name);
}

static void add_name(names *all, const bw_config *c, const char *project,
                     const bw_config_node *node, const char *path)
{
    const char *name = bw_config_string(node, path);
    if (!name)
        return;
    BW_GROW(all->items, all->count + 1, all->cap);
    all->items[all->count++] = (named){full_name(c, project, name), node, path};
}

static bool is_stream(const bw_config *c, const bw_config_node *sync, const char **project)
{
    const bw_config_node *source = bw_config_find(c, "sources", bw_config_string(sync, "source"));
    const char *type = source ? bw_config_string(source, "type") : NULL;
    const bw_source_class *class = type ? bw_source_find(type) : NULL;
    bool stream = class && (class->capabilities & BW_SOURCE_STREAM);
    *project = stream ? bw_config_string(source, "project") : NULL;
    return stream;
}

static names name_all(const bw_config *c, bool of_syncs)
{
    names all = {.items = NULL};
    for (size_t i = 0; i < bw_config_count(c, "syncs"); i++) {
        const bw_config_node *sync = bw_config_at(c, "syncs", i);
        const char *project;
        if (!is_stream(c, sync, &project))
            continue;
        if (of_syncs && !strpbrk(bw_config_string(sync, "table"), "*?["))
            add_name(&all, c, project, sync, "table");
        add_name(&all, c, NULL, sync, "dead_letter_subscription");
    }
    if (bw_config_has(bw_config_top(c), "audit.subscription"))
        add_name(&all, c, NULL, bw_config_top(c), "audit.subscription");
    return all;
}

static void free_names(names *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->items[i].full);
    free(all->items);
}

/* Whoever acknowledges a message takes it from all others that read the same subscription. */
void bw_subscriptions_check(const bw_config *c, bw_config_problems *problems)
{
    names all = name_all(c, true);
    for (size_t i = 0; i < all.count; i++) {
        size_t k = 0;
        while (strcmp(all.items[i].full, all.items[k].full) != 0)
            k++;
        if (k < i)
            bw_config_complain(problems, all.items[i].node, all.items[i].path,
                               "Each message of a subscription comes to one reader only: create "
                               "another subscription of the same topic.",
                               "%s is read by another entry already", all.items[i].full);
    }
    free_names(&all);
}

bool bw_subscription_is_collected(const bw_config *c, const bw_config_node *source,
                                  const char *name)
{
    names all = name_all(c, false);
    char *full = full_name(c, bw_config_string(source, "project"), name);
    bool found = false;
    for (size_t i = 0; i < all.count; i++)
        found |= strcmp(all.items[i].full, full) == 0;
    free(full);
    free_names(&all);
    return found;
}
