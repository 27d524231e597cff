/*
 * A batch whose rows are refused is loaded again in pieces small enough to keep until each is
 * resolved. A refused piece loses the rows that the service names, or, where it names none, is
 * halved until the row that is refused stands alone; that row becomes a dead letter with the
 * service's own words, everything else lands.
 */
#include <stdlib.h>

#include "backend/core/log.h"
#include "backend/engine/run_internal.h"

#define PIECE_BYTES ((size_t)4 << 20)
#define PIECE_ROWS  10000

typedef struct piece_row {
    size_t offset, size; /* of its line in bytes */
    bw_rejected_row row; /* as it would be rejected; its slices are in texts */
} piece_row;

typedef struct piece {
    bw_run_work *w;
    bw_batch_record *batch;
    bw_batch_rows *rows;
    bw_buf bytes;
    piece_row *lines;
    size_t n_lines, cap;
    bw_arena texts;
    int next_job;
} piece;

/* One load job with the lines [from, to): a copy of their bytes without the holes between them. */
static bw_status load_lines(piece *p, const size_t *lines, size_t n, bw_job_result *result,
                            bw_error *err)
{
    bw_run_work *w = p->w;
    bw_arena *a = &w->batch_arena;
    const char *store = bw_store_id(w->run->env.store);
    const char *step = bw_arena_printf(a, "p%d", p->next_job++);
    bw_job_id job = {
        .id = bw_batch_job_id(a, store, p->batch->sync, p->batch->number, p->batch->attempt, step)};
    job.labels = bw_batch_labels(a, store, p->batch->sync, p->batch->number, p->batch->attempt,
                                 step, &job.n_labels);
    bw_uploader_begin(w->uploader, &w->target, p->batch->staging, &job, BW_WRITE_APPEND);
    bw_buf *out = bw_uploader_buffer(w->uploader);
    if (out) {
        for (size_t i = 0; i < n; i++)
            bw_buf_add(out, p->bytes.ptr + p->lines[lines[i]].offset, p->lines[lines[i]].size);
        bw_uploader_send(w->uploader, out);
    }
    bw_status s = bw_uploader_end(w->uploader, result, err);
    atomic_store(&w->run->bytes_uploaded, bw_uploader_uploaded(w->uploader));
    if (s != BW_OK || result->rows < 0 || result->rows == (int64_t)n)
        return s;
    return bw_error_set(err, BW_INTERNAL, "%zu rows were sent to %s, but the load job %s says %lld",
                        n, p->batch->staging, job.id, (long long)result->rows);
}

static bw_status reject_line(piece *p, size_t line, const char *words, bw_error *err)
{
    bw_rejected_row row = p->lines[line].row;
    row.detail = bw_slice_cstr(words);
    p->rows->encoded--;
    p->rows->rejected++;
    return bw_batch_reject_row(p->w, p->batch->number, &row, err);
}

/* Of the n lines, those that begin at one of the offsets that the service named (counted over the
   lines as sent); moves them to the end and returns how many stay. */
static size_t split_named(const piece *p, size_t *lines, size_t n, const bw_job_result *result)
{
    size_t kept = 0, at = 0, *bad = bw_xcalloc(n, sizeof(*bad)), n_bad = 0;
    for (size_t i = 0; i < n; i++) {
        bool named = false;
        for (size_t k = 0; k < result->n_bad_offsets; k++)
            named |= result->bad_offsets[k] == (int64_t)at;
        at += p->lines[lines[i]].size;
        if (named)
            bad[n_bad++] = lines[i];
        else
            lines[kept++] = lines[i];
    }
    memcpy(lines + kept, bad, n_bad * sizeof(*bad));
    free(bad);
    return kept;
}

static bw_status resolve(piece *p, size_t *lines, size_t n, bw_error *err)
{
    while (n > 0) {
        bw_job_result result = {.rows = -1};
        bw_status s = load_lines(p, lines, n, &result, err);
        if (s != BW_REJECTED)
            return s;
        const char *words = result.bad_message[0] ? result.bad_message : err->message;
        if (n == 1)
            return reject_line(p, lines[0], words, err);
        size_t kept = split_named(p, lines, n, &result);
        if (kept == n) {
            s = resolve(p, lines, n / 2, err);
            lines += n / 2;
            n -= n / 2;
        } else if (n - kept == 1) {
            s = reject_line(p, lines[kept], words, err);
            n = kept;
        } else { /* each of several named rows says for itself what is wrong with it */
            for (size_t i = kept; s == BW_REJECTED && i < n; i++) {
                s = resolve(p, &lines[i], 1, err);
                s = s == BW_OK ? BW_REJECTED : s;
            }
            s = s == BW_REJECTED ? BW_OK : s;
            n = kept;
        }
        if (s == BW_OK)
            s = bw_batch_check_flood(p->w, p->batch->number, err);
        if (s != BW_OK)
            return s;
    }
    return BW_OK;
}

static bw_status flush(piece *p, bw_error *err)
{
    size_t *lines = bw_xcalloc(p->n_lines, sizeof(*lines));
    for (size_t i = 0; i < p->n_lines; i++)
        lines[i] = i;
    bw_status s = resolve(p, lines, p->n_lines, err);
    free(lines);
    bw_buf_clear(&p->bytes);
    p->n_lines = 0;
    bw_arena_reset(&p->texts, PIECE_BYTES);
    return s;
}

static bw_status take_line(void *user, bw_buf *line, const bw_value *row, const bw_row_event *event,
                           bw_error *err)
{
    piece *p = user;
    bw_run_work *w = p->w;
    BW_GROW(p->lines, p->n_lines + 1, p->cap);
    p->lines[p->n_lines++] = (piece_row){
        .offset = p->bytes.len,
        .size = line->len,
        .row = bw_row_rejection(&p->texts, &w->info, row, event),
    };
    bw_buf_add(&p->bytes, line->ptr, line->len);
    bw_buf_clear(line);
    if (p->bytes.len >= PIECE_BYTES || p->n_lines >= PIECE_ROWS)
        return flush(p, err);
    return BW_OK;
}

bw_status bw_batch_load_pieces(bw_run_work *w, const bw_encoder_class *class, bw_encoder *encoder,
                               bw_batch_record *batch, bw_batch_rows *rows, bw_error *err)
{
    piece p = {.w = w, .batch = batch, .rows = rows, .texts = BW_ARENA_INIT};
    bw_buf line = BW_BUF_INIT;
    bw_status s = BW_OK;
    bw_log(BW_LOG_INFO, batch->sync, "rows were refused: loading the batch again in pieces");
    for (bool end = false; s == BW_OK && !end;)
        s = bw_batch_read_chunk(w, class, encoder, batch->number, rows, &line, take_line, &p, &end,
                                err);
    if (s == BW_OK)
        s = flush(&p, err);
    bw_buf_fini(&line);
    bw_buf_fini(&p.bytes);
    bw_arena_fini(&p.texts);
    free(p.lines);
    return s;
}
