/*
 * FORMAT: the specifiers that GoogleSQL documents, %d %i %o %x %f %e %g %s %t %T %p %P, with flags,
 * width, precision and *.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/sandbox/bq_decimal.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_text.h"
#include "backend/sandbox/bq_tuple.h"

#define MAX_WIDTH 100000

typedef struct spec {
    bool left, plus, space, alternate, zero, grouped;
    int64_t width, precision; /* precision -1: none given */
    char letter;
} spec;

typedef struct formatting {
    sqlite3_context *ctx;
    bw_slice format;
    int argc, next;
    sqlite3_value **argv;
    bool null;   /* an argument that makes the whole NULL */
    bool failed; /* the error is set */
} formatting;

/* ---- Values as %t and %T print them ------------------------------------------------------------- */

static void add_quoted(bw_slice s, bool bytes, bw_buf *out)
{
    static const char letters[] = "\"\\\n\r\t", escapes[] = "\"\\nrt";

    bw_buf_adds(out, bytes ? "b\"" : "\"");
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        const char *at = c ? strchr(letters, (char)c) : NULL;
        if (at)
            bw_buf_addf(out, "\\%c", escapes[at - letters]);
        else if (c < ' ' || c == 127 || (bytes && c > 127))
            bw_buf_addf(out, "\\x%02x", c);
        else
            bw_buf_addc(out, (char)c);
    }
    bw_buf_addc(out, '"');
}

static void add_value(const bq_field *type, const bq_value *v, bool literal, bw_buf *out);

static void add_items(const bq_field *type, const bq_value *v, bool literal, bw_buf *out)
{
    bool array = type->mode == BQ_REPEATED;
    bq_field element = *type;
    bq_tuple t;
    bq_value item;

    element.mode = BQ_NULLABLE;
    bool open = bq_tuple_open(v->s, &t);
    bw_buf_adds(out, array ? "[" : open && t.count == 1 ? "STRUCT(" : "(");
    for (size_t i = 0; open && bq_tuple_next(&t, &item); i++) {
        if (!array && i >= type->fields.count)
            break;
        bw_buf_adds(out, i ? ", " : "");
        add_value(array ? &element : &type->fields.fields[i], &item, literal, out);
    }
    bw_buf_addc(out, array ? ']' : ')');
}

static void add_float(double d, bool literal, bw_buf *out)
{
    if (literal && !isfinite(d)) {
        bw_buf_addf(out, "CAST(\"%s\" AS FLOAT64)", isnan(d) ? "nan" : d > 0 ? "inf" : "-inf");
        return;
    }
    size_t start = out->len;
    bq_float_print_sql(d, out);
    const char *text = bw_buf_cstr(out) + start;
    if (isfinite(d) && !strpbrk(text, ".e"))
        bw_buf_adds(out, ".0");
}

static void add_value(const bq_field *type, const bq_value *v, bool literal, bw_buf *out)
{
    bw_buf text = BW_BUF_INIT;

    if (v->cls == BQ_NULL) {
        bw_buf_adds(out, "NULL");
        return;
    }
    if (type->mode == BQ_REPEATED || type->kind == BQ_STRUCT) {
        add_items(type, v, literal, out);
        return;
    }
    if (type->kind == BQ_FLOAT64) {
        add_float(bq_float_decode(v->i), literal, out);
        return;
    }
    bq_value_print(type, v, &text);
    if (type->kind == BQ_BYTES && !literal) {
        add_quoted(v->s, true, &text);
        /* Escaped, but without b"". */
        bw_buf_add(out, text.ptr + v->s.len + 2, text.len - v->s.len - 3);
    } else if (!literal || type->kind == BQ_INT64 || type->kind == BQ_BOOL) {
        bw_buf_add(out, text.ptr, text.len);
    } else {
        bool plain = type->kind == BQ_STRING || type->kind == BQ_BYTES;
        bw_buf_addf(out, "%s%s", plain ? "" : bq_kind_sql(type->kind), plain ? "" : " ");
        add_quoted(bw_buf_slice(&text), type->kind == BQ_BYTES, out);
        bw_buf_adds(out, type->kind == BQ_INTERVAL ? " YEAR TO SECOND" : "");
    }
    bw_buf_fini(&text);
}

