/*
 * Rows of an Avro file as checked values of a table's schema. Threads: one at a time.
 */
#ifndef BW_SANDBOX_AVRO_H
#define BW_SANDBOX_AVRO_H

#include "backend/sandbox/avro_schema.h"

typedef struct bw_sb_avro bw_sb_avro;

/* useAvroLogicalTypes and decimalTargetTypes of configuration.load. */
BW_NODISCARD bw_status bw_sb_avro_options(bw_slice config, bw_avro_options *out, bq_error *err);
/* Reads the header; fd is borrowed. */
BW_NODISCARD bw_status bw_sb_avro_open(int fd, const bw_avro_options *options, bw_sb_avro **out,
                                       bq_error *err);
/* NULL is fine. */
void bw_sb_avro_close(bw_sb_avro *avro);
/* The schema of a table that is made from the file. With `table` (may be NULL) as far as it is the
   same thing in another form there: a REQUIRED column may be NULLABLE in the table, a string JSON. */
bw_status bw_sb_avro_schema(bw_sb_avro *avro, const bq_schema *table, bq_schema *out,
                            bq_error *err);
/* Before the first row: that all columns of the file fit into those of `schema`, which the rows are
   made for; the schema is borrowed. */
BW_NODISCARD bw_status bw_sb_avro_bind(bw_sb_avro *avro, const bq_schema *schema, bq_error *err);
/*
 * One row: schema->count values in the arena. BW_NOT_FOUND at the end. BW_INVALID with err->location
 * for a value that does not fit, after which the next row can be read; BW_CORRUPT when the file is
 * broken.
 */
BW_NODISCARD bw_status bw_sb_avro_next(bw_sb_avro *avro, bw_arena *arena, bq_value *row,
                                       bq_error *err);

#endif
