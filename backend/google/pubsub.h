/*
 * Pub/Sub's REST API (v1), thinly: one function per call. Resources (topics, subscriptions) are
 * jansson values in the API's own words; messages are content and pass as slices, never through
 * jansson.
 *
 * Topics and subscriptions are named by their id ("orders-events", in the client's project) or in
 * full ("projects/p/topics/orders-events").
 *
 * Retries as in bigquery.h: transient failures are tried again until the call's deadline. Every call
 * here may be repeated. What a repetition does: a pull whose answer was lost leaves its messages
 * leased until their ack deadline; a publish whose answer was lost may publish twice, so
 * subscribers go by an id of their own in the attributes.
 *
 * Errors, everywhere: INVALID, NOT_FOUND, EXISTS, DENIED, QUOTA, RATE, UNAVAILABLE, TIMEOUT,
 * CANCELLED, with Pub/Sub's own words. *out is NULL unless BW_OK; `out` may be NULL where the answer
 * is not wanted. json_t arguments are borrowed, results are the caller's (json_decref).
 * Threads: a client belongs to one thread.
 */
#ifndef BW_GOOGLE_PUBSUB_H
#define BW_GOOGLE_PUBSUB_H

#include <jansson.h>

#include "backend/core/arena.h"
#include "backend/google/google.h"

typedef struct bw_pubsub bw_pubsub;

/* Everything is borrowed and outlives the client; cancel may be NULL. `project` (copied) is where
   short names are; NULL: bw_google_project(). */
bw_pubsub *bw_pubsub_new(const bw_google *google, const char *project, const bw_clock *clock,
                         const bw_cancel *cancel);
void bw_pubsub_free(bw_pubsub *ps);
/* The subject of log lines, copied; default "pubsub". */
void bw_pubsub_set_subject(bw_pubsub *ps, const char *subject);
/* Tells, on the calling thread, what is waited for before a call is sent again; "" when it is over. */
void bw_pubsub_set_listener(bw_pubsub *ps, void (*tell)(void *user, const char *text), void *user);
/* How long one call may take, its retries included. Default 10 min. */
void bw_pubsub_set_deadline(bw_pubsub *ps, int64_t per_call_us);
/* The service's wall clock as its last answer has it, to the second; BW_TIME_NONE when it did not
   say. */
int64_t bw_pubsub_answered_us(const bw_pubsub *ps);
/* Whether the last call was sent more than once, and an answer before the last may have been lost:
   what such an answer to a pull would have brought is leased, and nobody has it. */
bool bw_pubsub_lost_answer(const bw_pubsub *ps);

/* The full name of a topic or subscription (free()); NULL and INVALID when no project is known or it
   is not a name of that kind. */
char *bw_pubsub_topic_name(const bw_pubsub *ps, const char *topic, bw_error *err);
char *bw_pubsub_subscription_name(const bw_pubsub *ps, const char *subscription, bw_error *err);

/* ---- receiving -------------------------------------------------------------------------- */

#define BW_PUBSUB_PULL_MAX     1000 /* messages of one pull */
#define BW_PUBSUB_DEADLINE_MIN 10   /* seconds, of ack deadlines */
#define BW_PUBSUB_DEADLINE_MAX 600

/* One message as it was received. Slices live in the arena given to the pull; absent ones are empty. */
typedef struct bw_pubsub_message {
    bw_slice ack_id;     /* of this delivery: another one each time */
    bw_slice message_id; /* never empty */
    bw_slice ordering_key;
    bw_slice attributes; /* a JSON object as text ({"k":"v"}), empty when there are none */
    bw_slice
        data_base64; /* canonical (RFC 4648, section 4, padded): see bw_pubsub_message_data() */
    int64_t publish_us;
    int delivery_attempt; /* 0: not told, there is no dead-letter policy */
} bw_pubsub_message;

typedef struct bw_pubsub_messages {
    const bw_pubsub_message *items; /* in the order of the answer */
    size_t count;
} bw_pubsub_messages;