/* ---- Numbers ------------------------------------------------------------------------------------ */

static void group_digits(bw_buf *digits)
{
    bw_buf out = BW_BUF_INIT;
    size_t whole = 0;

    while (whole < digits->len && isdigit((unsigned char)digits->ptr[whole]))
        whole++;
    for (size_t i = 0; i < digits->len; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            bw_buf_addc(&out, ',');
        bw_buf_addc(&out, digits->ptr[i]);
    }
    bw_buf_fini(digits);
    *digits = out;
}

/* Sign, prefix and zeros before the digits of a number. */
static void add_number(const spec *s, bool negative, const char *prefix, bw_buf *digits,
                       bw_buf *out)
{
    const char *sign = negative ? "-" : s->plus ? "+" : s->space ? " " : "";

    if (s->grouped)
        group_digits(digits);
    bw_buf_addf(out, "%s%s", sign, prefix);
    for (int64_t n = s->width - (int64_t)(strlen(sign) + strlen(prefix) + digits->len);
         s->zero && !s->left && n > 0; n--)
        bw_buf_addc(out, '0');
    bw_buf_add(out, digits->ptr, digits->len);
}

static void add_integer(const spec *s, int64_t v, bw_buf *out)
{
    unsigned long long magnitude = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
    char lower = (char)tolower((unsigned char)s->letter);
    const char *prefix = !s->alternate      ? ""
                         : s->letter == 'x' ? "0x"
                         : s->letter == 'X' ? "0X"
                                            : "";
    bw_buf digits = BW_BUF_INIT, padded = BW_BUF_INIT;
    spec number = *s;

    if (lower == 'o')
        bw_buf_addf(&digits, "%s%llo", s->alternate ? "0" : "", magnitude);
    else if (s->letter == 'x')
        bw_buf_addf(&digits, "%llx", magnitude);
    else if (s->letter == 'X')
        bw_buf_addf(&digits, "%llX", magnitude);
    else
        bw_buf_addf(&digits, "%llu", magnitude);
    for (int64_t n = s->precision - (int64_t)digits.len; n > 0; n--)
        bw_buf_addc(&padded, '0');
    bw_buf_add(&padded, digits.ptr, digits.len);
    number.zero = s->zero && s->precision < 0;
    add_number(&number, v < 0, prefix, &padded, out);
    bw_buf_fini(&digits);
    bw_buf_fini(&padded);
}

static void add_double(const spec *s, double d, bw_buf *out)
{
    int precision = s->precision < 0 ? 6 : (int)s->precision;
    char lower = (char)tolower((unsigned char)s->letter);
    bw_buf digits = BW_BUF_INIT;
    spec number = *s;
    double x = fabs(d);

    if (!isfinite(d)) {
        number.zero = number.grouped = false;
        bw_buf_adds(&digits, isnan(d) ? "nan" : "inf");
    } else if (lower == 'f') {
        bw_buf_addf(&digits, "%.*f", precision, x);
    } else if (lower == 'e') {
        bw_buf_addf(&digits, "%.*e", precision, x);
    } else {
        bw_buf_addf(&digits, "%.*g", precision, x);
    }
    for (size_t i = 0; isupper((unsigned char)s->letter) && i < digits.len; i++)
        digits.ptr[i] = (char)toupper((unsigned char)digits.ptr[i]);
    add_number(&number, signbit(d) && !isnan(d), "", &digits, out);
    bw_buf_fini(&digits);
}

