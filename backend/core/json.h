/*
 * One scanner for JSON that comes from outside as data (RFC 8259): it validates and slices and never
 * converts, so 12345678901234567890, 1e400, duplicate members and member order stay what they
 * were. It allocates nothing; the input outlives the slices. Threads: any.
 *
 *     bw_json_scan s = bw_json_scan_init(text);
 *     bw_json_token t;
 *     while (bw_json_next(&s, &t) && t.type != BW_JSON_END) ...
 */
#ifndef BW_CORE_JSON_H
#define BW_CORE_JSON_H

#include "backend/core/buf.h"

/* Of containers within containers. A value of BigQuery's JSON may have 500 (value.h) and stands inside
   rows and arrays. */
#define BW_JSON_MAX_DEPTH 512

typedef enum bw_json_type {
    BW_JSON_END, /* the whole document has been read and nothing but white space followed */
    BW_JSON_OBJECT,
    BW_JSON_OBJECT_END,
    BW_JSON_ARRAY,
    BW_JSON_ARRAY_END,
    BW_JSON_KEY,    /* a member's name; its value is the next token */
    BW_JSON_STRING, /* raw: with its quotes and escapes */
    BW_JSON_NUMBER,
    BW_JSON_TRUE,
    BW_JSON_FALSE,
    BW_JSON_NULL,
} bw_json_type;

typedef struct bw_json_token {
    bw_json_type type;
    bw_slice raw; /* STRING and KEY with their quotes */
    bool escaped; /* STRING and KEY: holds a backslash, so that raw is not the content */
    int depth;    /* of the enclosing containers: 0 at the top */
} bw_json_token;

typedef struct bw_json_scan {
    bw_slice text;
    size_t at;
    int depth;
    unsigned char state;
    const char *error;                               /* NULL, or why the text is not JSON */
    uint64_t objects[(BW_JSON_MAX_DEPTH + 63) / 64]; /* bit per level: object or array */
} bw_json_scan;

bw_json_scan bw_json_scan_init(bw_slice text);
/* False on an error: scan->error says what, scan->at where. */
bool bw_json_next(bw_json_scan *s, bw_json_token *t);
/* After a KEY or at the beginning of a value: skips the whole next value and gives its raw text. */
bool bw_json_skip(bw_json_scan *s, bw_slice *raw);
/* Within an object whose OBJECT token has been read: the next member's name and the raw text of its
   value. False at the object's end, and on an error. */
bool bw_json_next_member(bw_json_scan *s, bw_json_token *key, bw_slice *value);
/* Within an array whose ARRAY token has been read: the raw text of its next element. False at the
   array's end, and on an error. */
bool bw_json_next_element(bw_json_scan *s, bw_slice *value);

/* Validates a whole document (UTF-8 included). On failure *error names why and *at is the byte. */
bool bw_json_valid(bw_slice text, const char **error, size_t *at);
/* The content of a STRING or KEY token: escapes resolved, appended as UTF-8. False for a lone
   surrogate. */
bool bw_json_unescape(bw_slice raw, bw_buf *out);
/* Raw text of the value at a top-level member of an object (the last of duplicates); {NULL,0} when
   there is none. */
bw_slice bw_json_member(bw_slice object, const char *name);
/* The same for several members in one pass: out[i] is that of names[i]. */
void bw_json_members(bw_slice object, const char *const *names, size_t n, bw_slice *out);
/* That member as a C string (free()), NULL when absent, null or not a string. */
char *bw_json_member_string(bw_slice object, const char *name);
/* That member as an integer, whether written as a number or a string of digits. */
bool bw_json_member_int(bw_slice object, const char *name, int64_t *out);

#endif
