/*
 * One scalar from its text, by the rules that BigQuery's loading guide gives per type. What BigQuery
 * refuses is refused with its words.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_base64.h"
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_json.h"
#include "backend/sandbox/bq_load.h"
#include "backend/sandbox/bq_range.h"
#include "backend/sandbox/bq_time.h"
#include "backend/sandbox/bq_tuple.h"

void bq_path_text(const bq_path *p, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    if (p->outer) {
        bq_path_text(p->outer, out, size);
        used = strlen(out);
    }
    snprintf(out + used, size - used, "%s%s", used ? "." : "", p->name ? p->name : "");
}

const char *bq_load_shown(bw_slice raw, char *out, size_t size)
{
    bool quoted = raw.len >= 2 && raw.ptr[0] == '"';
    bw_slice s = quoted ? (bw_slice){raw.ptr + 1, raw.len - 2} : raw;
    size_t n = s.len < size - 1 ? s.len : size - 1;

    n = bw_utf8_valid_prefix((bw_slice){s.ptr, n});
    memcpy(out, s.ptr, n);
    out[n] = '\0';
    return out;
}

bw_status bq_load_refuse(const bq_loader *l, const bq_path *p, bw_slice raw, const char *what)
{
    char where[256], value[200];

    bq_path_text(p, where, sizeof(where));
    return bq_error_set(l->err, "invalid", where, "%s Field: %s; Value: %s", what, where,
                        bq_load_shown(raw, value, sizeof(value)));
}

static bw_status refuse_cell(const bq_cell *c, const char *what)
{
    return bq_load_refuse(c->l, c->p, c->raw, what);
}

static bool parse_int64(bw_slice s, int64_t *out)
{
    char copy[32];
    char *end;

    if (s.len == 0 || s.len >= sizeof(copy))
        return false;
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    char first = copy[0] == '-' || copy[0] == '+' ? copy[1] : copy[0];
    if (first < '0' || first > '9')
        return false;
    errno = 0;
    *out = strtoll(copy, &end, 10);
    return errno == 0 && *end == '\0';
}

static bw_status load_int64(const bq_cell *c, bq_value *out)
{
    int64_t v;

    if (!parse_int64(c->text, &v))
        return refuse_cell(c, "Could not convert value to integer.");
    *out = bq_int(v);
    return BW_OK;
}

static bw_status load_float64(const bq_cell *c, bq_value *out)
{
    double d;
    bool overflow;

    if (!bq_float_parse(c->text, &d, &overflow))
        return refuse_cell(c, "Could not convert value to double.");
    *out = bq_int(bq_float_encode(d));
    return BW_OK;
}

static bw_status load_bool(const bq_cell *c, bq_value *out)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "1"};
    static const char *const no[] = {"false", "f", "no", "n", "0"};

    for (size_t i = 0; i < BW_COUNT(yes); i++) {
        bool t =
            c->text.len == strlen(yes[i]) && strncasecmp(c->text.ptr, yes[i], c->text.len) == 0;
        bool f = c->text.len == strlen(no[i]) && strncasecmp(c->text.ptr, no[i], c->text.len) == 0;
        if (t || f) {
            *out = bq_int(t);
            return BW_OK;
        }
    }
    return refuse_cell(c, "Could not convert value to boolean.");
}

static bw_status load_decimal(const bq_cell *c, bq_value *out)
{
    static const char *const why[] = {
        [BQ_DECIMAL_SYNTAX] = "",
        [BQ_DECIMAL_INEXACT] = " (more fractional digits than the type holds)",
        [BQ_DECIMAL_RANGE] = " (out of range)",
    };
    size_t size = bq_decimal_spec_of(c->f->kind)->size;
    char *bytes = bw_arena_bytes(c->l->arena, size);
    char value[200], what[400];
    mpz_t scaled;
    bw_status status = BW_OK;

    if (c->f->kind == BQ_NUMERIC && bq_numeric_parse_plain(c->text, (unsigned char *)bytes)) {
        *out = bq_blob((bw_slice){bytes, size});
        return BW_OK;
    }
    mpz_init(scaled);
    bq_decimal_outcome outcome = bq_decimal_parse(c->f->kind, c->text, false, scaled);
    if (outcome != BQ_DECIMAL_OK) {
        bq_load_shown(c->raw, value, sizeof(value));
        snprintf(what, sizeof(what), "Invalid %s value: %s%s", bq_kind_sql(c->f->kind), value,
                 why[outcome]);
        status = refuse_cell(c, what);
    } else if (bq_decimal_encode(c->f->kind, scaled, (unsigned char *)bytes)) {
        *out = bq_blob((bw_slice){bytes, size});
    }
    mpz_clear(scaled);
    return status;
}

static bw_status load_string(const bq_cell *c, bq_value *out)
{
    if (!c->is_string)
        return refuse_cell(c, "Could not convert value to string.");
    if (!bw_utf8_valid(c->text))
        return refuse_cell(c, "Bad character (ASCII 0) or invalid UTF-8 encountered.");
    *out = bq_text(c->text);
    return BW_OK;
}

static bw_status load_bytes(const bq_cell *c, bq_value *out)
{
    bw_buf bytes = BW_BUF_INIT;

    if (!c->is_string || !bq_base64_decode(c->text, &bytes)) {
        bw_buf_fini(&bytes);
        return refuse_cell(c, "Could not decode base64 string to bytes.");
    }
    *out = bq_blob(bw_arena_slice(c->l->arena, bw_buf_slice(&bytes)));
    bw_buf_fini(&bytes);
    return BW_OK;
}

static bw_status load_date(const bq_cell *c, bq_value *out)
{
    int64_t v;
    char value[120], what[200];

    if (c->is_string && bq_date_parse(c->text, &v)) {
        *out = bq_int(v);
        return BW_OK;
    }
    snprintf(what, sizeof(what), "Invalid date: '%s'", bq_load_shown(c->raw, value, sizeof(value)));
    return refuse_cell(c, what);
}

static bw_status load_time(const bq_cell *c, bq_value *out)
{
    int64_t v;
    char value[120], what[200];

    if (c->is_string && bq_time_parse(c->text, &v)) {
        *out = bq_int(v);
        return BW_OK;
    }
    snprintf(what, sizeof(what), "Invalid time string \"%s\"",
             bq_load_shown(c->raw, value, sizeof(value)));
    return refuse_cell(c, what);
}

static bw_status load_datetime(const bq_cell *c, bq_value *out)
{
    int64_t v;
    char value[120], what[200];

    if (c->is_string && bq_datetime_parse(c->text, &v)) {
        *out = bq_int(v);
        return BW_OK;
    }
    snprintf(what, sizeof(what), "Invalid datetime string \"%s\"",
             bq_load_shown(c->raw, value, sizeof(value)));
    return refuse_cell(c, what);
}

/* Seconds since the epoch with at most six decimals, exactly. */
static bool epoch_seconds(bw_slice text, int64_t *us)
{
    mpz_t scaled, thousand;
    bool ok = false;

    mpz_init(scaled);
    mpz_init_set_ui(thousand, 1000);
    if (bq_decimal_parse(BQ_NUMERIC, text, false, scaled) == BQ_DECIMAL_OK &&
        mpz_divisible_p(scaled, thousand)) {
        mpz_divexact(scaled, scaled, thousand);
        ok = mpz_fits_slong_p(scaled);
        *us = ok ? mpz_get_si(scaled) : 0;
    }
    mpz_clears(scaled, thousand, NULL);
    return ok && *us >= BQ_TIMESTAMP_MIN && *us <= BQ_TIMESTAMP_MAX;
}