/* %f of NUMERIC and BIGNUMERIC: exact. */
static void add_decimal(const spec *s, bq_kind kind, bw_slice blob, bw_buf *out)
{
    int scale = bq_decimal_spec_of(kind)->scale;
    int precision = s->precision < 0 ? 6 : (int)s->precision;
    int kept = precision < scale ? precision : scale;
    bw_buf digits = BW_BUF_INIT;
    mpz_t v, power;

    mpz_inits(v, power, NULL);
    bq_decimal_decode(kind, blob, v);
    bq_decimal_pow10(power, (unsigned)(scale - kept));
    bq_decimal_div_round(v, v, power);
    bool negative = mpz_sgn(v) < 0;
    mpz_abs(v, v);
    char *text = bw_xmalloc(mpz_sizeinbase(v, 10) + 2);
    mpz_get_str(text, 10, v);
    size_t n = strlen(text), whole = n > (size_t)kept ? n - (size_t)kept : 0;
    bw_buf_add(&digits, whole ? text : "0", whole ? whole : 1);
    bw_buf_adds(&digits, precision > 0 ? "." : "");
    for (size_t zeros = whole ? 0 : (size_t)kept - n; zeros > 0; zeros--)
        bw_buf_addc(&digits, '0');
    bw_buf_adds(&digits, text + whole);
    for (int i = kept; i < precision; i++)
        bw_buf_addc(&digits, '0');
    free(text);
    mpz_clears(v, power, NULL);
    add_number(s, negative, "", &digits, out);
    bw_buf_fini(&digits);
}

/* ---- One specifier ------------------------------------------------------------------------------ */

static void wrong_argument(formatting *f, const char *expected, const bq_field *type)
{
    bw_buf name = BW_BUF_INIT;

    bq_type_print(type, &name);
    bq_result_error(f->ctx, "Invalid type for argument %d to FORMAT; Expected %s; Got %s",
                    (f->next - 1) / 2 + 1, expected, bw_buf_cstr(&name));
    bw_buf_fini(&name);
    f->failed = true;
}

static bool take_argument(formatting *f, bq_value *v, const bq_field **type)
{
    if (f->failed)
        return false;
    if (f->next + 1 >= f->argc || !bq_arg_type(f->argv[f->next + 1])) {
        bq_result_error(f->ctx, "Too few arguments to FORMAT for pattern \"%.*s\"",
                        BW_SLICE_ARG(f->format));
        f->failed = true;
        return false;
    }
    *v = bq_arg(f->argv[f->next]);
    *type = bq_arg_type(f->argv[f->next + 1]);
    f->next += 2;
    return true;
}

static bool in_bounds(formatting *f, int64_t n)
{
    if (n >= -MAX_WIDTH && n <= MAX_WIDTH)
        return true;
    if (!f->failed)
        bq_result_error(f->ctx, "Width or precision out of bounds in FORMAT pattern \"%.*s\"",
                        BW_SLICE_ARG(f->format));
    f->failed = true;
    return false;
}

/* A number in the format, or * for one of the arguments. */
static int64_t take_size(formatting *f, size_t *i)
{
    int64_t n = 0;
    bq_value v;
    const bq_field *type;

    if (*i < f->format.len && f->format.ptr[*i] == '*') {
        (*i)++;
        if (!take_argument(f, &v, &type))
            return 0;
        if (type->kind != BQ_INT64 || type->mode == BQ_REPEATED)
            wrong_argument(f, "integer", type);
        f->null = f->null || v.cls == BQ_NULL;
        n = v.cls == BQ_NULL ? 0 : v.i;
        return in_bounds(f, n) ? n : 0;
    }
    for (; *i < f->format.len && isdigit((unsigned char)f->format.ptr[*i]); (*i)++)
        n = n > MAX_WIDTH ? n : n * 10 + (f->format.ptr[*i] - '0');
    return in_bounds(f, n) ? n : 0;
}

static void read_spec(formatting *f, size_t *i, spec *s)
{
    static const char letters[] = "-+ #0'";

    *s = (spec){.precision = -1};
    bool *const flags[] = {&s->left, &s->plus, &s->space, &s->alternate, &s->zero, &s->grouped};
    for (; *i < f->format.len && f->format.ptr[*i]; (*i)++) {
        const char *at = strchr(letters, f->format.ptr[*i]);
        if (!at)
            break;
        *flags[at - letters] = true;
    }
    s->width = take_size(f, i);
    s->left = s->left || s->width < 0;
    s->width = llabs(s->width);
    if (*i < f->format.len && f->format.ptr[*i] == '.') {
        (*i)++;
        s->precision = take_size(f, i);
    }
    s->letter = '\0';
    if (*i < f->format.len)
        s->letter = f->format.ptr[(*i)++];
}

