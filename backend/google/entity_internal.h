/* What the files of entity.h share, for content that has the shape of its kind. */
#ifndef BW_GOOGLE_ENTITY_INTERNAL_H
#define BW_GOOGLE_ENTITY_INTERNAL_H

#include "backend/google/entity.h"

/* Raw numbers of a geoPointValue. False when they are none. */
bool bw_entity_read_geo(bw_slice content, bw_slice *latitude, bw_slice *longitude);
/* bw_entity_size() of the properties alone. */
size_t bw_entity_properties_size(bw_slice properties);

#endif
