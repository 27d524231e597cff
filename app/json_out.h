/* The JSON that scripts rely on: times RFC 3339 or null, unknown numbers null, never 0. */
#ifndef BW_APP_JSON_OUT_H
#define BW_APP_JSON_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "backend/core/buf.h"
#include "backend/core/error.h"

json_t *bw_json_text(const char *text); /* null for NULL; made valid UTF-8 */
json_t *bw_json_slice(bw_slice text);
json_t *bw_json_time(int64_t us);
json_t *bw_json_number(double n);           /* null for NAN */
json_t *bw_json_error(const bw_error *err); /* {"message", "hint"}; hint null where there is none */
/* Writes the value and a newline, with jansson's flags. What could act on a terminal is escaped:
   the JSON says the same, and may be looked at. */
void bw_json_write(const json_t *value, size_t flags, FILE *to);
/* The same for a document that is text already. */
void bw_json_write_text(bw_slice text, FILE *to);
/* Prints the document and frees it. */
void bw_json_print(json_t *doc, FILE *to);

#endif
