/* Avro files: schemas, values, codecs, and what is broken. Covers: sandbox/avro, avro_file,
   avro_schema. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/core/alloc.h"
#include "backend/sandbox/avro.h"
#include "backend/sandbox/avro_file.h"
#include "tests/support/avro_writer.h"

static int file_of(const void *bytes, size_t size)
{
    int fd = memfd_create("avro", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    return fd;
}

/* Reads a whole file: its schema and its rows as text, or the error. */
static bw_status read_all(const bw_buf *file, const char *config, bw_buf *schema, bw_buf *rows,
                          bq_error *err)
{
    int fd = file_of(file->ptr, file->len);
    bw_arena arena = BW_ARENA_INIT;
    bw_sb_avro *avro = NULL;
    bw_avro_options options;
    bq_schema table;
    bw_status status = bw_sb_avro_options(bw_slice_cstr(config), &options, err);
    if (status == BW_OK)
        status = bw_sb_avro_open(fd, &options, &avro, err);
    if (status == BW_OK)
        status = bw_sb_avro_schema(avro, NULL, &table, err);
    if (status == BW_OK) {
        bq_schema_print(&table, schema);
        status = bw_sb_avro_bind(avro, &table, err);
    }
    while (status == BW_OK) {
        bw_arena_reset(&arena, 1 << 16);
        bq_value *row = BW_ARENA_ARRAY(&arena, bq_value, table.count + 1);
        status = bw_sb_avro_next(avro, &arena, row, err);
        if (status == BW_OK) {
            bq_row_print(&table, row, (bq_format_options){true}, rows);
            bw_buf_addc(rows, '\n');
        }
    }
    bw_sb_avro_close(avro);
    bw_arena_fini(&arena);
    close(fd);
    return status;
}

static void expect(const char *schema, const bw_buf *data, int64_t rows, const char *config,
                   const char *table, const char *text)
{
    static const char *const codecs[] = {NULL, "null", "deflate", "snappy"};
    for (size_t i = 0; i < BW_COUNT(codecs); i++) {
        bw_buf file = BW_BUF_INIT, have_table = BW_BUF_INIT, have = BW_BUF_INIT;
        bq_error err = BQ_ERROR_INIT;
        avro_header(&file, schema, codecs[i]);
        avro_block(&file, rows, data, codecs[i]);
        bw_status status = read_all(&file, config, &have_table, &have, &err);
        if (status != BW_NOT_FOUND)
            fail_msg("%s, codec %s: %s", schema, codecs[i], err.message);
        if (table)
            assert_string_equal(bw_buf_cstr(&have_table), table);
        assert_string_equal(bw_buf_cstr(&have), text);
        bw_buf_fini(&file);
        bw_buf_fini(&have_table);
        bw_buf_fini(&have);
    }
}

#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"r\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define NAMED(name, kind, mode) \
    "{\"name\":\"" name "\",\"type\":\"" kind "\",\"mode\":\"" mode "\"}"

