/* Answers to a pull against arbitrary bytes: refused, or every message has what a message must have,
   its data decodes, and its row is taken or rejected with a whole account of itself. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sources/message.h"
#include "backend/sources/pubsub_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const bw_pubsub_message *m, bw_arena *arena)
{
    bw_slice bytes = bw_pubsub_message_data(m, arena);
    if (!m->ack_id.len || !m->message_id.len || m->publish_us == BW_TIME_NONE ||
        m->delivery_attempt < 0 || !bw_utf8_valid(m->message_id) || !bw_utf8_valid(m->ordering_key))
        abort();
    bw_buf again = BW_BUF_INIT;
    bw_base64_encode(&again, bytes.ptr, bytes.len);
    if (!bw_slice_eq(bw_buf_slice(&again), m->data_base64))
        abort();
    bw_buf_fini(&again);
    if (m->attributes.len && !bw_json_valid(m->attributes, NULL, NULL))
        abort();
    (void)bw_pubsub_attribute(m->attributes, "a", arena);
}

static void check_chunk(const bw_chunk *chunk)
{
    for (size_t i = 0; i < chunk->rows; i++) {
        const bw_value *row = bw_chunk_at(chunk, i);
        for (size_t c = 0; c < BW_MESSAGE_COLUMNS; c++) {
            const bw_field *f = &bw_message_schema.fields[c];
            if (row[c].state == BW_VALUE_NULL
                    ? f->required
                    : bw_value_check(bw_value_slice(&row[c]), f->type, 0, 0) != BW_REASON_NONE)
                abort();
        }
    }
    for (size_t i = 0; i < chunk->n_rejected; i++) {
        const bw_rejected_row *r = &chunk->rejected[i];
        if (r->reason == BW_REASON_NONE || !bw_json_valid(r->content, NULL, NULL) ||
            !bw_json_valid(r->key, NULL, NULL))
            abort();
    }
}

static void check_rows(const bw_pubsub_messages *messages, bool ordered)
{
    bw_ps_batch batch = BW_PS_BATCH_INIT;
    bw_chunk chunk;
    size_t rows = 0;
    bw_chunk_init(&chunk);
    bw_ps_batch_add(&batch, messages);
    bw_ps_batch_add(&batch, messages);
    bw_ps_batch_seal(&batch, ordered);
    for (bool end = false; !end;) {
        bw_chunk_reset(&chunk, BW_MESSAGE_COLUMNS);
        end = bw_ps_batch_fill(&batch, &chunk);
        check_chunk(&chunk);
        rows += chunk.rows + chunk.n_rejected;
    }
    if (rows != batch.n_rows || rows > messages->count)
        abort();
    bw_chunk_fini(&chunk);
    bw_ps_batch_fini(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_pubsub_messages messages;
    bw_status s =
        bw_pubsub_pull_parse((bw_slice){(const char *)data, size}, &arena, &messages, &err);
    if ((s != BW_OK && messages.count) || (s != BW_OK && !err.message[0]))
        abort();
    for (size_t i = 0; i < messages.count; i++)
        check_message(&messages.items[i], &arena);
    if (s == BW_OK)
        check_rows(&messages, size % 2);
    bw_arena_fini(&arena);
    return 0;
}
