/*
 * Reading requests of Pub/Sub: JSON is checked against tables of members, in camelCase or snake_case,
 * and written anew in one spelling, so that everything behind it reads one form. Durations, times
 * and resource names of the same API. Specification: Protocol Buffers' JSON mapping, RFC 3339.
 * Threads: any.
 */
#ifndef BW_SANDBOX_PS_JSON_H
#define BW_SANDBOX_PS_JSON_H

#include "backend/core/arena.h"
#include "backend/core/error.h"

typedef enum ps_kind {
    PS_TEXT,
    PS_BOOL,
    PS_INT32,    /* as a number or as text */
    PS_DURATION, /* "600s" */
    PS_TIME,     /* RFC 3339 */
    PS_TEXT_MAP, /* an object of texts */
    PS_TEXT_LIST,
    PS_OBJECT, /* with `members` */
    PS_AS_IS,  /* any object, kept as it was sent */
    PS_LIST,   /* any array, kept as it was sent */
    PS_ENUM,   /* a name or a number, kept as it was sent */
} ps_kind;

typedef struct ps_member {
    const char *name; /* camelCase; NULL ends a table */
    ps_kind kind;
    const struct ps_member *members; /* PS_OBJECT */
} ps_member;

/*
 * Appends the object with the members' own names, in the order of the request, without nulls. INVALID
 * for an unknown member and a wrong type; `path` ("subscription") names the object in the message and
 * is "" for the request itself.
 */
BW_NODISCARD bw_status ps_json_read(const ps_member *members, bw_slice object, const char *path,
                                    bw_buf *out, bw_error *err);
/* "ack_deadline_seconds" as "ackDeadlineSeconds"; what does not fit is cut. */
void ps_json_camel(bw_slice name, char *out, size_t size);
/* A JSON string's content in the arena; {NULL,0} when it is not one or has a lone surrogate. */
bw_slice ps_json_content(bw_arena *arena, bw_slice raw);

/* In microseconds; finer fractions are cut. Negative ones are refused. */
bool ps_duration_parse(bw_slice text, int64_t *us);
void ps_duration_print(bw_buf *out, int64_t us);
/* ,"name":"600s" */
void ps_json_add_duration(bw_buf *out, const char *name, int64_t us);
/* ,"name":"2023-11-14T22:13:20Z" */
void ps_json_add_time(bw_buf *out, const char *name, int64_t us);
/* A duration that has been read with ps_json_read(). */
int64_t ps_json_duration(bw_slice object, const char *name, int64_t fallback);

/* The rules for ids of topics, subscriptions and snapshots. */
bool ps_id_valid(const char *id);
/* projects/P/<collection>/ID, both parts in the arena; INVALID otherwise. */
BW_NODISCARD bw_status ps_name_parse(bw_arena *arena, const char *name, const char *collection,
                                     const char **project, const char **id, bw_error *err);

#endif
