/*
 * Type parameters as SQL assignments enforce them: decimals are rounded to the scale, everything
 * that is then too long or too large is an error.
 */
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_tuple.h"

int64_t bq_text_length(bw_slice s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

static bw_status fit_length(const bq_field *field, const bq_value *value, bq_error *err)
{
    int64_t length = field->kind == BQ_STRING ? bq_text_length(value->s) : (int64_t)value->s.len;

    if (length <= field->max_length)
        return BW_OK;
    return bq_error_set(err, "invalidQuery", "query",
                        "%s(%lld) has maximum length %lld but got a value with length %lld",
                        bq_kind_sql(field->kind), (long long)field->max_length,
                        (long long)field->max_length, (long long)length);
}

/* "[-999.99, 999.99]" for NUMERIC(5, 2) */
static void print_limits(const bq_field *field, bw_buf *out)
{
    mpz_t limit, drop;

    mpz_inits(limit, drop, NULL);
    unsigned below = (unsigned)(bq_decimal_spec_of(field->kind)->scale - field->scale);
    bq_decimal_pow10(drop, below);
    bq_decimal_pow10(limit, (unsigned)field->precision + below);
    mpz_sub(limit, limit, drop);
    bw_buf_adds(out, "[-");
    bq_decimal_print(field->kind, limit, out);
    bw_buf_adds(out, ", ");
    bq_decimal_print(field->kind, limit, out);
    bw_buf_addc(out, ']');
    mpz_clears(limit, drop, NULL);
}

static bw_status fit_decimal(const bq_field *field, bw_arena *arena, bq_value *value, bq_error *err)
{
    char *bytes = bw_arena_bytes(arena, value->s.len);
    bw_status status = BW_OK;
    mpz_t scaled;

    mpz_init(scaled);
    bq_decimal_decode(field->kind, value->s, scaled);
    if (bq_decimal_fit(field->kind, field->precision, field->scale, scaled) &&
        bq_decimal_encode(field->kind, scaled, (unsigned char *)bytes)) {
        *value = bq_blob((bw_slice){bytes, value->s.len});
    } else {
        bw_buf limits = BW_BUF_INIT;
        print_limits(field, &limits);
        status = bq_error_set(err, "invalidQuery", "query",
                              "%s(%d, %d) has precision %d and scale %d but got a value that is "
                              "not in range of %s",
                              bq_kind_sql(field->kind), field->precision, field->scale,
                              field->precision, field->scale, bw_buf_cstr(&limits));
        bw_buf_fini(&limits);
    }
    mpz_clear(scaled);
    return status;
}

static bool has_parameters(const bq_field *field)
{
    if (field->max_length > 0 || field->precision > 0)
        return true;
    for (size_t i = 0; i < field->fields.count; i++) {
        if (has_parameters(&field->fields.fields[i]))
            return true;
    }
    return false;
}

/* Elements and fields, repacked. */
static bw_status fit_items(const bq_field *field, bw_arena *arena, bq_value *value, bq_error *err)
{
    bool repeated = field->mode == BQ_REPEATED;
    bq_field element = *field;
    bw_buf packed = BW_BUF_INIT;
    bw_status status = BW_OK;
    bq_tuple t;
    bq_value item;

    element.mode = BQ_NULLABLE;
    if (!bq_tuple_open(value->s, &t))
        return BW_OK;
    bq_tuple_begin(&packed, t.count);
    for (size_t i = 0; status == BW_OK && bq_tuple_next(&t, &item); i++) {
        if (!repeated && i >= field->fields.count)
            break;
        status = bq_value_fit(repeated ? &element : &field->fields.fields[i], arena, &item, err);
        bq_tuple_add(&packed, &item);
    }
    if (status == BW_OK)
        *value = bq_blob(bw_arena_slice(arena, bw_buf_slice(&packed)));
    bw_buf_fini(&packed);
    return status;
}

bw_status bq_value_fit(const bq_field *field, bw_arena *arena, bq_value *value, bq_error *err)
{
    if (value->cls == BQ_NULL || !has_parameters(field))
        return BW_OK;
    if (field->mode == BQ_REPEATED || field->kind == BQ_STRUCT)
        return fit_items(field, arena, value, err);
    return field->max_length > 0 ? fit_length(field, value, err)
                                 : fit_decimal(field, arena, value, err);
}