static void primitives_and_unions(void **state)
{
    (void)state;
    bw_buf data = BW_BUF_INIT;
    avro_long(&data, 1); /* the union's second branch */
    avro_text(&data, "caf\xc3\xa9");
    bw_buf_addc(&data, 1);
    avro_long(&data, INT32_MIN);
    avro_long(&data, INT64_MIN);
    bw_buf_add(&data, "\0\0\x80\x3f", 4);
    avro_double(&data, -0.5);
    avro_bytes(&data, "\0\xff", 2);
    bw_buf_add(&data, "abc", 3);
    avro_long(&data, 1);
    avro_long(&data, 0); /* NULL */
    bw_buf_addc(&data, 0);
    avro_long(&data, INT32_MAX);
    avro_long(&data, INT64_MAX);
    bw_buf_add(&data, "\0\0\x80\x7f", 4);
    avro_double(&data, 1e300);
    avro_bytes(&data, "", 0);
    bw_buf_add(&data, "xyz", 3);
    avro_long(&data, 0);
    expect(
        RECORD(FIELD("s", "[\"null\",\"string\"]") "," FIELD("b", "\"boolean\"") "," FIELD(
            "i",
            "\""
            "in"
            "t"
            "\"") "," FIELD("l",
                            "{\"type\":\"long\"}") "," FIELD("f",
                                                             "\"float\"") "," FIELD("d",
                                                                                    "\"double"
                                                                                    "\"") "," FIELD("y",
                                                                                                    "\"bytes\"") "," FIELD("x",
                                                                                                                           "{\"type\":"
                                                                                                                           "\"fixed\","
                                                                                                                           "\"name\":"
                                                                                                                           "\"f3\","
                                                                                                                           "\"size\":"
                                                                                                                           "3}") "," FIELD("n",
                                                                                                                                           "\"null\"") "," FIELD("e",
                                                                                                                                                                 "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}")),
        &data, 2, "{}",
        "{\"fields\":[" NAMED("s", "STRING", "NULLABLE") "," NAMED("b", "BOOLEAN", "REQUIRED") "," NAMED("i", "INTEGER", "REQUIRED") "," NAMED(
            "l", "INTEGER",
            "REQUIRED") "," NAMED("f", "FLOAT",
                                  "REQUIRED") "," NAMED("d", "FLOAT",
                                                        "REQUIRED") "," NAMED("y", "BYTES",
                                                                              "REQUIRED") "," NAMED("x",
                                                                                                    "BYTES",
                                                                                                    "REQUIRED") "," NAMED("e",
                                                                                                                          "STRING",
                                                                                                                          "REQUIRED") "]}",
        "{\"f\":[{\"v\":\"caf\xc3\xa9\"},{\"v\":\"true\"},{\"v\":\"-2147483648\"},"
        "{\"v\":\"-9223372036854775808\"},{\"v\":\"1.0\"},{\"v\":\"-0.5\"},{\"v\":\"AP8=\"},"
        "{\"v\":\"YWJj\"},{\"v\":\"B\"}]}\n"
        "{\"f\":[{\"v\":null},{\"v\":\"false\"},{\"v\":\"2147483647\"},"
        "{\"v\":\"9223372036854775807\"},{\"v\":\"Infinity\"},{\"v\":\"1.0E300\"},{\"v\":\"\"},"
        "{\"v\":\"eHl6\"},{\"v\":\"A\"}]}\n");
    bw_buf_fini(&data);
}

#define LOGICAL(type, name) "{\"type\":\"" type "\",\"logicalType\":\"" name "\"}"

static void logical_types(void **state)
{
    (void)state;
    static const char schema[] = RECORD(
        FIELD("a", LOGICAL("int", "date")) "," FIELD("b", LOGICAL("int", "time-millis")) "," FIELD("c", LOGICAL("long", "time-micros")) "," FIELD("d", LOGICAL("long", "timestamp-millis")) "," FIELD(
            "e",
            LOGICAL(
                "long",
                "timestamp-micros")) "," FIELD("f",
                                               LOGICAL(
                                                   "long",
                                                   "local-"
                                                   "timestamp-"
                                                   "millis")) "," FIELD("g",
                                                                        LOGICAL(
                                                                            "long",
                                                                            "local-"
                                                                            "timest"
                                                                            "amp-"
                                                                            "micro"
                                                                            "s")) "," FIELD("h",
                                                                                            LOGICAL(
                                                                                                "st"
                                                                                                "ri"
                                                                                                "n"
                                                                                                "g",
                                                                                                "da"
                                                                                                "te"
                                                                                                "ti"
                                                                                                "m"
                                                                                                "e")) "," FIELD("i",
                                                                                                                LOGICAL(
                                                                                                                    "string",
                                                                                                                    "uuid")) "," FIELD("j",
                                                                                                                                       "{\"type\":\"string\",\"sqlType\":\"JSON\"}"));
    bw_buf data = BW_BUF_INIT;
    avro_long(&data, -1);
    avro_long(&data, 86399999);
    avro_long(&data, 1);
    avro_long(&data, -1);
    avro_long(&data, 1700000000000001);
    avro_long(&data, 0);
    avro_long(&data, 1);
    avro_text(&data, "2024-02-29T01:02:03");
    avro_text(&data, "u");
    avro_text(&data, "{\"b\": 1, \"a\": null}");
    expect(schema, &data, 1, "{\"useAvroLogicalTypes\":true}", NULL,
           "{\"f\":[{\"v\":\"1969-12-31\"},{\"v\":\"23:59:59.999\"},{\"v\":\"00:00:00.000001\"},"
           "{\"v\":\"-1000\"},{\"v\":\"1700000000000001\"},{\"v\":\"1970-01-01T00:00:00\"},"
           "{\"v\":\"1970-01-01T00:00:00.000001\"},{\"v\":\"2024-02-29T01:02:03\"},{\"v\":\"u\"},"
           "{\"v\":\"{\\\"a\\\":null,\\\"b\\\":1}\"}]}\n");
    /* Without the option they are what they are made of. */
    expect(schema, &data, 1, "{}", NULL,
           "{\"f\":[{\"v\":\"-1\"},{\"v\":\"86399999\"},{\"v\":\"1\"},{\"v\":\"-1\"},"
           "{\"v\":\"1700000000000001\"},{\"v\":\"0\"},{\"v\":\"1\"},"
           "{\"v\":\"2024-02-29T01:02:03\"},{\"v\":\"u\"},"
           "{\"v\":\"{\\\"a\\\":null,\\\"b\\\":1}\"}]}\n");
    bw_buf_fini(&data);
}

