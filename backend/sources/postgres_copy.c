#include "backend/sources/postgres_copy.h"

#include <stdio.h>

#include "backend/core/text.h"

#define WORD         sizeof(uint64_t)
#define EVERY(byte)  ((uint64_t)(byte)*UINT64_C(0x0101010101010101))
#define LOW_BITS     EVERY(0x7f)
#define DETAIL_BYTES 200
/* Behind the row: the tab that ends the last column, and bytes that a word read there may touch. */
#define ROW_PADDING (1 + WORD)

bw_pgcopy bw_pgcopy_init(const bw_schema *schema, const bw_pgtype *const *types, const size_t *key,
                         size_t n_key)
{
    return (bw_pgcopy){.schema = schema, .types = types, .key = key, .n_key = n_key};
}

void bw_pgcopy_fini(bw_pgcopy *copy)
{
    bw_pgcontext_fini(&copy->cx);
}

/* ---- splitting ---- */

/* The bytes of a word that equal the repeated byte, as their high bits; exact for every byte. */
static inline uint64_t equal_bytes(uint64_t word, uint64_t repeated)
{
    uint64_t x = word ^ repeated;
    return ~(((x & LOW_BITS) + LOW_BITS) | x | LOW_BITS);
}

static inline size_t first_byte(uint64_t mask)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(mask) >> 3;
#else
    return (size_t)__builtin_clzll(mask) >> 3;
#endif
}

static inline uint64_t without_first(uint64_t mask)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return mask & (mask - 1);
#else
    return mask & ~(UINT64_C(0x8000000000000000) >> __builtin_clzll(mask));
#endif
}

static char unescaped(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return c;
    }
}

/* Removes the escapes of [at, end) in place; returns the new end. */
static char *unescape(char *at, char *end)
{
    char *to = at;
    while (at < end) {
        if (*at == '\\' && at + 1 < end) {
            *to++ = unescaped(at[1]);
            at += 2;
            continue;
        }
        char *next = memchr(at + 1, '\\', (size_t)(end - at - 1));
        size_t n = (size_t)((next ? next : end) - at);
        memmove(to, at, n);
        to += n;
        at += n;
    }
    return to;
}

/* A text that may be written over; ptr NULL: NULL. */
typedef struct span {
    char *ptr;
    size_t size;
} span;

/* The text of a column whose first backslash is at `slash` and whose end is `end`. An escape that
   begins the text (bytea's \\x) only moves its start. */
static span escaped_text(char *start, char *slash, char *end)
{
    if (slash == start && end - start >= 2) {
        if (end - start == 2 && start[1] == 'N')
            return (span){NULL, 0};
        start[1] = unescaped(start[1]);
        start++;
        slash = memchr(start + 1, '\\', (size_t)(end - start - 1));
        if (!slash)
            return (span){start, (size_t)(end - start)};
    }
    end = unescape(slash, end);
    return (span){start, (size_t)(end - start)};
}

/* What is done with each column: reading stops at a reason. */
typedef struct splitter {
    bw_pgcopy *copy;
    bw_value *values; /* converting */
    bw_slice *texts;  /* or only collecting */
    size_t column;
    bw_reason reason;
} splitter;

static bw_reason null_reason(const bw_pgcopy *copy, size_t column)
{
    const bw_field *f = &copy->schema->fields[column];
    if (f->key_part)
        return BW_REASON_KEY_NULL;
    return f->required ? BW_REASON_REQUIRED_NULL : BW_REASON_NONE;
}

static inline bw_reason take_text(splitter *s, char *text, size_t size)
{
    size_t i = s->column++;
    if (s->texts) {
        s->texts[i] = (bw_slice){text, size};
        return BW_REASON_NONE;
    }
    const bw_pgtype *type = s->copy->types[i];
    if (!type->convert) {
        s->values[i] = bw_value_text(text, size);
        return BW_REASON_NONE;
    }
    return type->convert(&s->copy->cx, type, text, size, &s->values[i]);
}

static bw_reason take_null(splitter *s)
{
    size_t i = s->column++;
    if (s->texts) {
        s->texts[i] = (bw_slice){NULL, 0};
        return BW_REASON_NONE;
    }
    s->values[i] = BW_VALUE_NULL_INIT;
    return null_reason(s->copy, i);
}

/* Splits the row (size bytes, then ROW_PADDING of ours). False when there are more or fewer columns
   than the schema has; s->column - 1 is the column of s->reason. */
static bool split(splitter *s, char *row, size_t size)
{
    const size_t columns = s->copy->schema->count;
    char *const end = row + size; /* where the closing tab stands */
    char *start = row, *p = row;
    while (p <= end) {
        uint64_t word;
        memcpy(&word, p, WORD);
        uint64_t mask = equal_bytes(word, EVERY('\t')) | equal_bytes(word, EVERY('\\'));
        char *next = p + WORD;
        for (; mask; mask = without_first(mask)) {
            char *at = p + first_byte(mask);
            bool escaped = *at == '\\';
            if (s->column == columns || at > end)
                return at > end && s->column == columns;
            span text = {start, (size_t)(at - start)};
            if (escaped) {
                /* A tab inside a text is written \t, so the next one ends the column. */
                char *stop = memchr(at, '\t', (size_t)(end - at) + 1);
                text = escaped_text(start, at, stop);
                at = stop;
            }
            start = at + 1;
            s->reason = text.ptr ? take_text(s, text.ptr, text.size) : take_null(s);
            if (s->reason != BW_REASON_NONE)
                return true;
            if (at == end)
                return s->column == columns;
            if (escaped) {
                next = start;
                break;
            }
        }
        p = next;
    }
    return false;
}

