/*
 * The schema of what a subscription hands out: one row per message. Sources of kind pubsub describe
 * every subscription with it; whoever reads events takes the columns by these indexes.
 */
#ifndef BW_SOURCES_MESSAGE_H
#define BW_SOURCES_MESSAGE_H

#include "backend/model/schema.h"

enum {
    BW_MESSAGE_ID,               /* STRING, required, the key: unique within the topic */
    BW_MESSAGE_PUBLISH_TIME,     /* TIMESTAMP, required, the cursor: by the service's clock */
    BW_MESSAGE_ORDERING_KEY,     /* STRING, NULL without one */
    BW_MESSAGE_DELIVERY_ATTEMPT, /* INT64, NULL where there is no dead-letter policy */
    BW_MESSAGE_ATTRIBUTES,       /* JSON object of strings, required: {} without any */
    BW_MESSAGE_DATA,             /* BYTES, required: base64 as values have it, may be empty */
    BW_MESSAGE_COLUMNS
};

/* Static: outlives everything. */
extern const bw_schema bw_message_schema;

#endif
