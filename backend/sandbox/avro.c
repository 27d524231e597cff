#include "backend/sandbox/avro.h"

#include <gmp.h>
#include <math.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/sandbox/avro_file.h"
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/json_edit.h"

#define MAX_ROW     ((size_t)100 << 20) /* bytes of texts in one row */
#define MAX_DECIMAL 1024                /* bytes of one */
#define MAX_ITEMS   ((size_t)4 << 20)   /* array elements in one row */

struct bw_sb_avro {
    bw_arena arena; /* of the schema */
    bw_avro_file *file;
    bw_avro_options options;
    const bw_avro_type *record;
    const bq_schema *schema;
    /* Of the row that is being read: */
    bw_arena *row;
    size_t bytes, items;
    bq_error *err; /* the first value that does not fit */
    bool misfit;
};

static bw_status corrupt(bw_sb_avro *a, bq_error *err)
{
    const char *why = bw_avro_file_error(a->file);
    bq_error_set(err, "invalid", NULL,
                 "Error while reading data, error message: The Apache Avro library failed to read "
                 "data with the following error: %s",
                 why ? why : "invalid data");
    return BW_CORRUPT;
}

bw_status bw_sb_avro_options(bw_slice config, bw_avro_options *out, bq_error *err)
{
    bw_slice targets = bw_json_member(config, "decimalTargetTypes"), target;
    *out = (bw_avro_options){bw_sb_json_bool(config, "useAvroLogicalTypes", false), false, false,
                             false};
    for (size_t at = 0;
         targets.len && targets.ptr[0] == '[' && bw_sb_json_each_element(targets, &at, &target);) {
        if (bw_slice_is(target, "\"NUMERIC\""))
            out->to_numeric = true;
        else if (bw_slice_is(target, "\"BIGNUMERIC\""))
            out->to_bignumeric = true;
        else if (bw_slice_is(target, "\"STRING\""))
            out->to_string = true;
        else
            return bq_error_set(err, "invalid", NULL, "Invalid value for decimalTargetTypes: %.*s",
                                BW_SLICE_ARG(target));
    }
    if (!out->to_numeric && !out->to_bignumeric && !out->to_string)
        out->to_numeric = true;
    return BW_OK;
}

bw_status bw_sb_avro_open(int fd, const bw_avro_options *options, bw_sb_avro **out, bq_error *err)
{
    const char *why;
    bw_sb_avro *a = bw_xcalloc(1, sizeof *a);
    bw_status status = BW_OK;
    a->options = *options;
    a->file = bw_avro_file_open(fd, &why);
    if (!a->file)
        status = bq_error_set(err, "invalid", NULL,
                              "Error while reading data, error message: The Apache Avro library "
                              "failed to parse the header with the following error: %s",
                              why);
    if (status == BW_OK)
        status = bw_avro_schema_parse(&a->arena, bw_avro_file_schema(a->file), &a->record, err);
    if (status != BW_OK) {
        bw_sb_avro_close(a);
        return status;
    }
    *out = a;
    return BW_OK;
}

void bw_sb_avro_close(bw_sb_avro *a)
{
    if (!a)
        return;
    bw_avro_file_close(a->file);
    bw_arena_fini(&a->arena);
    free(a);
}

/* ---- Schemas ---------------------------------------------------------------------------------- */

static bool text_in_other_form(bq_kind file, bq_kind table)
{
    return file == BQ_STRING && (table == BQ_JSON || table == BQ_GEOGRAPHY);
}

static void adapt(bq_schema *file, const bq_schema *table)
{
    for (size_t i = 0; i < file->count; i++) {
        bq_field *f = &file->fields[i];
        int at = bq_schema_find(table, bw_slice_cstr(f->name));
        if (at < 0)
            continue;
        const bq_field *t = &table->fields[at];
        if (f->mode == BQ_REQUIRED && t->mode == BQ_NULLABLE)
            f->mode = BQ_NULLABLE;
        if (text_in_other_form(f->kind, t->kind))
            f->kind = t->kind;
        if (f->kind == t->kind && f->kind == BQ_STRUCT)
            adapt(&f->fields, &t->fields);
        if (f->kind == t->kind) { /* the file says nothing of these */
            f->precision = t->precision;
            f->scale = t->scale;
            f->max_length = t->max_length;
        }
    }
}