#define DECIMAL(precision, scale)                                                                  \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" precision ",\"scale\":" scale \
    "}"

static void decimals(void **state)
{
    (void)state;
    bw_buf data = BW_BUF_INIT;
    avro_bytes(&data, "\xff", 1);     /* -1 * 10^-2 */
    avro_bytes(&data, "\x01\x00", 2); /* 256 * 10^-12 */
    avro_bytes(&data, "", 0);         /* 0 */
    avro_bytes(&data, "\x80", 1);     /* -128 * 10^-40 */
    expect(RECORD(FIELD("a", DECIMAL("5", "2")) "," FIELD("b", DECIMAL("20", "12")) "," FIELD(
               "c", DECIMAL("38", "9")) "," FIELD("d", DECIMAL("50", "40"))),
           &data, 1,
           "{\"useAvroLogicalTypes\":true,\"decimalTargetTypes\":[\"STRING\",\"NUMERIC\","
           "\"BIGNUMERIC\"]}",
           "{\"fields\":[" NAMED("a", "NUMERIC", "REQUIRED") "," NAMED(
               "b", "BIGNUMERIC", "REQUIRED") "," NAMED("c", "NUMERIC",
                                                        "REQUIRED") "," NAMED("d", "STRING",
                                                                              "REQUIRED") "]}",
           "{\"f\":[{\"v\":\"-0.01\"},{\"v\":\"0.000000000256\"},{\"v\":\"0\"},"
           "{\"v\":\"-0.0000000000000000000000000000000000000128\"}]}\n");
    bw_buf_fini(&data);
}

static void nested_values(void **state)
{
    (void)state;
    bw_buf data = BW_BUF_INIT;
    avro_long(&data, 2); /* an array in two blocks, the second with its size */
    avro_long(&data, 7);
    avro_long(&data, 8);
    avro_long(&data, -1);
    avro_long(&data, 1);
    avro_long(&data, 9);
    avro_long(&data, 0);
    avro_text(&data, "inside");
    avro_long(&data, 1); /* a map of one */
    avro_text(&data, "k");
    avro_long(&data, 5);
    avro_long(&data, 0);
    avro_long(&data, 0); /* a null array is empty */
    avro_long(&data, 1); /* a record again, by its name */
    avro_text(&data, "again");
    expect(RECORD(FIELD("a", "{\"type\":\"array\",\"items\":\"long\"}") "," FIELD(
               "s",
               "{\"type\":\"record\",\"name\":\"x.in\",\"fields\":[" FIELD(
                   "t",
                   "\"string\"") "]}") "," FIELD("m",
                                                 "{\"type\":\"map\",\"values\":"
                                                 "\"int\"}") "," FIELD("z",
                                                                       "[\"null\",{"
                                                                       "\"type\":"
                                                                       "\"array\","
                                                                       "\"items\":"
                                                                       "\"string\"}"
                                                                       "]") "," FIELD("o",
                                                                                      "[\"null\","
                                                                                      "\"x.in\"]")),
           &data, 1, "{}", NULL,
           "{\"f\":[{\"v\":[{\"v\":\"7\"},{\"v\":\"8\"},{\"v\":\"9\"}]},"
           "{\"v\":{\"f\":[{\"v\":\"inside\"}]}},"
           "{\"v\":[{\"v\":{\"f\":[{\"v\":\"k\"},{\"v\":\"5\"}]}}]},{\"v\":[]},"
           "{\"v\":{\"f\":[{\"v\":\"again\"}]}}]}\n");
    bw_buf_fini(&data);
}

