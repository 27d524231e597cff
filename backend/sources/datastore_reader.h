/* The reader of one kind: batches and chunks as source.h has them. Threads: one at a time. */
#ifndef BW_SOURCES_DATASTORE_READER_H
#define BW_SOURCES_DATASTORE_READER_H

#include "backend/sources/datastore_source.h"

bw_status bw_dsreader_open(bw_dssource *source, const bw_table_spec *spec,
                           const bw_table_info *info, const bw_read_request *request,
                           bw_reader **out, bw_error *err);
bw_status bw_dsreader_next(bw_reader *reader, bool *more, bw_batch_plan *out, bw_error *err);
bw_status bw_dsreader_fetch(bw_reader *reader, bw_chunk *chunk, bool *end, bw_error *err);
void bw_dsreader_end(bw_reader *reader, bw_batch_end *out);
bw_status bw_dsreader_restart(bw_reader *reader, bw_error *err);
void bw_dsreader_close(bw_reader *reader);

#endif
