#include "backend/sources/datastore_reader.h"

#include <stdlib.h>

#include "backend/sources/datastore_plan.h"
#include "backend/sources/datastore_row.h"

/* A page is asked for by rows, and what counts is its bytes. */
#define MAX_PAGE      1000
#define PAGE_BYTES    ((size_t)8 << 20)
#define SNAPSHOT_LIFE (55 * BW_MINUTE)

struct bw_reader {
    bw_dsplan plan;
    bw_dsrow *row;
    bool ended;   /* the last row of the batch at hand was handed out */
    bool cut;     /* before the end of its query */
    int64_t page; /* entities to ask for at a time */

    /* The batch at hand, as far as it was read. */
    bw_datastore_walk walk;
    bw_arena arena; /* of the page */
    bw_datastore_result *results;
    size_t n_results, next;
    bool last_page;
    int64_t rows, bytes;
    bw_slice last;   /* the last entity that was taken; in the page, or in ... */
    bw_buf kept;     /* ... here, when its page has gone */
    bw_buf last_key; /* its path */
    bw_dsreached reached;
};

bw_status bw_dsreader_open(bw_dssource *source, const bw_table_spec *spec,
                           const bw_table_info *info, const bw_read_request *request,
                           bw_reader **out, bw_error *err)
{
    bw_reader *r = bw_xcalloc(1, sizeof *r);
    bw_status status = bw_dsplan_init(&r->plan, source, spec, info, request, err);
    r->row = bw_dsrow_new(spec, &info->schema, &source->home);
    r->ended = true;
    r->page = BW_DS_FIRST_PAGE;
    *out = status == BW_OK ? r : NULL;
    if (status != BW_OK)
        bw_dsreader_close(r);
    return status;
}

static void rewind_batch(bw_reader *r)
{
    bw_datastore_walk_fini(&r->walk);
    r->walk = (bw_datastore_walk){.query = {.namespace = r->plan.source->home.namespace,
                                            .query = r->plan.query,
                                            .read = {.at_us = r->plan.at_us}}};
    r->results = NULL;
    r->n_results = r->next = 0;
    r->last_page = r->cut = false;
    r->rows = r->bytes = 0;
    r->last = (bw_slice){NULL, 0};
    r->reached = (bw_dsreached){.last_us = BW_TIME_NONE};
    r->ended = false;
}

bw_status bw_dsreader_next(bw_reader *r, bool *more, bw_batch_plan *out, bw_error *err)
{
    *more = false;
    if (!r->ended)
        return bw_error_set(err, BW_INTERNAL, "the batch at hand is not finished");
    bw_status status = bw_dsplan_next(&r->plan, more, err);
    if (status != BW_OK)
        return bw_error_wrap(err, "kind %s", r->plan.info->name);
    *out = r->plan.batch;
    if (*more)
        rewind_batch(r);
    return BW_OK;
}

/* The next page is to hold PAGE_BYTES, by the size of the entities of this one. */
static void size_page(bw_reader *r)
{
    size_t bytes = 0;
    for (size_t i = 0; i < r->n_results; i++)
        bytes += r->results[i].entity.len;
    if (bytes == 0)
        return;
    size_t rows = PAGE_BYTES / (bytes / r->n_results + 1);
    r->page = rows < 1 ? 1 : rows > MAX_PAGE ? MAX_PAGE : (int64_t)rows;
}

static bw_status look_up(bw_reader *r, bw_error *err)
{
    bw_datastore_answer answer;
    bw_datastore_read read = {.at_us = r->plan.at_us};
    bw_status status = bw_datastore_lookup(r->plan.source->client, r->plan.keys, r->plan.n_keys,
                                           &read, &r->arena, &answer, err);
    r->results = answer.results;
    r->n_results = status == BW_OK ? answer.count : 0;
    r->last_page = true;
    return status;
}

/* Without point-in-time recovery the service knows an instant for an hour. */
static bw_status explain(const bw_reader *r, bw_status status, bw_error *err)
{
    bool late = bw_wall_us(r->plan.source->env->clock) - r->plan.at_us > SNAPSHOT_LIFE;
    if (status != BW_INVALID || !late)
        return status;
    return bw_error_hint(err, "Reading took longer than Datastore keeps an instant: turn on "
                              "point-in-time recovery and set the source's point_in_time: yes, or "
                              "lower batch.rows.");
}