bw_status bw_sb_avro_schema(bw_sb_avro *a, const bq_schema *table, bq_schema *out, bq_error *err)
{
    bw_status status = bw_avro_table_schema(&a->arena, a->record, &a->options, out, err);
    if (status == BW_OK && table)
        adapt(out, table);
    return status;
}

static bw_status check_fit(const bq_schema *file, const bq_schema *table, bq_error *err)
{
    for (size_t i = 0; i < file->count; i++) {
        const bq_field *f = &file->fields[i];
        int at = bq_schema_find(table, bw_slice_cstr(f->name));
        if (at < 0)
            continue; /* a schema that was given leaves it out */
        const bq_field *t = &table->fields[at];
        bool same = (f->kind == t->kind || text_in_other_form(f->kind, t->kind)) &&
                    (f->mode == BQ_REPEATED) == (t->mode == BQ_REPEATED);
        if (!same)
            return bq_error_set(err, "invalid", f->name,
                                "Provided Schema does not match the Avro file. Field %s has "
                                "changed type from %s%s to %s%s",
                                f->name, t->mode == BQ_REPEATED ? "REPEATED " : "",
                                bq_kind_rest(t->kind), f->mode == BQ_REPEATED ? "REPEATED " : "",
                                bq_kind_rest(f->kind));
        if (f->kind == BQ_STRUCT) {
            bw_status status = check_fit(&f->fields, &t->fields, err);
            if (status != BW_OK)
                return status;
        }
    }
    return BW_OK;
}

bw_status bw_sb_avro_bind(bw_sb_avro *a, const bq_schema *schema, bq_error *err)
{
    bq_schema file;
    bw_status status = bw_avro_table_schema(&a->arena, a->record, &a->options, &file, err);
    a->schema = schema;
    return status == BW_OK ? check_fit(&file, schema, err) : status;
}

/* ---- Values ----------------------------------------------------------------------------------- */

/* Notes a value that does not fit; the row is read to its end all the same. */
static bool misfit(bw_sb_avro *a, const bq_field *f, const char *what)
{
    if (!a->misfit)
        bq_error_set(a->err, "invalid", f->name, "%s Field: %s", what, f->name);
    a->misfit = true;
    return true;
}

static bool beyond(bw_sb_avro *a, size_t bytes)
{
    a->bytes += bytes;
    return a->bytes > MAX_ROW;
}

/* A text or bytes of `size`, in the row's arena. False: the file is broken, or the row too large. */
static bool take(bw_sb_avro *a, int64_t size, bw_slice *out)
{
    if (size < 0 || size > (int64_t)MAX_ROW || beyond(a, (size_t)size))
        return false;
    char *bytes = bw_arena_bytes(a->row, (size_t)size + 1);
    bytes[size] = '\0';
    *out = (bw_slice){bytes, (size_t)size};
    return bw_avro_file_read(a->file, bytes, (size_t)size);
}

static bool in_range(bw_sb_avro *a, const bq_field *f, int64_t v, int64_t low, int64_t high,
                     bq_value *out)
{
    if (v < low || v > high)
        return misfit(a, f, "The value is out of range.");
    *out = bq_int(v);
    return true;
}

static bool put_integer(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, int64_t v,
                        bq_value *out)
{
    bool millis = t->logical == BW_AVRO_TIME_MILLIS || t->logical == BW_AVRO_TIMESTAMP_MILLIS ||
                  t->logical == BW_AVRO_LOCAL_MILLIS;
    if (f->kind == BQ_INT64) {
        *out = bq_int(v);
        return true;
    }
    if (millis && __builtin_mul_overflow(v, INT64_C(1000), &v))
        return misfit(a, f, "The value is out of range.");
    if (f->kind == BQ_DATE)
        return in_range(a, f, v, BQ_DATE_MIN, BQ_DATE_MAX, out);
    if (f->kind == BQ_TIME)
        return in_range(a, f, v, 0, BQ_US_PER_DAY - 1, out);
    return in_range(a, f, v, BQ_TIMESTAMP_MIN, BQ_TIMESTAMP_MAX, out);
}

