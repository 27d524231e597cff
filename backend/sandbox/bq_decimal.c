#include "backend/sandbox/bq_decimal.h"

#include <math.h>
#include <stdlib.h>

#include "backend/sandbox/bq_float.h"

static const bq_decimal_spec numeric_spec = {BQ_NUMERIC_SIZE, 9, 29};
static const bq_decimal_spec bignumeric_spec = {BQ_BIGNUMERIC_SIZE, 38, 38};

const bq_decimal_spec *bq_decimal_spec_of(bq_kind kind)
{
    return kind == BQ_BIGNUMERIC ? &bignumeric_spec : &numeric_spec;
}

void bq_decimal_pow10(mpz_t out, unsigned n)
{
    mpz_ui_pow_ui(out, 10, n);
}

static bool in_range(bq_kind kind, const mpz_t scaled)
{
    if (kind == BQ_BIGNUMERIC) {
        /* mpz_sizeinbase counts the magnitude: 2^255 itself fits only when negative. */
        size_t bits = mpz_sizeinbase(scaled, 2);
        if (bits <= 255)
            return true;
        return bits == 256 && mpz_sgn(scaled) < 0 && mpz_scan1(scaled, 0) == 255;
    }
    mpz_t limit;
    mpz_init(limit);
    bq_decimal_pow10(limit, 38);
    bool inside = mpz_cmpabs(scaled, limit) < 0;
    mpz_clear(limit);
    return inside;
}

bool bq_decimal_encode(bq_kind kind, const mpz_t scaled, unsigned char *out)
{
    size_t size = bq_decimal_spec_of(kind)->size;
    mpz_t shifted;

    if (!in_range(kind, scaled))
        return false;
    /* value + 2^(bits-1) is the two's complement with its sign bit flipped. */
    mpz_init(shifted);
    mpz_setbit(shifted, size * 8 - 1);
    mpz_add(shifted, shifted, scaled);
    size_t count = 0;
    unsigned char bytes[BQ_BIGNUMERIC_SIZE + 8] = {0};
    mpz_export(bytes, &count, 1, 1, 1, 0, shifted);
    memset(out, 0, size - count);
    memcpy(out + size - count, bytes, count);
    mpz_clear(shifted);
    return true;
}

void bq_decimal_decode(bq_kind kind, bw_slice blob, mpz_t scaled)
{
    size_t size = bq_decimal_spec_of(kind)->size;
    mpz_t bias;

    mpz_import(scaled, blob.len, 1, 1, 1, 0, blob.ptr);
    mpz_init(bias);
    mpz_setbit(bias, size * 8 - 1);
    mpz_sub(scaled, scaled, bias);
    mpz_clear(bias);
}

void bq_decimal_div_round(mpz_t quotient, const mpz_t n, const mpz_t d)
{
    mpz_t rest;

    mpz_init(rest);
    int sign = mpz_sgn(n) * mpz_sgn(d);
    mpz_tdiv_qr(quotient, rest, n, d);
    mpz_mul_2exp(rest, rest, 1);
    if (mpz_cmpabs(rest, d) >= 0) {
        if (sign < 0)
            mpz_sub_ui(quotient, quotient, 1);
        else
            mpz_add_ui(quotient, quotient, 1);
    }
    mpz_clear(rest);
}

typedef struct decimal_text {
    bool negative;
    char *digits; /* without the point, NUL-terminated */
    size_t count;
    long exponent; /* of the last digit */
} decimal_text;

static bool split_text(bw_slice s, decimal_text *out)
{
    size_t i = 0, seen = 0;
    bool point = false;

    out->negative = s.len > 0 && s.ptr[0] == '-';
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        i++;
    out->digits = bw_xmalloc(s.len + 2);
    out->count = 0;
    out->exponent = 0;
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            seen++;
            if (c != '0' || out->count > 0)
                out->digits[out->count++] = c;
            out->exponent -= point;
        } else {
            break;
        }
    }
    out->digits[out->count] = '\0';
    if (seen == 0)
        return false;
    if (i == s.len)
        return true;
    if ((s.ptr[i] != 'e' && s.ptr[i] != 'E') || s.len - i - 1 == 0)
        return false;
    bool down = false;
    long e = 0;
    i++;
    if (s.ptr[i] == '+' || s.ptr[i] == '-')
        down = s.ptr[i++] == '-';
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (e < 1000000)
            e = e * 10 + (s.ptr[i] - '0');
    }
    out->exponent += down ? -e : e;
    return true;
}

