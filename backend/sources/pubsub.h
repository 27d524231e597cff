/* Subscriptions of Pub/Sub. See source.h and message.h. */
#ifndef BW_SOURCES_PUBSUB_H
#define BW_SOURCES_PUBSUB_H

#include "backend/sources/source.h"

extern const bw_source_class bw_source_pubsub;

#endif
