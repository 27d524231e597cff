/* What the files of entity.h share, for content that has the shape of its kind. */
#ifndef BW_GOOGLE_ENTITY_INTERNAL_H
#define BW_GOOGLE_ENTITY_INTERNAL_H

#include "backend/google/entity.h"

/* An int64 as a string of digits or as a number. */
bool bw_entity_read_int(bw_slice content, int64_t *out);
/* An RFC 3339 string; what is finer than a microsecond is left out. */
bool bw_entity_read_time(bw_slice content, int64_t *us);
/* The same, false when something would be left out. */
bool bw_entity_read_exact_time(bw_slice content, int64_t *us);
/* Raw numbers of a geoPointValue. False when they are none. */
bool bw_entity_read_geo(bw_slice content, bw_slice *latitude, bw_slice *longitude);
/* Appends the shortest text of a doubleValue: as JSON (always with a point or an exponent, and with
   quotes where it is no number), or as FLOAT64's canonical text. False beyond a double's range. */
bool bw_entity_double_text(bw_slice raw, bool json, bw_buf *out);
/* bw_entity_size() of the properties alone. */
size_t bw_entity_properties_size(bw_slice properties);

#endif
