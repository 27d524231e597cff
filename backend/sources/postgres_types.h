/*
 * PostgreSQL's types: what each becomes (the table of the documentation), and the function that
 * turns the text of its output function into canonical text (backend/model/value.h) or says why it
 * does not fit. Texts are those of a session with TimeZone UTC, DateStyle ISO, IntervalStyle
 * iso_8601, extra_float_digits 3 and bytea_output hex.
 *
 * Converters work in place where they can: the text belongs to the row that is being read and may
 * be written over. Threads: any, one context per thread.
 */
#ifndef BW_SOURCES_POSTGRES_TYPES_H
#define BW_SOURCES_POSTGRES_TYPES_H

#include "backend/core/arena.h"
#include "backend/model/value.h"

typedef struct bw_pgtype bw_pgtype;

/* What converters need besides the text. */
typedef struct bw_pgcontext {
    bw_arena *arena; /* where new texts and items go: the chunk's */
    bw_buf scratch;
    bw_value *items; /* the elements of the array at hand */
    size_t items_cap;
    char detail[200]; /* set by a converter that knows more than the value's text */
} bw_pgcontext;

void bw_pgcontext_fini(bw_pgcontext *cx);

/* NUL-free text of `size` bytes; the byte behind it may be read and written. */
typedef bw_reason bw_pgconvert(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                               bw_value *out);

/* How a value stands inside JSON (composites, arrays and columns sent as JSON). */
typedef enum bw_pgjson {
    BW_PGJSON_STRING,
    BW_PGJSON_NUMBER, /* a string where it is not finite, as to_json() has it */
    BW_PGJSON_BOOL,
    BW_PGJSON_RAW, /* json and jsonb */
    BW_PGJSON_HSTORE,
    BW_PGJSON_VECTOR, /* [1,2,3] */
    BW_PGJSON_ARRAY,
    BW_PGJSON_COMPOSITE,
} bw_pgjson;

typedef struct bw_pgmember {
    const char *name;
    const bw_pgtype *type;
} bw_pgmember;

struct bw_pgtype {
    bw_pgconvert *convert; /* NULL: the text is canonical as it is */
    bw_type type;          /* of the value, or of the elements when repeated */
    bool repeated;
    bool text_content; /* a text that may itself be JSON: "as: json" embeds it */
    bool unknown;      /* not in the table: sent as its text, with a warning */
    bool money;        /* read through ::numeric */
    int precision, scale;
    bw_pgjson json;
    char delimiter;            /* of the elements of an ARRAY */
    const bw_pgtype *element;  /* ARRAY */
    const bw_pgmember *fields; /* COMPOSITE */
    size_t n_fields;
};

/* What the catalog says of a type: a row of pg_type. */
typedef struct bw_pgtype_row {
    uint32_t oid, base, element, relation;
    int typmod; /* of a domain's base */
    char kind;  /* typtype */
    char delimiter;
    const char *name;
    const bw_pgmember *fields; /* of a composite: type is filled in by bw_pgtype_build */
    const uint32_t *field_oids;
    const int *field_typmods;
    size_t n_fields;
} bw_pgtype_row;

typedef struct bw_pgtype_rows {
    const bw_pgtype_row *rows;
    size_t count;
} bw_pgtype_rows;

/* The mapping of a column of that type, in the arena. */
const bw_pgtype *bw_pgtype_build(const bw_pgtype_rows *rows, uint32_t oid, int typmod,
                                 bw_arena *arena);
/* The same column sent as STRING (the text of the type's output function) or as JSON. */
const bw_pgtype *bw_pgtype_as(const bw_pgtype *type, bw_type as, bw_arena *arena);

/* BIGNUMERIC, NUMERIC or STRING by precision and scale of numeric(p,s); typmod -1: none given. */
bw_type bw_pgtype_numeric(int typmod, int *precision, int *scale);

/* ---- for bw_pgtype_build, and for tests ---- */

bw_pgconvert bw_pgconvert_bool, bw_pgconvert_numeric, bw_pgconvert_char, bw_pgconvert_bytea,
    bw_pgconvert_date, bw_pgconvert_time, bw_pgconvert_datetime, bw_pgconvert_timestamp,
    bw_pgconvert_jsonb, bw_pgconvert_json, bw_pgconvert_array, bw_pgconvert_vector;

/* Appends the value as JSON. The text may be written over. */
bw_reason bw_pgjson_add(bw_pgcontext *cx, const bw_pgtype *type, char *text, size_t size,
                        bw_buf *out);

#endif
