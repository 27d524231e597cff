/* Rows on their way from a chunk to the encoder: counted, scored, encoded, or dead-lettered. */
#include <math.h>
#include <stdlib.h>

#include <xxhash.h>

#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/engine/run_internal.h"
#include "backend/engine/scorer.h"

/* One open letter per key: the row is read again and again until it fits. Without a key, or with a
   NULL in it, the content is the identity, and an ordinal tells identical rows apart. */
static const char *letter_id(bw_run_work *w, bw_arena *arena, const bw_rejected_row *r)
{
    bool keyed = r->key.len > 0 && r->reason != BW_REASON_KEY_NULL;
    bw_slice id = keyed ? r->key : r->content;
    XXH128_hash_t h = XXH3_128bits(id.ptr, id.len);
    uint64_t ordinal = keyed ? 1 : bw_occurrences_add(&w->rejected, h.high64, h.low64);
    const char *text = bw_arena_printf(arena, "row-%016llx%016llx", (unsigned long long)h.high64,
                                       (unsigned long long)h.low64);
    return ordinal == 1 ? text
                        : bw_arena_printf(arena, "%s-%llu", text, (unsigned long long)ordinal);
}

static bw_status stage(bw_run_work *w, int64_t batch, const bw_rejected_row *rows, size_t n,
                       bw_error *err)
{
    if (n == 0)
        return BW_OK;
    bw_arena arena = BW_ARENA_INIT;
    bw_dead_letter *letters = BW_ARENA_ARRAY(&arena, bw_dead_letter, n);
    int64_t now = bw_wall_us(w->run->env.clock);
    for (size_t i = 0; i < n; i++) {
        const bw_rejected_row *r = &rows[i];
        letters[i] = (bw_dead_letter){
            .sync = w->run->def->name,
            .key = r->key.len ? bw_arena_strndup(&arena, r->key.ptr, r->key.len) : NULL,
            .event_id = r->event_id.len ? bw_arena_strndup(&arena, r->event_id.ptr, r->event_id.len)
                                        : letter_id(w, &arena, r),
            .reason = r->reason,
            .column = r->column ? r->column : "",
            .detail = bw_arena_strndup(&arena, r->detail.ptr, r->detail.len),
            .content = r->content,
            .attributes = r->attributes.len
                              ? bw_arena_strndup(&arena, r->attributes.ptr, r->attributes.len)
                              : NULL,
            .content_hash = r->content_hash,
            .attempts = 1,
            .first_seen_us = now,
            .last_seen_us = now,
            .state = BW_LETTER_STAGED,
            .batch = batch,
        };
    }
    bw_status s =
        bw_store_letters_stage(w->run->env.store, w->run->def->name, batch, letters, n, err);
    atomic_fetch_add(&w->run->dead_letters, (int64_t)n);
    bw_arena_fini(&arena);
    return s;
}

bw_status bw_batch_reject_row(bw_run_work *w, int64_t batch, const bw_rejected_row *row,
                              bw_error *err)
{
    return stage(w, batch, row, 1, err);
}

bw_status bw_batch_check_flood(bw_run_work *w, int64_t batch, bw_error *err)
{
    int64_t fresh, limit = w->run->def->max_dead_letters;
    if (limit < 0)
        return BW_OK;
    bw_status s =
        bw_store_letters_staged_new(w->run->env.store, w->run->def->name, batch, &fresh, err);
    if (s != BW_OK || w->new_letters + fresh <= limit)
        return s;
    bw_error_set(err, BW_REJECTED,
                 "more than %lld new rows do not fit the destination (%lld so far)",
                 (long long)limit, (long long)(w->new_letters + fresh));
    return bw_error_hint(err, "Look at them with dlq list; then mend the rows, choose `as: string` "
                              "for the column, or raise max_dead_letters.");
}

bw_slice bw_row_values_json(bw_arena *arena, const bw_schema *schema, const bw_value *row)
{
    bw_slice *texts = BW_ARENA_ARRAY(arena, bw_slice, schema->count);
    for (size_t i = 0; i < schema->count; i++) {
        if (row[i].state != BW_VALUE_ARRAY) {
            texts[i] = bw_value_slice(&row[i]);
            continue;
        }
        bw_buf b = BW_BUF_INIT;
        bw_buf_addc(&b, '[');
        for (uint32_t k = 0; k < row[i].size; k++) {
            if (k)
                bw_buf_addc(&b, ',');
            bw_json_add_string(&b, bw_value_slice(&row[i].items[k]));
        }
        bw_buf_addc(&b, ']');
        texts[i] = bw_arena_slice(arena, bw_buf_slice(&b));
        bw_buf_fini(&b);
    }
    return bw_row_source_json(arena, schema, texts);
}