static bw_status outcome(const char *schema, const bw_buf *data, const char *config, bq_error *err)
{
    bw_buf file = BW_BUF_INIT, table = BW_BUF_INIT, rows = BW_BUF_INIT;
    avro_header(&file, schema, NULL);
    avro_block(&file, 1, data, NULL);
    *err = (bq_error)BQ_ERROR_INIT;
    bw_status status = read_all(&file, config, &table, &rows, err);
    bw_buf_fini(&file);
    bw_buf_fini(&table);
    bw_buf_fini(&rows);
    return status;
}

static void values_that_do_not_fit(void **state)
{
    (void)state;
    static const char logical[] = "{\"useAvroLogicalTypes\":true}";
    bq_error err;
    bw_buf data = BW_BUF_INIT;
    avro_long(&data, 1000000000);
    assert_int_equal(outcome(RECORD(FIELD("d", LOGICAL("int", "date"))), &data, logical, &err),
                     BW_INVALID);
    assert_string_equal(err.location, "d");
    assert_int_equal(
        outcome(RECORD(FIELD("d", LOGICAL("int", "time-millis"))), &data, logical, &err),
        BW_INVALID);
    bw_buf_clear(&data);
    avro_long(&data, INT64_MAX);
    assert_int_equal(
        outcome(RECORD(FIELD("d", LOGICAL("long", "timestamp-millis"))), &data, logical, &err),
        BW_INVALID);
    bw_buf_clear(&data);
    avro_text(&data, "\xff");
    assert_int_equal(outcome(RECORD(FIELD("d", "\"string\"")), &data, logical, &err), BW_INVALID);
    bw_buf_clear(&data);
    avro_bytes(&data, "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
               18);
    assert_int_equal(outcome(RECORD(FIELD("d", DECIMAL("38", "9"))), &data, logical, &err),
                     BW_INVALID);
    bw_buf_clear(&data);
    avro_long(&data, 1); /* [null] */
    avro_long(&data, 0);
    avro_long(&data, 0);
    assert_int_equal(
        outcome(RECORD(FIELD("d", "{\"type\":\"array\",\"items\":[\"null\",\"int\"]}")), &data,
                logical, &err),
        BW_INVALID);
    bw_buf_fini(&data);
}

static void schemas_that_are_refused(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "",
        "{",
        "\"string\"",
        "{\"type\":\"record\",\"fields\":[]}",
        RECORD(""),
        RECORD(FIELD("a", "\"nothing\"")),
        RECORD("{\"type\":\"int\"}"),
        RECORD("{\"name\":\"a\"}"),
        RECORD(FIELD("a", "\"int\"") "," FIELD("A", "\"int\"")),
        RECORD(FIELD("a", "[\"int\",\"string\"]")),
        RECORD(FIELD("a", "[\"null\",\"int\",\"string\"]")),
        RECORD(FIELD("a", "[\"null\"]")),
        RECORD(FIELD("a", "[\"null\",[\"null\",\"int\"]]")),
        RECORD(FIELD("a", "[\"null\",\"r\"]")),
        RECORD(FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"int\"}}")),
        RECORD(FIELD("a", "{\"type\":\"array\",\"items\":\"null\"}")),
        RECORD(FIELD("a", "{\"type\":\"array\"}")),
        RECORD(FIELD("a", "{\"type\":\"fixed\",\"name\":\"f\"}")),
        RECORD(FIELD("a", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}")),
        RECORD(FIELD("a", "{\"type\":\"enum\",\"name\":\"e\"}")),
        RECORD(FIELD("a", "7")),
    };
    bq_error err;
    bw_buf data = BW_BUF_INIT;
    for (size_t i = 0; i < BW_COUNT(schemas); i++) {
        bw_status status = outcome(schemas[i], &data, "{}", &err);
        if (status == BW_OK || status == BW_NOT_FOUND || !err.message[0])
            fail_msg("%s is taken", schemas[i]);
    }
    bw_buf deep = BW_BUF_INIT;
    for (int i = 0; i < 100000; i++)
        bw_buf_adds(&deep, "{\"type\":");
    assert_int_not_equal(outcome(bw_buf_cstr(&deep), &data, "{}", &err), BW_NOT_FOUND);
    bw_buf_fini(&deep);
    bw_buf_fini(&data);
}

