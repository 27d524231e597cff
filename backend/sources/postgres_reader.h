/* The reader operations of the driver's class; see source.h. */
#ifndef BW_SOURCES_POSTGRES_READER_H
#define BW_SOURCES_POSTGRES_READER_H

#include "backend/sources/postgres_conn.h"

BW_NODISCARD bw_status bw_pgreader_open(bw_pgconn *conn, const bw_table_spec *spec,
                                        const bw_table_info *info, const bw_read_request *request,
                                        bw_reader **out, bw_error *err);
bw_status bw_pgreader_next(bw_reader *reader, bool *more, bw_batch_plan *out, bw_error *err);
bw_status bw_pgreader_fetch(bw_reader *reader, bw_chunk *chunk, bool *end, bw_error *err);
void bw_pgreader_end(bw_reader *reader, bw_batch_end *out);
bw_status bw_pgreader_restart(bw_reader *reader, bw_error *err);
void bw_pgreader_close(bw_reader *reader);

#endif