/* Google's own client writes nanoseconds, of which the last three are zeros. */
static bool timestamp_text(bw_slice text, int64_t *us)
{
    char shorter[64];
    const char *point = memchr(text.ptr, '.', text.len);
    size_t digits = 0, kept = point ? (size_t)(point - text.ptr) + 7 : 0;

    while (point && point + 1 + digits < text.ptr + text.len && point[1 + digits] >= '0' &&
           point[1 + digits] <= '9')
        digits++;
    if (digits != 9 || text.len >= sizeof(shorter) || memcmp(point + 7, "000", 3) != 0)
        return bq_timestamp_parse(text, 0, us);
    memcpy(shorter, text.ptr, kept);
    memcpy(shorter + kept, text.ptr + kept + 3, text.len - kept - 3);
    return bq_timestamp_parse((bw_slice){shorter, text.len - 3}, 0, us);
}

static bw_status load_timestamp(const bq_cell *c, bq_value *out)
{
    int64_t v;
    char value[120], what[300];

    if ((c->is_string && timestamp_text(c->text, &v)) || epoch_seconds(c->text, &v)) {
        *out = bq_int(v);
        return BW_OK;
    }
    /* A space stands before the zone in "2023-11-14 22:13:20 UTC"; that form is read above. */
    snprintf(what, sizeof(what),
             "Couldn't convert value to timestamp: Could not parse '%s' as a timestamp. Required "
             "format is YYYY-MM-DD HH:MM[:SS[.SSSSSS]]",
             bq_load_shown(c->raw, value, sizeof(value)));
    return refuse_cell(c, what);
}

static bw_status load_json(const bq_cell *c, bq_value *out)
{
    bw_buf text = BW_BUF_INIT;
    const char *why;
    char what[300];

    if (!bq_json_normalise(c->raw, false, &text, &why)) {
        bw_buf_fini(&text);
        snprintf(what, sizeof(what), "Invalid JSON value: %s", why);
        return refuse_cell(c, what);
    }
    *out = bq_text(bw_arena_slice(c->l->arena, bw_buf_slice(&text)));
    bw_buf_fini(&text);
    return BW_OK;
}

