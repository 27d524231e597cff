/* How fast rows come out of PostgreSQL through the driver: not a test, run by hand.
   usage: bench-postgres-read CONFIG-LINE TABLE, for example 'host: /tmp, user: me' public.wide */
#include "tests/integration/sources/reading.h"

int main(int argc, char **argv)
{
    opened *o;
    bw_error err = BW_ERROR_INIT;
    if (argc != 3)
        return 2;
    if (try_open(&o, argv[1], "bench", &err) != BW_OK) {
        fprintf(stderr, "%s\n%s\n", err.message, err.hint);
        return 1;
    }
    bw_table_spec spec = spec_of(argv[2]);
    bw_read_request request = {.kind = BW_READ_FULL, .mode = BW_MODE_REPLACE};
    bw_table_info info;
    bw_reader *reader;
    bw_batch_plan plan;
    bw_chunk chunk;
    bool more, end = false;
    uint64_t rows = 0, bytes = 0;
    bw_chunk_init(&chunk);
    bw_status status = o->class->describe(o->source, &spec, &o->arena, &info, &err);
    if (status == BW_OK)
        status = o->class->reader_open(o->source, &spec, &info, &request, &reader, &err);
    if (status == BW_OK)
        status = o->class->reader_next(reader, &more, &plan, &err);
    int64_t start = bw_mono_us(bw_clock_system());
    while (status == BW_OK && !end) {
        bw_chunk_reset(&chunk, info.schema.count);
        status = o->class->reader_fetch(reader, &chunk, &end, &err);
        rows += chunk.rows;
        bytes += chunk.source_bytes;
    }
    double s = (double)(bw_mono_us(bw_clock_system()) - start) / 1e6;
    if (status != BW_OK)
        fprintf(stderr, "%s\n", err.message);
    printf("%llu rows, %.1f MB in %.3f s: %.0f rows/s\n", (unsigned long long)rows,
           (double)bytes / 1e6, s, (double)rows / s);
    o->class->reader_close(reader);
    bw_chunk_fini(&chunk);
    close_source(o);
    return status != BW_OK;
}