bq_decimal_outcome bq_decimal_parse(bq_kind kind, bw_slice text, bool round, mpz_t scaled)
{
    int scale = bq_decimal_spec_of(kind)->scale;
    decimal_text t;

    if (!split_text(text, &t)) {
        free(t.digits);
        return BQ_DECIMAL_SYNTAX;
    }
    bq_decimal_outcome outcome = BQ_DECIMAL_OK;
    while (t.count > 0 && t.digits[t.count - 1] == '0') {
        t.digits[--t.count] = '\0';
        t.exponent++;
    }
    long shift = t.exponent + scale;
    mpz_set_ui(scaled, 0);
    if (t.count == 0) {
        /* zero */
    } else if ((long)t.count + shift > 80) {
        outcome = BQ_DECIMAL_RANGE;
    } else if (shift < 0 && !round) {
        outcome = BQ_DECIMAL_INEXACT;
    } else if ((long)t.count + shift >= 0) {
        mpz_t power;
        mpz_init(power);
        mpz_set_str(scaled, t.digits, 10);
        bq_decimal_pow10(power, (unsigned)labs(shift));
        if (shift >= 0)
            mpz_mul(scaled, scaled, power);
        else
            bq_decimal_div_round(scaled, scaled, power);
        mpz_clear(power);
        if (t.negative)
            mpz_neg(scaled, scaled);
        if (!in_range(kind, scaled))
            outcome = BQ_DECIMAL_RANGE;
    }
    free(t.digits);
    return outcome;
}

bool bq_numeric_parse_plain(bw_slice text, unsigned char out[BQ_NUMERIC_SIZE])
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t digits = 0, decimals = 0;
    bool point = false;
    unsigned __int128 v = 0;

    for (size_t i = negative; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || digits == 29 + decimals || decimals == 9)
            return false;
        v = v * 10 + (unsigned)(c - '0');
        digits++;
        decimals += point;
    }
    if (digits == 0)
        return false;
    for (; decimals < 9; decimals++)
        v *= 10;
    /* Two's complement with the sign bit flipped. */
    v = (negative ? -v : v) ^ (unsigned __int128)1 << 127;
    for (int i = BQ_NUMERIC_SIZE - 1; i >= 0; i--) {
        out[i] = (unsigned char)v;
        v >>= 8;
    }
    return true;
}

void bq_decimal_print(bq_kind kind, const mpz_t scaled, bw_buf *out)
{
    size_t scale = (size_t)bq_decimal_spec_of(kind)->scale;
    char digits[100];
    char padded[140];

    mpz_t magnitude;
    mpz_init(magnitude);
    mpz_abs(magnitude, scaled);
    mpz_get_str(digits, 10, magnitude);
    mpz_clear(magnitude);
    size_t n = strlen(digits);
    size_t zeros = n <= scale ? scale + 1 - n : 0;
    memset(padded, '0', zeros);
    memcpy(padded + zeros, digits, n + 1);
    n += zeros;
    size_t fraction = scale;
    while (fraction > 0 && padded[n - 1] == '0') {
        n--;
        fraction--;
    }
    if (mpz_sgn(scaled) < 0)
        bw_buf_addc(out, '-');
    bw_buf_add(out, padded, n - fraction);
    if (fraction > 0) {
        bw_buf_addc(out, '.');
        bw_buf_add(out, padded + n - fraction, fraction);
    }
}

void bq_decimal_print_blob(bq_kind kind, bw_slice blob, bw_buf *out)
{
    mpz_t scaled;

    mpz_init(scaled);
    bq_decimal_decode(kind, blob, scaled);
    bq_decimal_print(kind, scaled, out);
    mpz_clear(scaled);
}

bool bq_decimal_from_double(bq_kind kind, double d, mpz_t scaled)
{
    if (!isfinite(d))
        return false;
    /* d = m * 2^e exactly, so m * 10^scale * 2^e is rounded once. */
    int e;
    double m = frexp(d, &e);
    mpz_t power;
    mpz_set_d(scaled, ldexp(m, 53));
    e -= 53;
    if (e > 300)
        return false;
    mpz_init(power);
    bq_decimal_pow10(power, (unsigned)bq_decimal_spec_of(kind)->scale);
    mpz_mul(scaled, scaled, power);
    if (e >= 0) {
        mpz_mul_2exp(scaled, scaled, (mp_bitcnt_t)e);
    } else {
        mpz_set_ui(power, 1);
        mpz_mul_2exp(power, power, (mp_bitcnt_t)-e);
        bq_decimal_div_round(scaled, scaled, power);
    }
    mpz_clear(power);
    return in_range(kind, scaled);
}

double bq_decimal_to_double(bq_kind kind, const mpz_t scaled)
{
    bw_buf text = BW_BUF_INIT;
    double d = 0;
    bool overflow;

    bq_decimal_print(kind, scaled, &text);
    if (!bq_float_parse(bw_buf_slice(&text), &d, &overflow))
        d = 0;
    bw_buf_fini(&text);
    return d;
}

bool bq_decimal_fit(bq_kind kind, int precision, int scale, mpz_t scaled)
{
    int drop = bq_decimal_spec_of(kind)->scale - scale;
    mpz_t power;

    mpz_init(power);
    bq_decimal_pow10(power, (unsigned)drop);
    bq_decimal_div_round(scaled, scaled, power);
    mpz_mul(scaled, scaled, power);
    bq_decimal_pow10(power, (unsigned)(precision + drop));
    bool fits = mpz_cmpabs(scaled, power) < 0 && in_range(kind, scaled);
    mpz_clear(power);
    return fits;
}