static bool read_integer(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    int64_t v;
    if (!bw_avro_file_long(a->file, &v) ||
        (t->kind == BW_AVRO_INT && (v < INT32_MIN || v > INT32_MAX)))
        return false;
    return !f || put_integer(a, t, f, v, out);
}

static bool read_boolean(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    unsigned char byte;
    (void)t;
    (void)f;
    if (!bw_avro_file_read(a->file, &byte, 1) || byte > 1)
        return false;
    *out = bq_int(byte);
    return true;
}

static bool read_float(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    unsigned char bytes[8] = {0};
    size_t size = t->kind == BW_AVRO_FLOAT ? 4 : 8;
    uint64_t bits = 0;
    double d;
    (void)f;
    if (!bw_avro_file_read(a->file, bytes, size))
        return false;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    if (size == 4) {
        uint32_t half = (uint32_t)bits;
        float single;
        memcpy(&single, &half, 4);
        d = (double)single;
    } else {
        memcpy(&d, &bits, 8);
    }
    *out = bq_int(bq_float_encode(d));
    return true;
}

/* "-0.05" */
static bw_slice decimal_text(bw_arena *arena, const mpz_t unscaled, int scale)
{
    bool minus = mpz_sgn(unscaled) < 0;
    mpz_t v;
    mpz_init(v);
    mpz_abs(v, unscaled);
    char *digits = mpz_get_str(bw_arena_bytes(arena, mpz_sizeinbase(v, 10) + 2), 10, v);
    mpz_clear(v);
    int zeros = scale + 1 - (int)strlen(digits);
    if (zeros > 0)
        digits = bw_arena_printf(arena, "%0*d%s", zeros, 0, digits);
    int whole = (int)strlen(digits) - scale;
    return bw_slice_cstr(bw_arena_printf(arena, "%s%.*s%s%s", minus ? "-" : "", whole, digits,
                                         scale ? "." : "", digits + whole));
}

/* From 10^-scale to the kind's own scale; false when that loses digits. */
static bool rescale(mpz_t v, int scale, const bq_decimal_spec *spec)
{
    mpz_t power;
    int shift = spec->scale - scale;
    mpz_init(power);
    bq_decimal_pow10(power, (unsigned)abs(shift));
    bool exact = shift >= 0 || mpz_divisible_p(v, power) != 0;
    if (shift >= 0)
        mpz_mul(v, v, power);
    else if (exact)
        mpz_divexact(v, v, power);
    mpz_clear(power);
    return exact;
}

/* Two's complement, big-endian. */
static void import_integer(bw_slice bytes, mpz_t v)
{
    mpz_import(v, bytes.len, 1, 1, 1, 0, bytes.ptr);
    if (bytes.len && (unsigned char)bytes.ptr[0] & 0x80) {
        mpz_t power;
        mpz_init(power);
        mpz_ui_pow_ui(power, 2, 8 * bytes.len);
        mpz_sub(v, v, power);
        mpz_clear(power);
    }
}

static bool put_decimal(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bw_slice bytes,
                        bq_value *out)
{
    mpz_t v;
    if (bytes.len > MAX_DECIMAL)
        return misfit(a, f, "The decimal value is out of range.");
    mpz_init(v);
    import_integer(bytes, v);
    bool good = true;
    if (f->kind == BQ_STRING) {
        *out = bq_text(decimal_text(a->row, v, t->scale));
    } else {
        const bq_decimal_spec *spec = bq_decimal_spec_of(f->kind);
        unsigned char *stored = (unsigned char *)bw_arena_bytes(a->row, spec->size);
        good = rescale(v, t->scale, spec) && bq_decimal_encode(f->kind, v, stored);
        *out = bq_blob((bw_slice){(const char *)stored, spec->size});
    }
    mpz_clear(v);
    return good || misfit(a, f, "The decimal value is out of range.");
}

