#include "backend/model/chunk.h"

#include <stdlib.h>

#include "backend/core/text.h"

void bw_chunk_init(bw_chunk *chunk)
{
    *chunk = (bw_chunk){.arena = BW_ARENA_INIT};
}

void bw_chunk_fini(bw_chunk *chunk)
{
    bw_arena_fini(&chunk->arena);
    free(chunk->values);
    free(chunk->events);
    free(chunk->rejected);
    *chunk = (bw_chunk){.arena = BW_ARENA_INIT};
}

void bw_chunk_reset(bw_chunk *chunk, size_t columns)
{
    bw_arena_reset(&chunk->arena, BW_CHUNK_BYTES);
    chunk->columns = columns;
    chunk->rows = 0;
    chunk->n_rejected = 0;
    chunk->has_events = false;
    chunk->source_bytes = 0;
}

bw_value *bw_chunk_row(bw_chunk *chunk)
{
    BW_GROW(chunk->values, (chunk->rows + 1) * chunk->columns, chunk->values_cap);
    return chunk->values + chunk->rows * chunk->columns;
}

bw_row_event *bw_chunk_event(bw_chunk *chunk)
{
    BW_GROW(chunk->events, chunk->rows + 1, chunk->events_cap);
    chunk->has_events = true;
    return &chunk->events[chunk->rows];
}

bool bw_chunk_full(const bw_chunk *chunk)
{
    /* The slices count too: a table of empty strings must not grow a chunk without end. */
    return chunk->arena.used + chunk->rows * chunk->columns * sizeof(bw_value) >= BW_CHUNK_BYTES;
}

void bw_chunk_reject(bw_chunk *chunk, bw_rejected_row row)
{
    BW_GROW(chunk->rejected, chunk->n_rejected + 1, chunk->rejected_cap);
    chunk->rejected[chunk->n_rejected++] = row;
}

static void add_doubling_backslashes(bw_buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\\')
            bw_buf_addc(out, '\\');
        bw_buf_addc(out, text[i]);
    }
}

/* Appends a JSON string; in a text that is not UTF-8 the odd bytes become \xHH, and backslashes
   double, so that nobody takes the one for the other. */
static void add_text(bw_buf *out, bw_slice s)
{
    if (bw_utf8_valid(s)) {
        bw_json_add_string(out, s);
        return;
    }
    bw_buf shown = BW_BUF_INIT;
    while (s.len > 0) {
        size_t good = bw_utf8_valid_prefix(s);
        add_doubling_backslashes(&shown, s.ptr, good);
        if (good < s.len)
            bw_buf_addf(&shown, "\\x%02X", (unsigned char)s.ptr[good++]);
        s.ptr += good;
        s.len -= good;
    }
    bw_json_add_string(out, bw_buf_slice(&shown));
    bw_buf_fini(&shown);
}

bw_slice bw_row_source_json(bw_arena *arena, const bw_schema *schema, const bw_slice *texts)
{
    bw_buf b = BW_BUF_INIT;
    bw_buf_addc(&b, '{');
    for (size_t i = 0; i < schema->count; i++) {
        if (i)
            bw_buf_addc(&b, ',');
        add_text(&b, bw_slice_cstr(schema->fields[i].source_name));
        bw_buf_addc(&b, ':');
        if (texts[i].ptr)
            add_text(&b, texts[i]);
        else
            bw_buf_adds(&b, "null");
    }
    bw_buf_addc(&b, '}');
    bw_slice out = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return out;
}

static bool bare(const bw_field *f)
{
    return f->type == BW_TYPE_INT64 || f->type == BW_TYPE_BOOL || f->type == BW_TYPE_NUMERIC ||
           f->type == BW_TYPE_BIGNUMERIC;
}

bw_slice bw_row_key_json(bw_arena *arena, const bw_schema *schema, const size_t *key, size_t n_key,
                         const bw_value *row)
{
    bw_buf b = BW_BUF_INIT;
    bw_buf_addc(&b, '{');
    for (size_t i = 0; i < n_key; i++) {
        const bw_field *f = &schema->fields[key[i]];
        bw_slice text = bw_value_slice(&row[key[i]]);
        if (i)
            bw_buf_addc(&b, ',');
        add_text(&b, bw_slice_cstr(f->source_name));
        bw_buf_addc(&b, ':');
        if (!text.ptr)
            bw_buf_adds(&b, "null");
        else if (bare(f))
            bw_buf_add(&b, text.ptr, text.len);
        else
            add_text(&b, text);
    }
    bw_buf_addc(&b, '}');
    bw_slice out = bw_arena_slice(arena, bw_buf_slice(&b));
    bw_buf_fini(&b);
    return out;
}