/* ---- rejecting ---- */

static bw_slice detail_of(bw_pgcopy *copy, bw_arena *arena, bw_slice text)
{
    if (copy->cx.detail[0])
        text = bw_slice_cstr(copy->cx.detail);
    size_t n = text.len > DETAIL_BYTES ? DETAIL_BYTES : text.len;
    /* Cut on a character's boundary; what is not UTF-8 at all is shown by the content. */
    while (n > 0 && n < text.len && ((unsigned char)text.ptr[n] & 0xc0) == 0x80)
        n--;
    text.len = n;
    return text.ptr && bw_utf8_valid(text) ? bw_arena_slice(arena, text) : (bw_slice){NULL, 0};
}

/* The key as it would be in a row that fits; a key column that does not fit itself, or that cannot
   be read, stands as the source's text. */
static bw_slice rejected_key(bw_pgcopy *copy, bw_arena *arena, const bw_slice *texts)
{
    const bw_schema *schema = copy->schema;
    bw_field *fields = BW_ARENA_ARRAY(arena, bw_field, schema->count);
    bw_value *values = BW_ARENA_ARRAY(arena, bw_value, schema->count);
    memcpy(fields, schema->fields, schema->count * sizeof *fields);
    for (size_t k = 0; k < copy->n_key; k++) {
        size_t i = copy->key[k];
        const bw_pgtype *type = copy->types[i];
        values[i] = BW_VALUE_NULL_INIT;
        if (!texts[i].ptr)
            continue;
        bw_slice own = bw_arena_slice(arena, texts[i]);
        values[i] = bw_value_text(own.ptr, own.len);
        bw_slice scratch = bw_arena_slice(arena, texts[i]);
        bw_value converted;
        if (!type->convert)
            continue;
        if (type->convert(&copy->cx, type, (char *)(uintptr_t)scratch.ptr, scratch.len,
                          &converted) == BW_REASON_NONE)
            values[i] = converted;
        else
            fields[i].type = BW_TYPE_STRING;
    }
    bw_schema with_texts = {fields, schema->count};
    return bw_row_key_json(arena, &with_texts, copy->key, copy->n_key, values);
}

/* Splits the row once more, this time only for its texts, because converting works in place. */
static bw_status reject(bw_pgcopy *copy, const char *row, size_t size, bw_chunk *chunk,
                        size_t column, bw_reason reason, bw_error *err)
{
    bw_arena *arena = &chunk->arena;
    char *again = bw_arena_bytes(arena, size + ROW_PADDING);
    memcpy(again, row, size);
    memset(again + size, '\t', ROW_PADDING);
    splitter s = {.copy = copy, .texts = BW_ARENA_ARRAY(arena, bw_slice, copy->schema->count)};
    if (!split(&s, again, size))
        return bw_error_set(err, BW_CORRUPT, "a row of COPY does not have %zu columns",
                            copy->schema->count);
    bw_rejected_row rejected = {.reason = reason,
                                .column = copy->schema->fields[column].source_name,
                                .detail = detail_of(copy, arena, s.texts[column]),
                                .content = bw_row_source_json(arena, copy->schema, s.texts)};
    rejected.key = rejected_key(copy, arena, s.texts);
    bw_chunk_reject(chunk, rejected);
    return BW_OK;
}

/* The first column that is not UTF-8. */
static size_t bad_column(const char *row, size_t size)
{
    size_t good = bw_utf8_valid_prefix((bw_slice){row, size});
    size_t column = 0;
    for (size_t i = 0; i < good; i++)
        column += row[i] == '\t';
    return column;
}

bw_status bw_pgcopy_row(bw_pgcopy *copy, const char *row, size_t size, bw_chunk *chunk,
                        bw_error *err)
{
    copy->cx.arena = &chunk->arena;
    copy->cx.detail[0] = '\0';
    chunk->source_bytes += size + 1;
    if (!bw_utf8_valid((bw_slice){row, size}))
        return reject(copy, row, size, chunk, bad_column(row, size), BW_REASON_BAD_UTF8, err);
    char *own = bw_arena_bytes(&chunk->arena, size + ROW_PADDING);
    memcpy(own, row, size);
    memset(own + size, '\t', ROW_PADDING);
    splitter s = {.copy = copy, .values = bw_chunk_row(chunk)};
    if (!split(&s, own, size))
        return bw_error_set(err, BW_CORRUPT, "a row of COPY has %zu columns or more, not %zu",
                            s.column, copy->schema->count);
    if (s.reason != BW_REASON_NONE)
        return reject(copy, row, size, chunk, s.column - 1, s.reason, err);
    chunk->rows++;
    return BW_OK;
}
