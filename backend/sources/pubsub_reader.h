/* Reading a subscription: see the contract in source.h. */
#ifndef BW_SOURCES_PUBSUB_READER_H
#define BW_SOURCES_PUBSUB_READER_H

#include "backend/sources/pubsub_source.h"

BW_NODISCARD bw_status bw_ps_reader_open(bw_ps_source *source, const bw_table_spec *spec,
                                         const bw_table_info *info, const bw_read_request *request,
                                         bw_reader **out, bw_error *err);
BW_NODISCARD bw_status bw_ps_reader_next(bw_reader *reader, bool *more, bw_batch_plan *out,
                                         bw_error *err);
BW_NODISCARD bw_status bw_ps_reader_fetch(bw_reader *reader, bw_chunk *chunk, bool *end,
                                          bw_error *err);
void bw_ps_reader_end(bw_reader *reader, bw_batch_end *out);
BW_NODISCARD bw_status bw_ps_reader_restart(bw_reader *reader, bw_error *err);
BW_NODISCARD bw_status bw_ps_reader_ack(bw_reader *reader, const char *position, bw_error *err);
void bw_ps_reader_close(bw_reader *reader);

#endif