static bw_status load_geography(const bq_cell *c, bq_value *out)
{
    static const char *const shapes[] = {
        "POINT", "LINESTRING", "POLYGON", "MULTI", "GEOMETRYCOLLECTION", "FULLGLOBE", "{"};
    for (size_t i = 0; c->is_string && i < BW_COUNT(shapes); i++) {
        size_t n = strlen(shapes[i]);
        if (c->text.len >= n && strncasecmp(c->text.ptr, shapes[i], n) == 0)
            return load_string(c, out);
    }
    return refuse_cell(c, "Invalid geography value: neither WKT nor GeoJSON.");
}

static bw_status load_interval(const bq_cell *c, bq_value *out)
{
    bq_interval v;

    if (!c->is_string || !bq_interval_parse(c->text, &v))
        return refuse_cell(c, "Invalid INTERVAL value");
    char *bytes = bw_arena_bytes(c->l->arena, 24);
    bq_interval_encode(&v, (unsigned char *)bytes);
    *out = bq_blob((bw_slice){bytes, 24});
    return BW_OK;
}

bw_status bq_load_range(const bq_cell *c, const bq_range *r, bq_value *out)
{
    unsigned char *bytes = (unsigned char *)bw_arena_bytes(c->l->arena, BQ_RANGE_SIZE);

    if (!bq_range_ordered(r))
        return refuse_cell(c, BQ_RANGE_ORDER_ERROR ".");
    bq_range_encode(r, bytes);
    *out = bq_blob((bw_slice){(const char *)bytes, BQ_RANGE_SIZE});
    return BW_OK;
}

static bw_status load_range(const bq_cell *c, bq_value *out)
{
    bq_range r;
    char value[120], what[300];

    if (c->is_string && bq_range_parse(c->f->kind, c->text, &r))
        return bq_load_range(c, &r, out);
    snprintf(what, sizeof(what), "Invalid %s value: %s", bq_kind_sql(c->f->kind),
             bq_load_shown(c->raw, value, sizeof(value)));
    return refuse_cell(c, what);
}

typedef bw_status load_scalar(const bq_cell *c, bq_value *out);

static load_scalar *const scalars[BQ_KIND_COUNT] = {
    [BQ_BOOL] = load_bool,
    [BQ_INT64] = load_int64,
    [BQ_FLOAT64] = load_float64,
    [BQ_NUMERIC] = load_decimal,
    [BQ_BIGNUMERIC] = load_decimal,
    [BQ_STRING] = load_string,
    [BQ_BYTES] = load_bytes,
    [BQ_DATE] = load_date,
    [BQ_TIME] = load_time,
    [BQ_DATETIME] = load_datetime,
    [BQ_TIMESTAMP] = load_timestamp,
    [BQ_JSON] = load_json,
    [BQ_GEOGRAPHY] = load_geography,
    [BQ_INTERVAL] = load_interval,
    [BQ_RANGE_DATE] = load_range,
    [BQ_RANGE_DATETIME] = load_range,
    [BQ_RANGE_TIMESTAMP] = load_range,
};

/* Type parameters as loads enforce them: nothing is rounded or cut. */
static bw_status check_parameters(const bq_cell *c, const bq_value *v)
{
    const bq_field *f = c->f;
    char what[300];
    bw_status status = BW_OK;

    if (f->max_length > 0) {
        size_t length = v->s.len;
        for (size_t i = 0; f->kind == BQ_STRING && i < v->s.len; i++)
            length -= ((unsigned char)v->s.ptr[i] & 0xC0) == 0x80;
        if (length <= (size_t)f->max_length)
            return BW_OK;
        snprintf(what, sizeof(what),
                 "%s(%lld) has maximum length %lld but got a value with "
                 "length %zu",
                 bq_kind_sql(f->kind), (long long)f->max_length, (long long)f->max_length, length);
        return refuse_cell(c, what);
    }
    if (f->precision > 0) {
        mpz_t before, after;
        mpz_inits(before, after, NULL);
        bq_decimal_decode(f->kind, v->s, before);
        mpz_set(after, before);
        bool fits =
            bq_decimal_fit(f->kind, f->precision, f->scale, after) && mpz_cmp(before, after) == 0;
        mpz_clears(before, after, NULL);
        if (!fits) {
            snprintf(what, sizeof(what),
                     "%s(%d, %d) has precision %d and scale %d but got a "
                     "value that does not fit",
                     bq_kind_sql(f->kind), f->precision, f->scale, f->precision, f->scale);
            status = refuse_cell(c, what);
        }
    }
    return status;
}

bw_status bq_load_cell(const bq_cell *c, bq_value *out)
{
    bw_status status = scalars[c->f->kind](c, out);

    if (status == BW_OK && (c->f->max_length > 0 || c->f->precision > 0))
        status = check_parameters(c, out);
    return status;
}
