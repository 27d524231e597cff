/*
 * The bytes of one session: chunks arrive, are judged at their end, and are kept or taken back. A
 * chunk is judged as a whole, but what a broken connection has brought is kept in whole units, as
 * the service does.
 */
#include "backend/sandbox/session.h"

const char *bw_sb_session_project(const bw_sb_session *s)
{
    return s->project;
}

bw_slice bw_sb_session_job(const bw_sb_session *s)
{
    return s->job;
}

uint64_t bw_sb_session_size(bw_sb_session *s)
{
    pthread_mutex_lock(&s->mu);
    uint64_t size = s->size;
    pthread_mutex_unlock(&s->mu);
    return size;
}

/* ---- Chunks ----------------------------------------------------------------------------------- */

/* Under session->mu: the spool as it was before the chunk, or cut to `size` of a real file. */
static void roll_back(bw_sb_session *s, uint64_t size)
{
    bw_error ignored = BW_ERROR_INIT;
    if (s->spool->fd < 0) {
        s->spool->lines = s->mark.lines;
        s->spool->open_line = s->mark.open_line;
        s->spool->gzip = s->mark.gzip;
        size = s->mark.size;
    }
    if (bw_sb_spool_truncate(s->spool, size, &ignored) != BW_OK)
        s->failed = true;
    s->size = s->spool->size;
}

/* What a connection has left behind: whole units of it count. */
static void keep_units(bw_sb_session *s)
{
    uint64_t whole = s->spool->size / BW_SB_CHUNK_UNIT * BW_SB_CHUNK_UNIT;
    if (whole < s->mark.size)
        whole = s->mark.size;
    if (s->failed || s->spool->fd < 0)
        whole = s->mark.size;
    if (whole != s->spool->size)
        roll_back(s, whole);
    s->size = s->spool->size;
}

void bw_sb_session_begin(bw_sb_session *s, const void *owner, const bw_sb_chunk *chunk)
{
    pthread_mutex_lock(&s->mu);
    s->touched_us = bw_mono_us(bw_clock_system());
    if (s->spool) {
        if (s->owner) /* an older connection's chunk never ended */
            keep_units(s);
        s->owner = owner;
        s->mark = *s->spool;
        s->received = 0;
        s->failed = false;
        s->gap = !chunk->status_only && chunk->first > s->size;
        s->skip = s->gap || chunk->status_only ? UINT64_MAX : s->size - chunk->first;
    }
    pthread_mutex_unlock(&s->mu);
}

void bw_sb_session_data(bw_sb_session *s, const void *owner, const char *bytes, size_t size)
{
    bw_error ignored = BW_ERROR_INIT;
    pthread_mutex_lock(&s->mu);
    if (s->owner == owner && s->spool) {
        size_t skip = s->skip < size ? (size_t)s->skip : size;
        s->received += size;
        if (s->skip != UINT64_MAX)
            s->skip -= skip;
        if (!s->failed &&
            bw_sb_uploads_write(s->uploads, s->spool, bytes + skip, size - skip, &ignored) != BW_OK)
            s->failed = true;
    }
    pthread_mutex_unlock(&s->mu);
}

static bw_sb_chunk_end judge(bw_sb_session *s, const bw_sb_chunk *chunk)
{
    uint64_t end = s->spool->size;
    if (s->failed)
        return BW_SB_CHUNK_FAILED;
    if (s->gap)
        return BW_SB_CHUNK_GAP;
    if (chunk->length >= 0 && s->received != (uint64_t)chunk->length)
        return BW_SB_CHUNK_LENGTH;
    if (chunk->length < 0)
        return BW_SB_CHUNK_COMPLETE;
    if (chunk->total >= 0 && end >= (uint64_t)chunk->total)
        return end == (uint64_t)chunk->total ? BW_SB_CHUNK_COMPLETE : BW_SB_CHUNK_LENGTH;
    if (s->received % BW_SB_CHUNK_UNIT != 0)
        return BW_SB_CHUNK_PARTIAL;
    return BW_SB_CHUNK_KEPT;
}

bw_sb_chunk_end bw_sb_session_end(bw_sb_session *s, const void *owner, const bw_sb_chunk *chunk,
                                  bool keep_short, uint64_t *received)
{
    bw_sb_chunk_end end = BW_SB_CHUNK_LOST;
    pthread_mutex_lock(&s->mu);
    *received = s->received;
    if (s->owner == owner && s->spool && chunk->status_only) {
        s->owner = NULL;
        end = chunk->total >= 0 && s->size == (uint64_t)chunk->total ? BW_SB_CHUNK_COMPLETE
                                                                     : BW_SB_CHUNK_KEPT;
    } else if (s->owner == owner && s->spool) {
        s->owner = NULL;
        end = judge(s, chunk);
        uint64_t taken = s->spool->size - s->mark.size;
        if (end > BW_SB_CHUNK_COMPLETE) {
            roll_back(s, s->mark.size);
        } else if (keep_short && taken > 0) {
            uint64_t whole = (s->mark.size + taken / 2) / BW_SB_CHUNK_UNIT * BW_SB_CHUNK_UNIT;
            roll_back(s, whole > s->mark.size ? whole : s->mark.size);
            end = BW_SB_CHUNK_KEPT;
        }
        s->size = s->spool->size;
    }
    pthread_mutex_unlock(&s->mu);
    return end;
}

void bw_sb_session_abort(bw_sb_session *s, const void *owner)
{
    pthread_mutex_lock(&s->mu);
    if (s->owner == owner && s->spool) {
        s->owner = NULL;
        keep_units(s);
    }
    pthread_mutex_unlock(&s->mu);
}

/* ---- The end ---------------------------------------------------------------------------------- */

bw_sb_spool *bw_sb_session_take_spool(bw_sb_session *s)
{
    pthread_mutex_lock(&s->mu);
    bw_sb_spool *spool = s->spool;
    s->spool = NULL;
    pthread_mutex_unlock(&s->mu);
    return spool;
}

void bw_sb_session_give_spool(bw_sb_session *s, bw_sb_spool *spool)
{
    pthread_mutex_lock(&s->mu);
    s->spool = spool;
    pthread_mutex_unlock(&s->mu);
}

void bw_sb_session_finish(bw_sb_session *s, const char *location, const char *job_id)
{
    pthread_mutex_lock(&s->mu);
    if (!s->job_id) {
        s->location = bw_arena_strdup(&s->arena, location);
        s->job_id = bw_arena_strdup(&s->arena, job_id);
        bw_sb_session_save(s);
    }
    pthread_mutex_unlock(&s->mu);
}

bool bw_sb_session_finished(bw_sb_session *s, const char **location, const char **job_id)
{
    pthread_mutex_lock(&s->mu);
    *location = s->location;
    *job_id = s->job_id;
    pthread_mutex_unlock(&s->mu);
    return *job_id != NULL;
}
