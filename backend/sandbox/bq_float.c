#include "backend/sandbox/bq_float.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

int64_t bq_float_encode(double d)
{
    int64_t bits;

    if (isnan(d))
        return INT64_MIN;
    memcpy(&bits, &d, sizeof(bits));
    return bits >= 0 ? bits : bits ^ INT64_MAX;
}

double bq_float_decode(int64_t stored)
{
    double d;
    int64_t bits = stored >= 0 ? stored : stored ^ INT64_MAX;

    if (stored == INT64_MIN)
        return NAN;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

/* [+-]digits[.digits][e[+-]digits], with digits on at least one side of the point. */
static bool decimal_grammar(bw_slice s)
{
    size_t i = 0, digits = 0;

    if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
        i++;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        digits++;
    if (i < s.len && s.ptr[i] == '.') {
        for (i++; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
            digits++;
    }
    if (digits == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
            i++;
        size_t from = i;
        while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    return i == s.len;
}

static bool special_value(bw_slice s, double *out)
{
    double sign = 1;

    if (s.len > 0 && (s.ptr[0] == '+' || s.ptr[0] == '-')) {
        sign = s.ptr[0] == '-' ? -1 : 1;
        s = (bw_slice){s.ptr + 1, s.len - 1};
    }
    if (s.len == 3 && strncasecmp(s.ptr, "nan", 3) == 0)
        *out = NAN;
    else if ((s.len == 3 && strncasecmp(s.ptr, "inf", 3) == 0) ||
             (s.len == 8 && strncasecmp(s.ptr, "infinity", 8) == 0))
        *out = sign * INFINITY;
    else
        return false;
    return true;
}

bool bq_float_parse(bw_slice text, double *out, bool *overflow)
{
    char small[64];

    *overflow = false;
    if (special_value(text, out))
        return true;
    if (!decimal_grammar(text))
        return false;
    /* strtod needs a terminator; LC_NUMERIC is never set, so its point is the point. */
    char *copy = text.len < sizeof(small) ? small : bw_xmalloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    if (isinf(*out)) {
        *overflow = true;
        return false;
    }
    return true;
}

void bq_float_shortest(double d, bq_float_digits *out)
{
    char text[40];

    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, d);
        if (precision == 16 || strtod(text, NULL) == d)
            break;
    }
    const char *p = text;
    out->negative = *p == '-';
    p += out->negative;
    out->count = 0;
    for (; *p && *p != 'e'; p++) {
        if (*p != '.')
            out->digits[out->count++] = *p;
    }
    while (out->count > 1 && out->digits[out->count - 1] == '0')
        out->count--;
    out->digits[out->count] = '\0';
    out->exponent = *p == 'e' ? (int)strtol(p + 1, NULL, 10) : 0;
}

/* Plain decimal notation; `point` forces ".0" on whole numbers. */
static void print_plain(const bq_float_digits *f, bool point, bw_buf *out)
{
    if (f->negative)
        bw_buf_addc(out, '-');
    if (f->exponent < 0) {
        bw_buf_adds(out, "0.");
        for (int i = -1; i > f->exponent; i--)
            bw_buf_addc(out, '0');
        bw_buf_add(out, f->digits, (size_t)f->count);
        return;
    }
    for (int i = 0; i <= f->exponent; i++)
        bw_buf_addc(out, i < f->count ? f->digits[i] : '0');
    if (f->count > f->exponent + 1) {
        bw_buf_addc(out, '.');
        bw_buf_add(out, f->digits + f->exponent + 1, (size_t)(f->count - f->exponent - 1));
    } else if (point) {
        bw_buf_adds(out, ".0");
    }
}

static void print_mantissa(const bq_float_digits *f, bool point, bw_buf *out)
{
    if (f->negative)
        bw_buf_addc(out, '-');
    bw_buf_addc(out, f->digits[0]);
    if (f->count > 1) {
        bw_buf_addc(out, '.');
        bw_buf_add(out, f->digits + 1, (size_t)f->count - 1);
    } else if (point) {
        bw_buf_adds(out, ".0");
    }
}

static void print_like_c(double d, bool point, bw_buf *out)
{
    bq_float_digits f;

    bq_float_shortest(d, &f);
    if (f.exponent >= -4 && f.exponent < 15) {
        print_plain(&f, point, out);
        return;
    }
    print_mantissa(&f, false, out);
    bw_buf_addf(out, "e%+03d", f.exponent);
}

void bq_float_print_sql(double d, bw_buf *out)
{
    if (isnan(d))
        bw_buf_adds(out, "nan");
    else if (isinf(d))
        bw_buf_adds(out, d > 0 ? "inf" : "-inf");
    else if (d == 0)
        bw_buf_adds(out, "0"); /* CAST: "a returned NaN or 0 will not be signed" */
    else
        print_like_c(d, false, out);
}

void bq_float_print_json(double d, bw_buf *out)
{
    print_like_c(d, true, out);
}

void bq_float_print_digits(const bq_float_digits *f, bw_buf *out)
{
    if (f->exponent >= -3 && f->exponent < 7) {
        print_plain(f, true, out);
    } else {
        print_mantissa(f, true, out);
        bw_buf_addf(out, "E%d", f->exponent);
    }
}

void bq_float_print_rest(double d, bw_buf *out)
{
    bq_float_digits f;

    if (isnan(d)) {
        bw_buf_adds(out, "NaN");
    } else if (isinf(d)) {
        bw_buf_adds(out, d > 0 ? "Infinity" : "-Infinity");
    } else {
        bq_float_shortest(d, &f);
        bq_float_print_digits(&f, out);
    }
}

/* The significant digits of a decimal number and the power of ten of the first one. */
static bool decimal_digits(bw_slice s, char *digits, size_t size, size_t *count, long *exponent)
{
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    bool point = false, seen = false;
    long before = 0, zeros = 0;

    *count = 0;
    for (; i < s.len && s.ptr[i] != 'e' && s.ptr[i] != 'E'; i++) {
        char c = s.ptr[i];
        if (c == '.') {
            point = true;
            continue;
        }
        seen = seen || c != '0';
        if (!seen) {
            zeros += point;
            continue;
        }
        before += !point;
        if (*count >= size)
            return false;
        digits[(*count)++] = c;
    }
    while (*count > 0 && digits[*count - 1] == '0')
        (*count)--;
    long written = 0;
    if (i < s.len) {
        char tail[24];
        size_t n = s.len - i - 1;
        if (n >= sizeof(tail))
            return false;
        memcpy(tail, s.ptr + i + 1, n);
        tail[n] = '\0';
        written = strtol(tail, NULL, 10);
    }
    *exponent = (before > 0 ? before - 1 : -zeros - 1) + written;
    return true;
}

bool bq_float_round_trips(bw_slice number, double *out)
{
    /* No double needs more than 17 digits; what has more than 20 does not come back. */
    char digits[800];
    size_t count;
    long exponent;
    bool overflow;
    bq_float_digits f;

    if (!bq_float_parse(number, out, &overflow) || !isfinite(*out) ||
        !decimal_digits(number, digits, sizeof(digits), &count, &exponent))
        return false;
    if (count == 0)
        return true; /* zero, however it is written */
    bq_float_shortest(*out, &f);
    return *out != 0 && f.exponent == exponent && (size_t)f.count == count &&
           memcmp(f.digits, digits, count) == 0;
}