bw_rejected_row bw_row_rejection(bw_arena *arena, const bw_table_info *info, const bw_value *row,
                                 const bw_row_event *event)
{
    bw_rejected_row r = {.reason = BW_REASON_REJECTED, .column = ""};
    if (info->n_key)
        r.key = bw_row_key_json(arena, &info->schema, info->key, info->n_key, row);
    if (event) {
        r.event_id = bw_arena_slice(arena, event->letter_id);
        r.attributes = bw_arena_slice(arena, event->attributes);
        r.content = bw_arena_slice(arena, event->payload);
        if (event->content_hash)
            r.content_hash = bw_arena_strdup(arena, event->content_hash);
    } else {
        r.content = bw_row_values_json(arena, &info->schema, row);
    }
    return r;
}

static void reject_values(bw_run_work *w, const bw_value *row, const bw_row_event *event,
                          bw_reason reason, int column)
{
    bw_rejected_row r = bw_row_rejection(&w->chunk.arena, &w->info, row, event);
    r.reason = reason;
    if (column >= 0)
        r.column = w->info.schema.fields[column].source_name;
    bw_chunk_reject(&w->chunk, r);
}

static int compare_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *message_key(bw_arena *arena, const bw_row_event *event)
{
    char hash[BW_LETTER_HASH];
    if (event->content_hash)
        return bw_store_letter_key(arena, event->letter_id, event->content_hash);
    bw_store_letter_hash(event->payload, hash);
    return bw_store_letter_key(arena, event->letter_id, hash);
}

/* Notes that a key, or a message, with an open dead letter has landed. */
static void note_landed(bw_run_work *w, const bw_value *row, const bw_row_event *event)
{
    bw_arena *a = &w->chunk.arena;
    if (w->n_letter_keys == 0 || (w->info.n_key == 0 && !event))
        return;
    const char *text =
        event ? message_key(a, event)
              : bw_row_key_json(a, &w->info.schema, w->info.key, w->info.n_key, row).ptr;
    const char *const *hit =
        bsearch(&text, w->letter_keys, w->n_letter_keys, sizeof(*w->letter_keys), compare_key);
    if (hit)
        w->letter_landed[hit - w->letter_keys] = true;
}

static void note_version(const bw_run_work *w, const bw_value *row, const bw_row_event *event,
                         bw_batch_rows *rows)
{
    int cursor = w->info.cursor;
    int64_t v;
    if (event)
        v = event->time_us;
    else if (cursor < 0 || !bw_value_version(bw_value_slice(&row[cursor]),
                                             w->info.schema.fields[cursor].type, &v))
        return;
    if (!rows->any_version || v < rows->version_min)
        rows->version_min = v;
    if (!rows->any_version || v > rows->version_max)
        rows->version_max = v;
    rows->any_version = true;
}

bw_status bw_batch_read_chunk(bw_run_work *w, const bw_encoder_class *class, bw_encoder *encoder,
                              int64_t batch, bw_batch_rows *rows, bw_buf *out, bw_row_sink *sink,
                              void *user, bool *end, bw_error *err)
{
    bw_chunk *chunk = &w->chunk;
    bool wants_versions = w->target_spec.raw || w->mode == BW_MODE_APPEND;
    bw_status s = BW_OK;
    if (w->prefetched) {
        *end = w->prefetched_end;
        w->prefetched = false;
    } else {
        bw_chunk_reset(chunk, w->info.schema.count);
        s = w->class->reader_fetch(w->reader, chunk, end, err);
    }
    if (s != BW_OK) {
        w->source_failed = true;
        return s;
    }
    int64_t read = (int64_t)(chunk->rows + chunk->n_rejected);
    for (size_t i = 0; i < chunk->rows; i++) {
        const bw_value *row = bw_chunk_at(chunk, i);
        const bw_row_event *event = bw_chunk_event_at(chunk, i);
        bw_row_extra extra = {.score = bw_scorer_row(w->scorer, row),
                              .deleted = event && event->deleted,
                              .event = event};
        int column;
        bw_reason reason = class->row(encoder, row, &extra, out, &column);
        if (reason != BW_REASON_NONE) {
            reject_values(w, row, event, reason, column);
            continue;
        }
        rows->encoded++;
        note_landed(w, row, event);
        if (wants_versions)
            note_version(w, row, event, rows);
        if (sink && (s = sink(user, out, row, event, err)) != BW_OK)
            return s;
    }
    rows->read += read;
    rows->rejected += (int64_t)chunk->n_rejected;
    atomic_fetch_add(&w->run->rows_read, read);
    s = stage(w, batch, chunk->rejected, chunk->n_rejected, err);
    if (s == BW_OK && chunk->n_rejected > 0)
        s = bw_batch_check_flood(w, batch, err);
    return s;
}
