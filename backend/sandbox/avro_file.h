/*
 * The object container file of Avro (1.11, "Object Container Files"): header, blocks, sync markers,
 * the codecs null, deflate and snappy. Bytes are decompressed as they are asked for, so memory is
 * bounded by two buffers (and, with snappy, by one block). Whatever the file holds, reading it ends
 * in an error at worst. Threads: one at a time.
 */
#ifndef BW_SANDBOX_AVRO_FILE_H
#define BW_SANDBOX_AVRO_FILE_H

#include "backend/core/buf.h"

typedef struct bw_avro_file bw_avro_file;

/* Reads the header of the file from its beginning; fd is borrowed. NULL with *why for what is no
   Avro file. */
bw_avro_file *bw_avro_file_open(int fd, const char **why);
void bw_avro_file_close(bw_avro_file *file);
/* The writer's schema, as JSON. */
bw_slice bw_avro_file_schema(const bw_avro_file *file);

/* Whether there is another row; what belongs to it is then read by the functions below. False at the
   end, and after an error. */
bool bw_avro_file_row(bw_avro_file *file);
/* Of the block's data. False at its end and for broken data. */
bool bw_avro_file_read(bw_avro_file *file, void *bytes, size_t size);
bool bw_avro_file_skip(bw_avro_file *file, uint64_t size);
/* A zigzag variable-length integer. */
bool bw_avro_file_long(bw_avro_file *file, int64_t *out);
/* What has gone wrong; NULL while nothing has. */
const char *bw_avro_file_error(const bw_avro_file *file);

/* ---- Snappy ----------------------------------------------------------------------------------- */

/* The raw format of Snappy ("format_description.txt") without a frame; at most `max` bytes. False
   when it is not that. */
bool bw_snappy_decode(bw_slice in, size_t max, bw_buf *out);

#endif
