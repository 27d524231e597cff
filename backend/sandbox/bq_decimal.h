/*
 * NUMERIC and BIGNUMERIC as scaled integers: exact, never through a float. The stored form is the
 * two's complement integer, big-endian, sign bit flipped: memcmp order is numeric order.
 * Range: NUMERIC up to 10^29 - 10^-9 on both sides; BIGNUMERIC -2^255..2^255-1 scaled by 10^-38.
 * Threads: any.
 */
#ifndef BW_SANDBOX_BQ_DECIMAL_H
#define BW_SANDBOX_BQ_DECIMAL_H

#include <gmp.h>

#include "backend/sandbox/bq_type.h"

#define BQ_NUMERIC_SIZE    16
#define BQ_BIGNUMERIC_SIZE 32

/* BQ_NUMERIC or BQ_BIGNUMERIC. */
typedef struct bq_decimal_spec {
    size_t size;
    int scale;
    int max_integer_digits; /* of a declared precision minus scale */
} bq_decimal_spec;
const bq_decimal_spec *bq_decimal_spec_of(bq_kind kind);

/* False when the scaled value is out of the kind's range. `out` has room for spec->size bytes. */
bool bq_decimal_encode(bq_kind kind, const mpz_t scaled, unsigned char *out);
/* `blob` must be of the kind's size. */
void bq_decimal_decode(bq_kind kind, bw_slice blob, mpz_t scaled);

typedef enum bq_decimal_outcome {
    BQ_DECIMAL_OK,
    BQ_DECIMAL_SYNTAX,
    BQ_DECIMAL_INEXACT, /* more fractional digits than the scale holds, and rounding not wanted */
    BQ_DECIMAL_RANGE,
} bq_decimal_outcome;

/* Decimal text (sign, digits, point, exponent; spaces around refused) to the scaled integer. With
   `round` excess digits round half away from zero. The range is checked. */
bq_decimal_outcome bq_decimal_parse(bq_kind kind, bw_slice text, bool round, mpz_t scaled);
/* The common NUMERIC (digits and a point, at most 38 digits with nine decimals) straight to its stored
   form, for loads. False: not of that form, use bq_decimal_parse. */
bool bq_numeric_parse_plain(bw_slice text, unsigned char out[BQ_NUMERIC_SIZE]);
/* Without zeros at the end: "1.5", "-0.000000001", "0". */
void bq_decimal_print(bq_kind kind, const mpz_t scaled, bw_buf *out);
void bq_decimal_print_blob(bq_kind kind, bw_slice blob, bw_buf *out);

/* quotient = n / d, rounded half away from zero. */
void bq_decimal_div_round(mpz_t quotient, const mpz_t n, const mpz_t d);
/* out = 10^n */
void bq_decimal_pow10(mpz_t out, unsigned n);
/* A double as a scaled integer, rounded half away from zero from its exact value; false when it is
   not finite or out of range. */
bool bq_decimal_from_double(bq_kind kind, double d, mpz_t scaled);
double bq_decimal_to_double(bq_kind kind, const mpz_t scaled);

/* Rounds to `scale` digits and checks `precision`; true when it fits. */
bool bq_decimal_fit(bq_kind kind, int precision, int scale, mpz_t scaled);

#endif