/* Every file that is cut or has a byte changed ends in rows, an error or the end. */
static void broken_files_end_in_an_error(void **state)
{
    (void)state;
    static const char *const codecs[] = {NULL, "deflate", "snappy"};
    for (size_t c = 0; c < BW_COUNT(codecs); c++) {
        bw_buf data = BW_BUF_INIT, file = BW_BUF_INIT;
        for (int i = 0; i < 3; i++) {
            avro_long(&data, 1);
            avro_text(&data, "text");
            avro_long(&data, 2);
            avro_long(&data, i);
            avro_long(&data, -i);
            avro_long(&data, 0);
        }
        avro_header(&file,
                    RECORD(FIELD("s", "[\"null\",\"string\"]") "," FIELD(
                        "a", "{\"type\":\"array\",\"items\":\"long\"}")),
                    codecs[c]);
        size_t header = file.len;
        avro_block(&file, 3, &data, codecs[c]);
        for (size_t at = 0; at < file.len; at++) {
            bw_buf table = BW_BUF_INIT, rows = BW_BUF_INIT;
            bq_error err = BQ_ERROR_INIT;
            bw_buf part = {file.ptr, at, at};
            bw_status status = read_all(&part, "{}", &table, &rows, &err);
            if (status == BW_NOT_FOUND && at != header)
                fail_msg("a file cut at %zu of %zu is taken", at, file.len);
            for (int bit = 0; bit < 8; bit++) {
                bw_buf_clear(&rows);
                bw_buf_clear(&table);
                file.ptr[at] = (char)(file.ptr[at] ^ (1 << bit));
                status = read_all(&file, "{}", &table, &rows, &err);
                assert_int_not_equal(status, BW_OK);
                file.ptr[at] = (char)(file.ptr[at] ^ (1 << bit));
            }
            bw_buf_fini(&table);
            bw_buf_fini(&rows);
        }
        bw_buf_fini(&data);
        bw_buf_fini(&file);
    }
}

/* Small files that claim much: they cost neither memory nor time. */
static void lies_are_cheap(void **state)
{
    (void)state;
    bq_error err;
    bw_buf data = BW_BUF_INIT;
    avro_long(&data, INT64_MAX); /* a text of that length */
    assert_int_equal(outcome(RECORD(FIELD("a", "\"string\"")), &data, "{}", &err), BW_CORRUPT);
    /* An array of as many records that take no bytes. */
    static const char hollow[] = RECORD(FIELD(
        "a", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"h\",\"fields\":[" FIELD(
                 "f", "{\"type\":\"fixed\",\"name\":\"z\",\"size\":0}") "]}}"));
    assert_int_equal(outcome(hollow, &data, "{}", &err), BW_CORRUPT);
    bw_buf_clear(&data);
    avro_long(&data, INT64_MIN);
    avro_long(&data, 1);
    assert_int_equal(outcome(hollow, &data, "{}", &err), BW_CORRUPT);
    bw_buf_fini(&data);
}

/* One literal "abcd" and a copy that overlaps itself, as the format's description has them. */
static void snappy_copies(void **state)
{
    (void)state;
    bw_buf out = BW_BUF_INIT;
    static const char packed[] = "\x0e\x0c"
                                 "abcd"
                                 "\x19\x02"; /* 10 bytes from 2 before */
    assert_true(bw_snappy_decode((bw_slice){packed, sizeof packed - 1}, 100, &out));
    assert_string_equal(bw_buf_cstr(&out), "abcdcdcdcdcdcd");
    assert_false(bw_snappy_decode((bw_slice){packed, sizeof packed - 1}, 13, &out));
    assert_false(bw_snappy_decode((bw_slice){"\x04\x01\x09", 3}, 100, &out));
    bw_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_and_unions),
        cmocka_unit_test(logical_types),
        cmocka_unit_test(decimals),
        cmocka_unit_test(nested_values),
        cmocka_unit_test(values_that_do_not_fit),
        cmocka_unit_test(schemas_that_are_refused),
        cmocka_unit_test(broken_files_end_in_an_error),
        cmocka_unit_test(lies_are_cheap),
        cmocka_unit_test(snappy_copies),
    };
    return BW_RUN_TESTS(tests);
}