static bw_status next_page(bw_reader *r, bw_error *err)
{
    bw_datastore_batch batch;
    if (r->last.ptr && r->last.ptr != r->kept.ptr) {
        bw_buf_clear(&r->kept);
        bw_buf_add(&r->kept, r->last.ptr, r->last.len);
        r->last = bw_buf_slice(&r->kept);
    }
    bw_arena_reset(&r->arena, PAGE_BYTES);
    r->next = r->n_results = 0;
    if (r->plan.keys)
        return look_up(r, err);
    r->walk.page = r->page;
    bw_status status =
        bw_datastore_walk_next(r->plan.source->client, &r->walk, &r->arena, &batch, err);
    if (status != BW_OK)
        return explain(r, status, err);
    r->results = batch.results;
    r->n_results = batch.count;
    r->last_page = r->walk.over;
    size_page(r);
    return BW_OK;
}

static int64_t cursor_of(const bw_reader *r, bw_slice entity)
{
    int64_t us;
    return r->plan.cursor && entity.len && bw_entity_time(entity, r->plan.cursor, &us)
               ? us
               : BW_TIME_NONE;
}

/* Whether the batch ends before this entity: it is large enough, and the next can begin here. */
static bool cut_before(const bw_reader *r, bw_slice entity)
{
    const bw_table_spec *spec = r->plan.spec;
    bool large = (spec->batch_rows > 0 && r->rows >= spec->batch_rows) ||
                 (spec->batch_bytes > 0 && r->bytes >= spec->batch_bytes);
    if (!large || r->plan.before.phase == BW_DSPHASE_BACKFILL)
        return large;
    if (r->plan.before.phase != BW_DSPHASE_WINDOW)
        return false;
    /* The next piece begins after an instant, so all of that instant is in this one. */
    int64_t before = cursor_of(r, r->last), here = cursor_of(r, entity);
    return before != BW_TIME_NONE && here != BW_TIME_NONE && here > before;
}

static bw_status add(bw_reader *r, bw_slice entity, bw_chunk *chunk, bw_error *err)
{
    size_t before = chunk->rows;
    if (!bw_dsrow_add(r->row, entity, chunk))
        return bw_error_set(err, BW_UNAVAILABLE,
                            "the answer makes no sense: an entity without a complete key");
    if (r->plan.cursor && chunk->rows > before) {
        const bw_value *cursor = &bw_chunk_at(chunk, before)[r->plan.info->cursor];
        r->reached.nulls += cursor->state == BW_VALUE_NULL;
    }
    r->last = entity;
    r->rows++;
    r->bytes += (int64_t)entity.len;
    return BW_OK;
}

static bw_status fill(bw_reader *r, bw_chunk *chunk, bw_error *err)
{
    while (!bw_chunk_full(chunk) && !r->ended) {
        if (r->next == r->n_results) {
            r->ended = r->last_page;
            bw_status status = r->ended ? BW_OK : next_page(r, err);
            if (status != BW_OK)
                return status;
            continue;
        }
        const bw_datastore_result *result = &r->results[r->next];
        if (result->found && cut_before(r, result->entity)) {
            r->ended = r->cut = true;
            break;
        }
        r->next++;
        bw_status status = result->found ? add(r, result->entity, chunk, err) : BW_OK;
        if (status != BW_OK)
            return status;
    }
    return BW_OK;
}

static void finish_batch(bw_reader *r)
{
    bw_buf_clear(&r->last_key);
    bool some = r->last.len && bw_key_path(bw_entity_key(r->last), &r->last_key);
    r->reached.whole = !r->cut;
    r->reached.last_key = some ? bw_buf_cstr(&r->last_key) : NULL;
    r->reached.last_us = cursor_of(r, r->last);
    bw_dsplan_reached(&r->plan, &r->reached);
}

bw_status bw_dsreader_fetch(bw_reader *r, bw_chunk *chunk, bool *end, bw_error *err)
{
    *end = false;
    if (r->ended)
        return bw_error_set(err, BW_INTERNAL, "the batch is over");
    bw_status status = fill(r, chunk, err);
    if (status != BW_OK)
        return bw_error_wrap(err, "kind %s", r->plan.info->name);
    *end = r->ended;
    if (r->ended)
        finish_batch(r);
    return BW_OK;
}

void bw_dsreader_end(bw_reader *r, bw_batch_end *out)
{
    *out = r->plan.end;
}

bw_status bw_dsreader_restart(bw_reader *r, bw_error *err)
{
    (void)err;
    rewind_batch(r);
    return BW_OK;
}

void bw_dsreader_close(bw_reader *r)
{
    if (!r)
        return;
    bw_datastore_walk_fini(&r->walk);
    bw_dsplan_fini(&r->plan);
    bw_dsrow_free(r->row);
    bw_arena_fini(&r->arena);
    bw_buf_fini(&r->last_key);
    bw_buf_fini(&r->kept);
    free(r);
}
