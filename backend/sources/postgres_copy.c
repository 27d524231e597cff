#include "backend/sources/postgres_copy.h"

#include <stdio.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "backend/core/text.h"

/* Bytes that are looked at together. */
#define BLOCK        64
#define DETAIL_BYTES 200
/* Behind the row: the tab that ends the last column, and what a block that begins there may touch. */
#define ROW_PADDING (1 + BLOCK)

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

/* Which of the 64 bytes at p are tabs or backslashes: bit i for byte i. */
#if defined(__SSE2__)
static inline uint64_t find_marks(const char *p)
{
    const __m128i tab = _mm_set1_epi8('\t'), slash = _mm_set1_epi8('\\');
    uint64_t marks = 0;
    for (int i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(v, tab), _mm_cmpeq_epi8(v, slash));
        marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(found) << i;
    }
    return marks;
}
#else
#define EVERY(byte) ((uint64_t)(byte)*UINT64_C(0x0101010101010101))
#define LOW_BITS    EVERY(0x7f)

/* The bytes of a word that equal the repeated byte, as their high bits; exact for every byte. */
static inline uint64_t equal_bytes(uint64_t word, uint64_t repeated)
{
    uint64_t x = word ^ repeated;
    return ~(((x & LOW_BITS) + LOW_BITS) | x | LOW_BITS);
}

static inline uint64_t find_marks(const char *p)
{
    uint64_t marks = 0;
    for (int i = 0; i < BLOCK; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        uint64_t found = equal_bytes(word, EVERY('\t')) | equal_bytes(word, EVERY('\\'));
        /* Brings the high bits of the eight bytes together. */
        marks |= (((found >> 7) * UINT64_C(0x0102040810204080)) >> 56) << i;
    }
    return marks;
}
#endif

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

/* A text that may be written over. */
typedef struct span {
    char *ptr;
    size_t size;
} span;

/* The text of a column whose first backslash is at `slash` and whose end is `end`. An escape that
   begins the text (bytea's \\x) only moves its start. */
static span escaped_text(char *start, char *slash, char *end)
{
    if (slash == start && end - start >= 2) {
        start[1] = unescaped(start[1]);
        start++;
        slash = memchr(start + 1, '\\', (size_t)(end - start - 1));
        if (!slash)
            return (span){start, (size_t)(end - start)};
    }
    end = unescape(slash, end);
    return (span){start, (size_t)(end - start)};
}

/* A NULL stands as \\N; `slash` begins the column. */
static inline bool is_null(const char *slash)
{
    return slash[1] == 'N' && slash[2] == '\t';
}

static bw_reason null_reason(const bw_field *f)
{
    if (f->key_part)
        return BW_REASON_KEY_NULL;
    return f->required ? BW_REASON_REQUIRED_NULL : BW_REASON_NONE;
}

static inline bw_reason take(bw_pgcopy *copy, size_t column, char *text, size_t size, bw_value *out)
{
    const bw_pgtype *type = copy->types[column];
    if (type->convert)
        return type->convert(&copy->cx, type, text, size, out);
    *out = bw_value_text(text, size);
    return BW_REASON_NONE;
}

/*
 * Splits and converts a row (size bytes, then ROW_PADDING of ours: a tab, which ends the last
 * column, and zeros). False when there are more or fewer columns than the schema has. With a reason
 * reading stops, and *column is where.
 */
