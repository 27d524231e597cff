#include "backend/sources/postgres_reader.h"

#include <stdlib.h>

#include "backend/sources/postgres_plan.h"

struct bw_reader {
    bw_pgplan plan;
    bool reading; /* the COPY of the batch at hand was begun */
    bool ended;   /* and its last row was handed out */
};

bw_status bw_pgreader_open(bw_pgconn *conn, const bw_table_spec *spec, const bw_table_info *info,
                           const bw_read_request *request, bw_reader **out, bw_error *err)
{
    bw_reader *r = bw_xcalloc(1, sizeof *r);
    bw_status status = bw_pgplan_init(&r->plan, conn, spec, info, request, err);
    r->ended = true;
    *out = status == BW_OK ? r : NULL;
    if (status != BW_OK)
        bw_pgreader_close(r);
    return status;
}

bw_status bw_pgreader_next(bw_reader *r, bool *more, bw_batch_plan *out, bw_error *err)
{
    *more = false;
    if (!r->ended)
        return bw_error_set(err, BW_INTERNAL, "the batch at hand is not finished");
    bw_status status = bw_pgplan_next(&r->plan, more, err);
    if (status != BW_OK)
        return bw_error_wrap(err, "table %s", r->plan.info->name);
    *out = r->plan.batch;
    r->reading = false;
    r->ended = !*more;
    return BW_OK;
}

static bw_status fill(bw_reader *r, bw_chunk *chunk, bool *end, bw_error *err)
{
    bw_pgconn *conn = r->plan.conn;
    while (!bw_chunk_full(chunk)) {
        const char *row;
        size_t size;
        bw_status status = bw_pgconn_copy_row(conn, &row, &size, err);
        if (status != BW_OK)
            return status;
        if (!row) {
            r->ended = true;
            *end = true;
            return BW_OK;
        }
        status = bw_pgcopy_row(&r->plan.copy, row, size, chunk, err);
        if (status != BW_OK)
            return status;
    }
    return BW_OK;
}

bw_status bw_pgreader_fetch(bw_reader *r, bw_chunk *chunk, bool *end, bw_error *err)
{
    bw_status status = BW_OK;
    *end = false;
    if (r->ended)
        return bw_error_set(err, BW_INTERNAL, "the batch is over");
    if (!r->reading)
        status = bw_pgconn_copy_begin(r->plan.conn, r->plan.sql, err);
    if (status == BW_OK) {
        r->reading = true;
        status = fill(r, chunk, end, err);
    }
    return status == BW_OK ? BW_OK : bw_error_wrap(err, "table %s", r->plan.info->name);
}

void bw_pgreader_end(bw_reader *r, bw_batch_end *out)
{
    *out = r->plan.end;
}

bw_status bw_pgreader_restart(bw_reader *r, bw_error *err)
{
    /* Cancelling the statement would end the transaction, and the snapshot with it. */
    bw_status status = bw_pgconn_copy_drain(r->plan.conn, err);
    r->reading = false;
    r->ended = false;
    return status == BW_OK ? BW_OK : bw_error_wrap(err, "table %s", r->plan.info->name);
}

void bw_pgreader_close(bw_reader *r)
{
    if (!r)
        return;
    bw_pgplan_fini(&r->plan);
    free(r);
}