static bool read_bytes(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    int64_t size = (int64_t)t->size;
    bw_slice bytes;
    if (t->kind == BW_AVRO_BYTES && !bw_avro_file_long(a->file, &size))
        return false;
    if (!f)
        return size >= 0 && bw_avro_file_skip(a->file, (uint64_t)size);
    if (!take(a, size, &bytes))
        return false;
    if (f->kind != BQ_BYTES)
        return put_decimal(a, t, f, bytes, out);
    *out = bq_blob(bytes);
    return true;
}

/* A text for a column of another form: JSON, GEOGRAPHY, DATETIME. */
static bool put_text(bw_sb_avro *a, const bq_field *f, bw_slice text, bq_value *out)
{
    bq_error why = BQ_ERROR_INIT;
    if (!bw_utf8_valid(text))
        return misfit(a, f, "The text is not valid UTF-8.");
    if (f->kind == BQ_STRING) {
        *out = bq_text(text);
        return true;
    }
    bw_status status = f->kind == BQ_JSON ? bq_value_from_json(f, text, (bq_load_options){false},
                                                               a->row, out, &why)
                                          : bq_value_from_text(f, text, a->row, out, &why);
    return status == BW_OK || misfit(a, f, why.message);
}

static bool read_string(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    int64_t size;
    bw_slice text;
    (void)t;
    if (!bw_avro_file_long(a->file, &size))
        return false;
    if (!f)
        return size >= 0 && bw_avro_file_skip(a->file, (uint64_t)size);
    return take(a, size, &text) && put_text(a, f, text, out);
}

static bool read_enum(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    int64_t index;
    if (!bw_avro_file_long(a->file, &index) || index < 0 || (uint64_t)index >= t->count)
        return false;
    return !f || put_text(a, f, bw_slice_cstr(t->names[index]), out);
}

/* ---- What holds others ------------------------------------------------------------------------ */

static bool read_value(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out);

static bool finish(bw_sb_avro *a, const bq_field *f, bq_value *out)
{
    bq_error why = BQ_ERROR_INIT;
    if (a->misfit || out->cls == BQ_NULL || bq_value_fit(f, a->row, out, &why) == BW_OK)
        return true;
    return misfit(a, f, why.message);
}

static bool put_null(bw_sb_avro *a, const bq_field *f, bq_value *out)
{
    *out = f && f->mode == BQ_REPEATED ? bq_value_pack(a->row, NULL, 0) : bq_null();
    return !f || f->mode != BQ_REQUIRED || misfit(a, f, "Only optional fields can be NULL.");
}

/* The fields of a record into `row`, in the table's order. */
static bool read_record(bw_sb_avro *a, const bw_avro_type *t, const bq_schema *schema,
                        bq_value *row)
{
    bool *seen = schema ? BW_ARENA_ARRAY(a->row, bool, schema->count + 1) : NULL;
    for (size_t i = 0; i < t->count; i++) {
        bq_value dropped;
        int at = schema && t->types[i]->kind != BW_AVRO_NULL
                     ? bq_schema_find(schema, bw_slice_cstr(t->names[i]))
                     : -1;
        const bq_field *f = at < 0 ? NULL : &schema->fields[at];
        if (!read_value(a, t->types[i], f, f ? &row[at] : &dropped))
            return false;
        if (f)
            seen[at] = true;
    }
    for (size_t i = 0; schema && i < schema->count; i++) {
        if (!seen[i])
            put_null(a, &schema->fields[i], &row[i]);
    }
    return true;
}

static bool read_struct(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    if (!f)
        return read_record(a, t, NULL, NULL);
    bq_value *items = BW_ARENA_ARRAY(a->row, bq_value, f->fields.count + 1);
    if (!read_record(a, t, &f->fields, items))
        return false;
    if (!a->misfit)
        *out = bq_value_pack(a->row, items, f->fields.count);
    return true;
}

