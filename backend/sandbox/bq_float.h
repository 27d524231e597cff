/*
 * FLOAT64: its stored form (an integer whose order is BigQuery's: NaN, -inf, ..., -0.0, 0.0, ...,
 * inf), its texts, and the numbers of JSON. Threads: any.
 */
#ifndef BW_SANDBOX_BQ_FLOAT_H
#define BW_SANDBOX_BQ_FLOAT_H

#include "backend/core/buf.h"

int64_t bq_float_encode(double d);
double bq_float_decode(int64_t stored);

/* A decimal number, or NaN, Inf, Infinity with a sign, regardless of case: what CAST from STRING
   and loads accept. False when it is none; *overflow when it is a number beyond FLOAT64. */
bool bq_float_parse(bw_slice text, double *out, bool *overflow);

/* The shortest decimal digits that give the same double: digits (no zeros at the end, at least one)
   and the exponent of the first digit. For finite values only. */
typedef struct bq_float_digits {
    bool negative;
    char digits[20];
    int count;
    int exponent;
} bq_float_digits;
void bq_float_shortest(double d, bq_float_digits *out);

/* As CAST(x AS STRING) prints it: 1, 0.5, 1e+20, inf, -inf, nan. */
void bq_float_print_sql(double d, bw_buf *out);
/* As REST prints it: 1.0, 0.5, 1.0E20, Infinity, NaN. */
void bq_float_print_rest(double d, bw_buf *out);
/* The same notation for digits from elsewhere. */
void bq_float_print_digits(const bq_float_digits *f, bw_buf *out);
/* As a JSON number: 1.0, 0.5, 1e+20. Finite values only. */
void bq_float_print_json(double d, bw_buf *out);

/* True when the decimal number (JSON grammar) equals the shortest text of its double: nothing is
   lost by keeping the double. */
bool bq_float_round_trips(bw_slice number, double *out);

#endif
