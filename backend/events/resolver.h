/*
 * Events against Datastore, each with one effect however often it is delivered.
 *
 * A group of events is one transaction: one lookup of their entities, tombstones (_bw_tombstone)
 * and outcomes (_bw_event/<event id>), the events one after the other in memory (conflict.h), one
 * commit of what changed and of the outcomes. stored.h says what they look like. An outcome that
 * is there already is returned instead of resolving again, so a commit whose answer was lost is
 * simply looked up again. ABORTED repeats the group (previousTransaction, jittered waits, smaller
 * groups). A refusal (INVALID) is brought down to the guilty event by halving; one that is refused
 * five times by itself comes back as a fault. When Datastore is not there (UNAVAILABLE, TIMEOUT,
 * DENIED, RATE, QUOTA), refuses everybody, or the cancel is raised, the call fails, nothing of what
 * is committed is lost, and no event is to blame: the same call again goes on where it was.
 *
 * Properties that others wrote keep their exact Datastore value unless an event changes them; an
 * entity whose last_modified, version or conflict_resolved is of another type than ours belongs to
 * somebody who uses that name, and its events are faults.
 *
 * Outcomes carry _bw_expires for a TTL policy: 62 days after, because no subscription keeps a message
 * longer than 31 days, nor does the dead-letter subscription that it may then come to. Tombstones
 * stay, because they hold the version; after 31 days they are nothing to conflict with. An entity that exists has one too,
 * with the versions that may have been given to it: when somebody else deletes it, or writes it anew,
 * its versions still go on, and whoever goes by them does not take what follows for old.
 *
 * Threads: a resolver belongs to one thread; several may work on the same entities.
 */
#ifndef BW_EVENTS_RESOLVER_H
#define BW_EVENTS_RESOLVER_H

#include "backend/core/cancel.h"
#include "backend/events/conflict.h"
#include "backend/google/google.h"
#include "backend/google/retry.h"

#define BW_RESOLVER_KEEP     (31 * BW_DAY) /* of tombstones */
#define BW_RESOLVER_OUTCOMES (62 * BW_DAY)
#define BW_RESOLVER_GROUP    100
#define BW_RESOLVER_FAILURES 5

typedef struct bw_resolver_options {
    const bw_google *google;
    const bw_clock *clock;
    const bw_cancel *cancel;  /* or NULL */
    const char *subject;      /* of log lines: the sync's name */
    const char *project;      /* NULL: the one of `google` */
    const char *database;     /* NULL: the default one */
    const char *namespace_id; /* NULL: the default one */
    bw_conflict_rules rules;  /* what it points to outlives the resolver */
    size_t group;             /* events in a transaction, at most 150; 0: BW_RESOLVER_GROUP */
    int64_t deadline_us;      /* for one call's retries of one request; 0: the client's default */
    bw_retry_listener *listener; /* told of waits; or NULL */
} bw_resolver_options;

typedef struct bw_resolver bw_resolver;

bw_resolver *bw_resolver_new(const bw_resolver_options *options);
void bw_resolver_free(bw_resolver *resolver);

typedef struct bw_resolver_item {
    const bw_event *event;
    bool force; /* the event wins a conflict: a replayed CONFLICT letter, whose stored outcome is
                   `manual`, its content edited or not; any other stored outcome stands */
} bw_resolver_item;

typedef struct bw_resolution {
    bool resolved;        /* false: see fault */
    bw_event_fault fault; /* BAD_MESSAGE: the id belongs to another event; PROCESSING: refused, in
                              Datastore's words */
    bw_outcome outcome;   /* `manual`: a dead letter with both sides, reason CONFLICT */
    int64_t version;      /* of the outcome */
    bool redelivered;     /* the outcome was there already */
    int64_t event_us; /* the event's time; after a redelivery that of its first delivery, because
                             one that has no time of its own is as old as its publication */
    bw_presence presence; /* the entity right after the event; after a redelivery: as it is now. So
                              are the following */
    bw_slice
        properties; /* plain JSON object; for `manual` the stored side. Empty unless it exists */
    int64_t last_modified_us;
    int64_t entity_version; /* highest is newest; equals `version` unless redelivered */
    bool conflict_resolved;
    bw_slice clock; /* may be empty */
} bw_resolution;

typedef struct bw_resolver_counts {
    uint64_t commits, aborted, refused; /* transactions */
    uint64_t waited_us;                 /* for Datastore's answers and between attempts */
} bw_resolver_counts;

/* Resolves the events in their order into `out` (n of them, in `arena`). BW_OK when each has a
   resolution or a fault. Otherwise nothing of `out` is to be used, and the call may be made again. */
BW_NODISCARD bw_status bw_resolver_run(bw_resolver *resolver, const bw_resolver_item *items,
                                       size_t n, bw_arena *arena, bw_resolution *out,
                                       bw_error *err);

/* The entity right before an event. */
typedef struct bw_resolver_before {
    bw_presence presence;
    bw_slice properties; /* plain JSON object; empty unless it exists */
    int64_t last_modified_us;
    int64_t version;
} bw_resolver_before;

/* What bw_resolver_run() would answer now, and the entities as they are now, without writing anything:
   no transaction, no commit. Events of one group (see bw_resolver_options) are seen one after the
   other; what one of them would do to an event of a later group is not. `before[i]` is set where
   out[i] is resolved. */
BW_NODISCARD bw_status bw_resolver_preview(bw_resolver *resolver, const bw_resolver_item *items,
                                           size_t n, bw_arena *arena, bw_resolver_before *before,
                                           bw_resolution *out, bw_error *err);

/* Whether Datastore answers at all: asks it for one key, with retries until the deadline. */
BW_NODISCARD bw_status bw_resolver_ready(bw_resolver *resolver, bw_error *err);

/* So far. */
bw_resolver_counts bw_resolver_counted(const bw_resolver *resolver);

#endif