/* What the letter takes; the text without its padding. */
static void add_argument(formatting *f, const spec *s, const bq_field *type, const bq_value *v,
                         bw_buf *out)
{
    bool scalar = type->mode != BQ_REPEATED;
    char lower = (char)tolower((unsigned char)s->letter);

    if (lower == 't') {
        add_value(type, v, s->letter == 'T', out);
    } else if (strchr("dioxX", s->letter)) {
        if (!scalar || type->kind != BQ_INT64)
            wrong_argument(f, "integer", type);
        else if (v->cls != BQ_NULL)
            add_integer(s, v->i, out);
    } else if (strchr("feg", lower)) {
        bool decimal = type->kind == BQ_NUMERIC || type->kind == BQ_BIGNUMERIC;
        if (!scalar || !(type->kind == BQ_FLOAT64 || (decimal && lower == 'f')))
            wrong_argument(f, "FLOAT64", type);
        else if (v->cls != BQ_NULL && decimal)
            add_decimal(s, type->kind, v->s, out);
        else if (v->cls != BQ_NULL)
            add_double(s, bq_float_decode(v->i), out);
    } else if (s->letter == 's') {
        if (!scalar || (type->kind != BQ_STRING))
            wrong_argument(f, "string", type);
        else
            bw_buf_add(out, v->s.ptr, v->s.len);
    } else if (s->letter == 'p') {
        if (!scalar || type->kind != BQ_JSON)
            wrong_argument(f, "JSON", type);
        else
            bw_buf_add(out, v->s.ptr, v->s.len);
    } else {
        bq_result_error(f->ctx,
                        "Invalid format specifier character \"%c\" in FORMAT string: \"%.*s\"",
                        s->letter, BW_SLICE_ARG(f->format));
        f->failed = true;
    }
    f->null = f->null || (v->cls == BQ_NULL && lower != 't');
}

static void add_padded(const spec *s, bw_slice text, bw_buf *out)
{
    bool cut = strchr("stT", s->letter) && s->precision >= 0;
    int64_t length = bq_text_length(text);

    for (; cut && length > s->precision; length--) {
        do
            text.len--;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80);
    }
    for (int64_t n = s->width - length; !s->left && n > 0; n--)
        bw_buf_addc(out, ' ');
    bw_buf_add(out, text.ptr, text.len);
    for (int64_t n = s->width - length; s->left && n > 0; n--)
        bw_buf_addc(out, ' ');
}

/* (format, value, type, value, type, ...) */
static void format(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT, text = BW_BUF_INIT;
    formatting f = {.ctx = ctx, .argc = argc, .argv = argv, .next = 1};
    const bq_field *type;
    bq_value v;
    spec s;

    if (bq_any_null(ctx, 1, argv))
        return;
    f.format = bq_arg_slice(argv[0]);
    for (size_t i = 0; !f.failed && i < f.format.len;) {
        char c = f.format.ptr[i++];
        if (c != '%' || (i < f.format.len && f.format.ptr[i] == '%')) {
            bw_buf_addc(&out, c);
            i += c == '%';
            continue;
        }
        read_spec(&f, &i, &s);
        if (f.failed || !take_argument(&f, &v, &type))
            break;
        bw_buf_clear(&text);
        add_argument(&f, &s, type, &v, &text);
        add_padded(&s, bw_buf_slice(&text), &out);
    }
    if (!f.failed && f.next < argc) {
        bq_result_error(ctx,
                        "Too many arguments to FORMAT for pattern \"%.*s\"; Expected %d; Got %d",
                        BW_SLICE_ARG(f.format), (f.next - 1) / 2 + 1, (argc - 1) / 2 + 1);
        f.failed = true;
    }
    if (!f.failed && f.null)
        sqlite3_result_null(ctx);
    else if (!f.failed)
        bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&text);
    bw_buf_fini(&out);
}

const bq_function bq_printf_functions[] = {
    {"bq_format", -1, format, false},
};

const size_t bq_printf_function_count = BW_COUNT(bq_printf_functions);
