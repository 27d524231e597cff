#include "backend/sources/pubsub_batch.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/sources/message.h"

#define KEPT ((size_t)16 << 20) /* bytes of arena from batch to batch */

void bw_ps_batch_fini(bw_ps_batch *b)
{
    bw_arena_fini(&b->arena);
    free(b->items);
    free(b->rows);
    *b = (bw_ps_batch)BW_PS_BATCH_INIT;
}

void bw_ps_batch_clear(bw_ps_batch *b)
{
    bw_arena_reset(&b->arena, KEPT);
    b->count = b->n_rows = b->at = 0;
    b->oldest_us = BW_TIME_NONE;
}

void bw_ps_batch_add(bw_ps_batch *b, const bw_pubsub_messages *messages)
{
    BW_GROW(b->items, b->count + messages->count, b->cap);
    for (size_t i = 0; i < messages->count; i++) {
        const bw_pubsub_message *m = &messages->items[i];
        b->items[b->count++] = *m;
        if (b->oldest_us == BW_TIME_NONE || m->publish_us < b->oldest_us)
            b->oldest_us = m->publish_us;
    }
}

size_t bw_ps_batch_bytes(const bw_ps_batch *b)
{
    return b->arena.used;
}

/* ---- order ------------------------------------------------------------------------------ */

typedef struct place {
    const bw_pubsub_message *message;
    size_t index;
} place;

static int compare(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int by_id(const void *a, const void *b)
{
    const place *x = a, *y = b;
    bw_slice p = x->message->message_id, q = y->message->message_id;
    int c = compare(p.len, q.len);
    if (c == 0)
        c = memcmp(p.ptr, q.ptr, p.len);
    return c ? c : compare(x->index, y->index);
}

static int by_time(const void *a, const void *b)
{
    const place *x = a, *y = b;
    int64_t p = x->message->publish_us, q = y->message->publish_us;
    return p != q ? (p < q ? -1 : 1) : compare(x->index, y->index);
}

static int by_arrival(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return compare(x->index, y->index);
}

void bw_ps_batch_seal(bw_ps_batch *b, bool ordered)
{
    place *places = bw_xcalloc(b->count + 1, sizeof(*places));
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        places[i] = (place){&b->items[i], i};
    qsort(places, b->count, sizeof(*places), by_id);
    for (size_t i = 0; i < b->count; i++) {
        bool again =
            n > 0 && bw_slice_eq(places[n - 1].message->message_id, places[i].message->message_id);
        if (!again)
            places[n++] = places[i];
    }
    qsort(places, n, sizeof(*places), ordered ? by_arrival : by_time);
    BW_GROW(b->rows, n, b->rows_cap);
    for (size_t i = 0; i < n; i++)
        b->rows[i] = places[i].index;
    b->n_rows = n;
    b->at = 0;
    free(places);
}

/* ---- rows ------------------------------------------------------------------------------- */

static bw_value text_of(bw_slice s)
{
    return bw_value_text(s.ptr ? s.ptr : "", s.len);
}

/* Canonical TIMESTAMP of an instant. */
static bw_value time_of(bw_arena *arena, int64_t us)
{
    char text[BW_TIME_TEXT];
    size_t n = strlen(bw_format_time(us, text));
    char *at = bw_arena_printf(arena, "%.*s+00", (int)n - 1, text);
    at[10] = ' ';
    return bw_value_text(at, n + 2);
}

static void set_values(const bw_pubsub_message *m, bw_arena *arena, bw_value *v)
{
    v[BW_MESSAGE_ID] = text_of(m->message_id);
    v[BW_MESSAGE_PUBLISH_TIME] = time_of(arena, m->publish_us);
    v[BW_MESSAGE_ORDERING_KEY] =
        m->ordering_key.len ? text_of(m->ordering_key) : BW_VALUE_NULL_INIT;
    v[BW_MESSAGE_DELIVERY_ATTEMPT] = BW_VALUE_NULL_INIT;
    if (m->delivery_attempt > 0) {
        char *text = bw_arena_printf(arena, "%d", m->delivery_attempt);
        v[BW_MESSAGE_DELIVERY_ATTEMPT] = bw_value_text(text, strlen(text));
    }
    v[BW_MESSAGE_ATTRIBUTES] = text_of(m->attributes.len ? m->attributes : BW_SLICE_LIT("{}"));
    v[BW_MESSAGE_DATA] = text_of(m->data_base64);
}

static bw_reason check_attributes(bw_slice attributes)
{
    if (!attributes.len)
        return BW_REASON_NONE;
    bw_reason reason = bw_value_check_json(attributes);
    if (reason == BW_REASON_NONE && !bw_value_json_is_unique(attributes))
        reason = BW_REASON_JSON_DUPLICATE;
    return reason;
}

static void reject(bw_chunk *chunk, const bw_value *values, bw_reason reason)
{
    static const size_t key[] = {BW_MESSAGE_ID};
    bw_slice texts[BW_MESSAGE_COLUMNS];
    for (size_t i = 0; i < BW_MESSAGE_COLUMNS; i++)
        texts[i] = bw_value_slice(&values[i]);
    bw_chunk_reject(
        chunk,
        (bw_rejected_row){.reason = reason,
                          .column = bw_message_schema.fields[BW_MESSAGE_ATTRIBUTES].source_name,
                          .key = bw_row_key_json(&chunk->arena, &bw_message_schema, key, 1, values),
                          .content = bw_row_source_json(&chunk->arena, &bw_message_schema, texts)});
}

bool bw_ps_batch_fill(bw_ps_batch *b, bw_chunk *chunk)
{
    size_t borrowed = 0;
    while (b->at < b->n_rows && !bw_chunk_full(chunk) && borrowed < BW_CHUNK_BYTES) {
        const bw_pubsub_message *m = &b->items[b->rows[b->at++]];
        bw_value *values = bw_chunk_row(chunk);
        size_t size = m->data_base64.len + m->attributes.len + m->message_id.len;
        set_values(m, &chunk->arena, values);
        bw_reason reason = check_attributes(m->attributes);
        if (reason == BW_REASON_NONE)
            chunk->rows++;
        else
            reject(chunk, values, reason);
        borrowed += size;
        chunk->source_bytes += size;
    }
    return b->at == b->n_rows;
}
