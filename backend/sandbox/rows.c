#include "backend/sandbox/rows.h"

typedef struct rows_state {
    const bw_sb_rows_request *request;
    bw_buf *out;
    size_t from;
    int64_t printed;
} rows_state;

static bool print_one(void *user, const bq_value *row, size_t count)
{
    rows_state *s = user;
    (void)count;
    bw_buf_adds(s->out, s->printed++ ? "," : ",\"rows\":[");
    bq_row_print(s->request->schema, row, s->request->format, s->out);
    return s->out->len - s->from < BW_SB_PAGE_BYTES;
}

bw_status bw_sb_rows_print(bq_catalog *catalog, const bw_sb_rows_request *request, bw_buf *out,
                           int64_t *printed, bq_error *err)
{
    rows_state s = {.request = request, .out = out, .from = out->len};
    *printed = 0;
    if (request->max == 0)
        return BW_OK;
    bw_status status = bq_table_scan(catalog, request->table, request->columns,
                                     request->columns ? request->schema->count : 0, request->offset,
                                     request->max, print_one, &s, err);
    if (s.printed)
        bw_buf_addc(out, ']');
    *printed = s.printed;
    return status;
}
