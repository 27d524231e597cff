/*
 * The registers of latest_wins: which event each field of an entity has its value from. Their text,
 * the hidden property _bw_fields, is described in conflict.h. Threads: any.
 */
#ifndef BW_EVENTS_REGISTERS_H
#define BW_EVENTS_REGISTERS_H

#include "backend/events/conflict.h"

/* An event's place in the order of changes. */
typedef struct bw_stamp {
    int64_t us;  /* BW_TIME_NONE: before everything */
    bw_slice id; /* of the event; empty when somebody else wrote */
} bw_stamp;

/* Negative, 0 or positive: by time, then by the bytes of the id. */
int bw_stamp_order(bw_stamp a, bw_stamp b);

typedef struct bw_field_stamp {
    bw_slice name;
    bw_stamp stamp;
} bw_field_stamp;

typedef struct bw_registers {
    bw_stamp last;          /* the newest event that took part */
    bw_stamp base;          /* the newest whole state or delete */
    bool deleted;           /* the base left nothing */
    bw_field_stamp *fields; /* those that differ from the base, by name */
    size_t n_fields;
} bw_registers;

/* The state's registers; without a usable text all of it is one whole state at its last_modified. */
void bw_registers_read(const bw_entity_state *state, bw_arena *arena, bw_registers *out);
bw_slice bw_registers_write(const bw_registers *registers, bw_arena *arena);
/* The field's stamp: its own or the base. */
bw_stamp bw_registers_of(const bw_registers *registers, bw_slice name);

#endif