/*
 * Pulls up to max_messages (1 to BW_PUBSUB_PULL_MAX). The service holds the call until there is a
 * message, about 90 s; then *out is empty. Only a raised cancel ends it before: what the service was
 * about to hand out stays leased until its ack deadline then, and comes again. `at_once` asks for
 * what is there now (returnImmediately): to see whether a subscription is drained; an empty answer
 * is likely but not certain to mean that.
 */
BW_NODISCARD bw_status bw_pubsub_pull(bw_pubsub *ps, const char *subscription, int max_messages,
                                      bool at_once, bw_arena *arena, bw_pubsub_messages *out,
                                      bw_error *err);
/* Reads the body of a pull's answer, as bw_pubsub_pull() does. UNAVAILABLE when it is not one. */
BW_NODISCARD bw_status bw_pubsub_pull_parse(bw_slice body, bw_arena *arena, bw_pubsub_messages *out,
                                            bw_error *err);
/* The bytes of the message, decoded into the arena. */
bw_slice bw_pubsub_message_data(const bw_pubsub_message *message, bw_arena *arena);
/* The value of an attribute, in the arena; {NULL,0} when there is none, or it is not a string. */
bw_slice bw_pubsub_attribute(bw_slice attributes, const char *name, bw_arena *arena);

/*
 * Acknowledges, or moves the deadline of the leases to `seconds` from now (10 to 600; 0 gives them
 * back, for another delivery at once). Any number of ids, sent in requests of at most 1,000 ids and
 * 512 KiB. A request that fails does not keep the others from being sent; the first failure is the
 * result. *refused (may be NULL) counts the ids that an exactly-once subscription names as expired:
 * these are no failure, their messages come again.
 */
BW_NODISCARD bw_status bw_pubsub_acknowledge(bw_pubsub *ps, const char *subscription,
                                             const bw_slice *ack_ids, size_t count, size_t *refused,
                                             bw_error *err);
BW_NODISCARD bw_status bw_pubsub_modify_ack_deadline(bw_pubsub *ps, const char *subscription,
                                                     const bw_slice *ack_ids, size_t count,
                                                     int seconds, size_t *refused, bw_error *err);

/* To a time: what was published before counts as acknowledged, what came after as not. Acknowledged
   messages come back only where the subscription or its topic retains them. Takes effect within
   about a minute at the service. */
BW_NODISCARD bw_status bw_pubsub_seek(bw_pubsub *ps, const char *subscription, int64_t time_us,
                                      bw_error *err);

/* ---- publishing ------------------------------------------------------------------------- */

#define BW_PUBSUB_MAX_ATTRIBUTE ((size_t)1024)     /* bytes of an attribute's value */
#define BW_PUBSUB_DATA_MAX      ((size_t)10000000) /* bytes of one message */

typedef struct bw_pubsub_outgoing {
    bw_slice data;         /* bytes; empty only when there are attributes */
    bw_slice attributes;   /* a JSON object of strings as text, or empty */
    bw_slice ordering_key; /* or empty */
} bw_pubsub_outgoing;

/* Adds a member to such an object (which may be {}): an empty buffer becomes {"name":"value"}. Both must be UTF-8. */
void bw_pubsub_add_attribute(bw_buf *object, const char *name, bw_slice value);

/*
 * Publishes, in requests of at most 1,000 messages and 10 MB; messages of one ordering key go in
 * their order, one request after the other. ids[i] (the caller's array, `count` long, may be NULL)
 * becomes the message's id in the arena, or stays NULL where it was not published or is not known
 * to be. Stops at the first failure; err->maybe_acted when some of the request in hand may be in.
 */
BW_NODISCARD bw_status bw_pubsub_publish(bw_pubsub *ps, const char *topic,
                                         const bw_pubsub_outgoing *messages, size_t count,
                                         bw_arena *arena, const char **ids, bw_error *err);

/* ---- resources -------------------------------------------------------------------------- */

