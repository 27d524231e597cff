/*
 * A value is a slice that holds the canonical text of its logical type, borrowed from the arena of
 * its chunk. Sources produce canonical text, encoders write it out; nothing is parsed twice.
 *
 * Canonical text, the same whatever the source:
 *
 *   BOOL        true | false
 *   INT64       decimal, no leading zeros or plus: -9223372036854775808 .. 9223372036854775807
 *   FLOAT64     a JSON number (shortest text that reads back equal), NaN, Infinity or -Infinity
 *   NUMERIC     decimal without exponent, without leading zeros and without trailing zeros after the
 *   BIGNUMERIC  point ("1.5", "-0.001", "0"); within the column's precision and scale
 *   STRING      UTF-8; U+0000 allowed
 *   BYTES       base64 (RFC 4648, section 4) with padding
 *   DATE        YYYY-MM-DD, years 0001 to 9999
 *   TIME        HH:MM:SS[.ffffff], 00:00:00 to 23:59:59.999999
 *   DATETIME    YYYY-MM-DD HH:MM:SS[.ffffff]
 *   TIMESTAMP   YYYY-MM-DD HH:MM:SS[.ffffff]+00, in UTC
 *   JSON        JSON text (RFC 8259) whose numbers are int64, uint64 or round-trip as double, nested
 *               no deeper than 500
 *   INTERVAL    Y-M D H:M:S[.ffffff] with signs as GoogleSQL prints it
 *   GEOGRAPHY   WKT
 *
 * Fractions of seconds carry no trailing zeros.
 */
#ifndef BW_MODEL_VALUE_H
#define BW_MODEL_VALUE_H

#include "backend/core/arena.h"
#include "backend/model/type.h"

typedef enum bw_value_state {
    BW_VALUE_NULL,
    BW_VALUE_TEXT,  /* text points to size bytes of canonical text */
    BW_VALUE_ARRAY, /* items points to size values, none of them NULL or ARRAY */
} bw_value_state;

typedef struct bw_value bw_value;
struct bw_value {
    union {
        const char *text;
        const bw_value *items;
    };
    uint32_t size;
    bw_value_state state;
};

#define BW_VALUE_NULL_INIT ((bw_value){.state = BW_VALUE_NULL})

static inline bw_value bw_value_text(const char *text, size_t size)
{
    return (bw_value){.text = text, .size = (uint32_t)size, .state = BW_VALUE_TEXT};
}

static inline bw_slice bw_value_slice(const bw_value *v)
{
    return v->state == BW_VALUE_TEXT ? (bw_slice){v->text, v->size} : (bw_slice){NULL, 0};
}

/* Why a row does not fit: the reason codes of dead letters. */
typedef enum bw_reason {
    BW_REASON_NONE,
    BW_REASON_NUMERIC_OVERFLOW,
    BW_REASON_NUMERIC_SCALE,
    BW_REASON_NOT_FINITE,
    BW_REASON_TS_INFINITY,
    BW_REASON_TS_RANGE,
    BW_REASON_DATE_BC,
    BW_REASON_TIME_24,
    BW_REASON_TIME_RANGE,
    BW_REASON_ZERO_DATE,
    BW_REASON_ARRAY_NULL,
    BW_REASON_ARRAY_DIMS,
    BW_REASON_ARRAY_LBOUND,
    BW_REASON_JSON_WIDE_NUMBER,
    BW_REASON_JSON_DEPTH,
    BW_REASON_JSON_DUPLICATE,
    BW_REASON_JSON_INVALID,
    BW_REASON_BAD_UTF8,
    BW_REASON_NUL_BYTE,
    BW_REASON_ROW_TOO_BIG,
    BW_REASON_GEO_INVALID,
    BW_REASON_UNKNOWN_TYPE,
    BW_REASON_BAD_VALUE, /* not the canonical text of its type: a source said the unexpected */
    BW_REASON_KEY_NULL,
    BW_REASON_KEY_DUPLICATE,
    BW_REASON_REQUIRED_NULL,
    BW_REASON_REJECTED, /* the destination refused the row, in its own words */
    BW_REASON_SCORE,    /* quarantined by a score rule */
    BW_REASON_BAD_MESSAGE,
    BW_REASON_PROCESSING,
    BW_REASON_CONFLICT,
    BW_REASON_UNDELIVERED, /* delivered too often without being acknowledged */
    BW_REASON_COUNT,
} bw_reason;

/* "NUMERIC_OVERFLOW", ... ; "" for NONE. */
const char *bw_reason_name(bw_reason reason);
bool bw_reason_parse(const char *name, bw_reason *reason);
/* What it means in a sentence fragment: "the number has more digits than the column holds". */
const char *bw_reason_text(bw_reason reason);

/*
 * Brings a decimal number (optional sign, digits, optional fraction, no exponent) into canonical
 * form and checks it against precision and scale; precision 0 means the type's own limits (NUMERIC
 * 29 integer digits and scale 9; BIGNUMERIC 38 and 38, the range that every value of fits). The
 * result is a slice of `text` where possible. NONE, NUMERIC_OVERFLOW, NUMERIC_SCALE, NOT_FINITE or
 * BAD_VALUE.
 */
bw_reason bw_value_decimal(bw_slice text, bw_type type, int precision, int scale, bw_slice *out);

/* Checks a JSON document and its numbers: NONE, JSON_INVALID, JSON_WIDE_NUMBER, JSON_DEPTH,
   BAD_UTF8. */
bw_reason bw_value_check_json(bw_slice text);
/* Whether no object in a valid document has two members of one name: BigQuery keeps only one. */
bool bw_value_json_is_unique(bw_slice text);

/* Validates canonical text of one element against a type (not for speed: tests, replay of edited
   content, the score command). */
bw_reason bw_value_check(bw_slice text, bw_type type, int precision, int scale);

/* Microseconds since the epoch of canonical TIMESTAMP, DATETIME (taken as UTC) or DATE text; INT64
   text is the integer itself. False when it is none of them. This is the order of a cursor and
   what _bw_version holds. */
bool bw_value_version(bw_slice text, bw_type type, int64_t *out);

/* base64 (RFC 4648) with padding. */
void bw_base64_encode(bw_buf *out, const void *bytes, size_t n);
bool bw_base64_decode(bw_buf *out, bw_slice text);

#endif
