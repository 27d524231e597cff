/*
 * A change event as a line of JSON (or as options): {entity_id | entity_key, kind, operation, data,
 * timestamp, event_id | correlation_id, ...}, sliced, scored, and written as the row of the raw
 * table. Threads: one at a time.
 */
#ifndef BW_APP_EVENT_LINE_H
#define BW_APP_EVENT_LINE_H

#include "backend/core/error.h"
#include "backend/score/record.h"

/* Slices are borrowed from the line, or from `text` where a string had escapes. ptr NULL: absent. */
typedef struct bw_event_line {
    bw_slice key, kind, id;
    bool key_is_id; /* it was called entity_id */
    bool has_operation;
    bw_operation operation;
    bw_slice data; /* a JSON object, as it was written */
    int64_t at_us; /* BW_TIME_NONE: absent */
    bw_buf text;
} bw_event_line;

void bw_event_line_fini(bw_event_line *event);

/* Reads one line into the event (zeroed, or used before: its memory is kept). INVALID when it is not
   a JSON object, or a member that matters is of the wrong kind. Members that are null are absent; an
   operation with another name too. */
BW_NODISCARD bw_status bw_event_line_parse(bw_slice line, bw_event_line *event, bw_error *err);

/* What is remembered of the events before: an anomaly model and the fields of each kind, the last
   operation of each entity. Bounded: beyond 32 kinds nothing is remembered. */
typedef struct bw_event_line_memory bw_event_line_memory;
bw_event_line_memory *bw_event_line_memory_new(void);
void bw_event_line_memory_free(bw_event_line_memory *memory);

/* Scores the event against the clock and the memory, which learns from it. memory NULL: by the rules
   that need none. Expected are key, kind, operation, time, data (but of a delete), each field of the
   data, and the fields that most events of the kind had. */
bw_record_score bw_event_line_score(bw_event_line_memory *memory, const bw_event_line *event,
                                    int64_t now_us, double target_s, bw_record_facts *facts);

/* Appends the event's row in the raw table as one JSON object; what is unknown is left out. */
void bw_event_line_row(bw_buf *out, const bw_event_line *event, const bw_record_score *score,
                       int64_t now_us);

#endif