static bool convert_row(bw_pgcopy *copy, char *row, size_t size, bw_value *values, size_t *column,
                        bw_reason *reason)
{
    const size_t columns = copy->schema->count;
    char *const end = row + size;
    char *start = row, *next;
    size_t n = 0;
    bw_reason r = BW_REASON_NONE;
    for (char *p = row; p <= end; p = next) {
        uint64_t marks = find_marks(p);
        next = p + BLOCK;
        for (; marks; marks &= marks - 1, n++) {
            char *at = p + __builtin_ctzll(marks);
            if (n == columns)
                return false;
            if (*at == '\t') {
                r = take(copy, n, start, (size_t)(at - start), &values[n]);
            } else if (at == start && is_null(at)) {
                values[n] = BW_VALUE_NULL_INIT;
                r = null_reason(&copy->schema->fields[n]);
                at += 2;
                /* The tab is the next mark, if it is in this block at all. */
                marks &= marks - 1;
            } else {
                /* A tab inside a text is written \t, so the next one ends the column. */
                char *stop = memchr(at, '\t', (size_t)(end - at) + 1);
                span text = escaped_text(start, at, stop);
                r = take(copy, n, text.ptr, text.size, &values[n]);
                at = stop;
                marks = 0;
            }
            start = at + 1;
            if (r != BW_REASON_NONE) {
                *column = n;
                *reason = r;
                return true;
            }
            if (marks == 0) {
                next = start;
                n++;
                break;
            }
        }
    }
    return n == columns;
}

/* The row in the arena, ready to be split. */
static char *own_copy(bw_arena *arena, const char *row, size_t size)
{
    char *own = bw_arena_bytes(arena, size + ROW_PADDING);
    memcpy(own, row, size);
    own[size] = '\t';
    memset(own + size + 1, 0, ROW_PADDING - 1);
    return own;
}

static bw_status wrong_columns(const bw_pgcopy *copy, bw_error *err)
{
    return bw_error_set(err, BW_CORRUPT, "a row of COPY does not have %zu columns",
                        copy->schema->count);
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

/* The texts of a row, which are written over; NULL has no pointer. */
static bool collect_texts(const bw_pgcopy *copy, char *row, size_t size, bw_slice *texts)
{
    char *const end = row + size;
    size_t n = 0;
    for (char *start = row; start <= end; n++) {
        char *stop = memchr(start, '\t', (size_t)(end - start) + 1);
        char *slash = memchr(start, '\\', (size_t)(stop - start));
        if (n == copy->schema->count)
            return false;
        span text = {start, (size_t)(stop - start)};
        if (slash == start && is_null(start))
            text = (span){NULL, 0};
        else if (slash)
            text = escaped_text(start, slash, stop);
        texts[n] = (bw_slice){text.ptr, text.size};
        start = stop + 1;
    }
    return n == copy->schema->count;
}

/* Splits the row once more, this time only for its texts, because converting works in place. */
static bw_status reject(bw_pgcopy *copy, const char *row, size_t size, bw_chunk *chunk,
                        size_t column, bw_reason reason, bw_error *err)
{
    bw_arena *arena = &chunk->arena;
    bw_slice *texts = BW_ARENA_ARRAY(arena, bw_slice, copy->schema->count);
    if (!collect_texts(copy, own_copy(arena, row, size), size, texts))
        return wrong_columns(copy, err);
    bw_rejected_row rejected = {.reason = reason,
                                .column = copy->schema->fields[column].source_name,
                                .detail = detail_of(copy, arena, texts[column]),
                                .content = bw_row_source_json(arena, copy->schema, texts)};
    if (copy->n_key > 0)
        rejected.key = rejected_key(copy, arena, texts);
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
    size_t column = 0;
    bw_reason reason = BW_REASON_NONE;
    copy->cx.arena = &chunk->arena;
    copy->cx.detail[0] = '\0';
    chunk->source_bytes += size + 1;
    if (!bw_utf8_valid((bw_slice){row, size}))
        return reject(copy, row, size, chunk, bad_column(row, size), BW_REASON_BAD_UTF8, err);
    char *own = own_copy(&chunk->arena, row, size);
    if (!convert_row(copy, own, size, bw_chunk_row(chunk), &column, &reason))
        return wrong_columns(copy, err);
    if (reason != BW_REASON_NONE)
        return reject(copy, row, size, chunk, column, reason, err);
    chunk->rows++;
    return BW_OK;
}
