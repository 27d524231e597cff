/*
 * Avro files: whatever they hold, reading them ends, within bounded memory, in rows or an error.
 * The first byte chooses whether logical types are used.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/core/alloc.h"
#include "backend/sandbox/avro.h"
#include "backend/sandbox/avro_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_rows(bw_sb_avro *avro, const bq_schema *table)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_error err = BQ_ERROR_INIT;
    bw_status status = bw_sb_avro_bind(avro, table, &err);
    if (status != BW_OK)
        return;
    for (int rows = 0; rows < 1000 && (status == BW_OK || status == BW_INVALID); rows++) {
        bw_arena_reset(&arena, 1 << 16);
        bq_value *row = BW_ARENA_ARRAY(&arena, bq_value, table->count + 1);
        status = bw_sb_avro_next(avro, &arena, row, &err);
        bw_buf out = BW_BUF_INIT;
        if (status == BW_OK)
            bq_row_print(table, row, (bq_format_options){true}, &out);
        if (status == BW_OK && !bw_json_valid(bw_buf_slice(&out), NULL, NULL))
            abort();
        bw_buf_fini(&out);
    }
    bw_arena_fini(&arena);
}

static void try_snappy(const uint8_t *data, size_t size)
{
    bw_buf out = BW_BUF_INIT;
    (void)bw_snappy_decode((bw_slice){(const char *)data, size}, 1 << 20, &out);
    bw_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int fd = memfd_create("avro", MFD_CLOEXEC);
    bw_avro_options options = {.logical_types = data[0] & 1,
                               .to_numeric = true,
                               .to_bignumeric = data[0] & 2,
                               .to_string = data[0] & 4};
    bq_error err = BQ_ERROR_INIT;
    bw_sb_avro *avro;
    bq_schema table;
    if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
        abort();
    if (bw_sb_avro_open(fd, &options, &avro, &err) == BW_OK) {
        if (bw_sb_avro_schema(avro, NULL, &table, &err) == BW_OK)
            read_rows(avro, &table);
        bw_sb_avro_close(avro);
    }
    close(fd);
    try_snappy(data + 1, size - 1);
    return 0;
}