/* One element of an array, or one pair of a map. */
static bool read_item(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    bq_value pair[2] = {{BQ_NULL, 0, {NULL, 0}}, {BQ_NULL, 0, {NULL, 0}}};
    if (t->kind == BW_AVRO_ARRAY) {
        bq_field element = f ? *f : (bq_field){0};
        element.mode = BQ_REQUIRED; /* no NULL in an array */
        return read_value(a, t->types[0], f ? &element : NULL, out);
    }
    static const bw_avro_type key = {.kind = BW_AVRO_STRING};
    const bq_field *fields = f ? f->fields.fields : NULL;
    if (!read_value(a, &key, f ? &fields[0] : NULL, &pair[0]) ||
        !read_value(a, t->types[0], f ? &fields[1] : NULL, &pair[1]))
        return false;
    if (f && !a->misfit)
        *out = bq_value_pack(a->row, pair, 2);
    return true;
}

/* The count of the next block of items, 0 at the end; false: broken. */
static bool item_block(bw_sb_avro *a, int64_t *count)
{
    int64_t size;
    if (!bw_avro_file_long(a->file, count))
        return false;
    if (*count < 0) {
        if (*count == INT64_MIN || !bw_avro_file_long(a->file, &size))
            return false;
        *count = -*count;
    }
    a->items += *count > (int64_t)MAX_ITEMS ? MAX_ITEMS + 1 : (size_t)*count;
    return a->items <= MAX_ITEMS;
}

static bool read_items(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    bw_buf packed = BW_BUF_INIT;
    size_t total = 0;
    int64_t count = 0;
    bool good = true;
    bq_tuple_begin(&packed, 0);
    while (good && (good = item_block(a, &count)) && count > 0) {
        for (; good && count > 0; count--) {
            bq_value item = bq_null();
            good = read_item(a, t, f, &item);
            if (!good || !f || a->misfit)
                continue;
            bq_tuple_add(&packed, &item);
            total++;
        }
    }
    bq_tuple_set_count(&packed, 0, total);
    if (good && f)
        *out = bq_blob(bw_arena_slice(a->row, bw_buf_slice(&packed)));
    bw_buf_fini(&packed);
    return good;
}

typedef bool read_kind(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out);

static bool read_value(bw_sb_avro *a, const bw_avro_type *t, const bq_field *f, bq_value *out)
{
    static read_kind *const readers[] = {
        [BW_AVRO_BOOLEAN] = read_boolean, [BW_AVRO_INT] = read_integer,
        [BW_AVRO_LONG] = read_integer,    [BW_AVRO_FLOAT] = read_float,
        [BW_AVRO_DOUBLE] = read_float,    [BW_AVRO_BYTES] = read_bytes,
        [BW_AVRO_STRING] = read_string,   [BW_AVRO_RECORD] = read_struct,
        [BW_AVRO_ENUM] = read_enum,       [BW_AVRO_ARRAY] = read_items,
        [BW_AVRO_MAP] = read_items,       [BW_AVRO_FIXED] = read_bytes,
    };
    int64_t branch = 0;
    *out = bq_null();
    if (t->kind == BW_AVRO_UNION) {
        if (!bw_avro_file_long(a->file, &branch) || branch < 0 || (uint64_t)branch >= t->count)
            return false;
        t = t->types[branch];
    }
    if (t->kind == BW_AVRO_NULL)
        return put_null(a, f, out);
    if (!readers[t->kind](a, t, f, out))
        return false;
    return !f || f->mode == BQ_REPEATED || finish(a, f, out);
}

bw_status bw_sb_avro_next(bw_sb_avro *a, bw_arena *arena, bq_value *row, bq_error *err)
{
    if (!bw_avro_file_row(a->file))
        return bw_avro_file_error(a->file) ? corrupt(a, err) : BW_NOT_FOUND;
    a->row = arena;
    a->bytes = a->items = 0;
    a->misfit = false;
    a->err = err;
    if (!read_record(a, a->record, a->schema, row))
        return corrupt(a, err);
    return a->misfit ? BW_INVALID : BW_OK;
}