BW_NODISCARD bw_status bw_pubsub_get_topic(bw_pubsub *ps, const char *topic, json_t **out,
                                           bw_error *err);
/* `resource` is a Topic without its name, or NULL. EXISTS after a lost answer may be our own. */
BW_NODISCARD bw_status bw_pubsub_create_topic(bw_pubsub *ps, const char *topic,
                                              const json_t *resource, json_t **out, bw_error *err);
/* NOT_FOUND when it was not there (after a lost answer: OK). */
BW_NODISCARD bw_status bw_pubsub_delete_topic(bw_pubsub *ps, const char *topic, bw_error *err);
BW_NODISCARD bw_status bw_pubsub_topic_exists(bw_pubsub *ps, const char *topic, bool *exists,
                                              bw_error *err);
/* Full names of up to `max` topics of the project, as an array of strings. */
BW_NODISCARD bw_status bw_pubsub_list_topics(bw_pubsub *ps, size_t max, json_t **out,
                                             bw_error *err);
/* Full names of up to `max` subscriptions attached to the topic, as an array of strings. */
BW_NODISCARD bw_status bw_pubsub_list_topic_subscriptions(bw_pubsub *ps, const char *topic,
                                                          size_t max, json_t **out, bw_error *err);

BW_NODISCARD bw_status bw_pubsub_get_subscription(bw_pubsub *ps, const char *subscription,
                                                  json_t **out, bw_error *err);
/* `resource` is a Subscription without its name; `topic` in it is a full name. */

/* What a subscription's resource says, and its topic's retention, for those who know no JSON of the
   API. Strings in the arena. */
typedef struct bw_pubsub_subscription {
    const char *name, *topic; /* in full; topic "_deleted-topic_" when it is gone */
    int ack_deadline_s;
    int64_t retention_us;       /* of what is not acknowledged, and of the rest when: */
    bool retains_acked;         /* acknowledged messages are kept for retention_us too */
    int64_t topic_retention_us; /* 0: the topic keeps nothing for seeking, or may not be asked */
    bool ordered, exactly_once, detached;
    const char *pushes_to;         /* "push", "bigquery", ...: it cannot be pulled; or NULL */
    const char *filter;            /* or "" */
    const char *dead_letter_topic; /* or NULL */
    int max_attempts;              /* before a message goes there; 0 without one */
    int64_t backoff_min_us, backoff_max_us; /* before what was not acknowledged comes again, longer
                                               from time to time; 0: at once */
} bw_pubsub_subscription;

BW_NODISCARD bw_status bw_pubsub_look_up(bw_pubsub *ps, const char *subscription, bw_arena *arena,
                                         bw_pubsub_subscription *out, bw_error *err);
/* Full names of up to `max` subscriptions of the project, in the arena. */
BW_NODISCARD bw_status bw_pubsub_subscription_names(bw_pubsub *ps, size_t max, bw_arena *arena,
                                                    const char *const **out, size_t *count,
                                                    bw_error *err);

BW_NODISCARD bw_status bw_pubsub_create_subscription(bw_pubsub *ps, const char *subscription,
                                                     const json_t *resource, json_t **out,
                                                     bw_error *err);
BW_NODISCARD bw_status bw_pubsub_patch_subscription(bw_pubsub *ps, const char *subscription,
                                                    const json_t *changes, const char *mask,
                                                    json_t **out, bw_error *err);
BW_NODISCARD bw_status bw_pubsub_delete_subscription(bw_pubsub *ps, const char *subscription,
                                                     bw_error *err);
BW_NODISCARD bw_status bw_pubsub_subscription_exists(bw_pubsub *ps, const char *subscription,
                                                     bool *exists, bw_error *err);
/* Full names of up to `max` subscriptions of the project, as an array of strings. */
BW_NODISCARD bw_status bw_pubsub_list_subscriptions(bw_pubsub *ps, size_t max, json_t **out,
                                                    bw_error *err);

#endif
