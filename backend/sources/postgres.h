/* The PostgreSQL driver: servers from version 10 on, read over libpq. */
#ifndef BW_SOURCES_POSTGRES_H
#define BW_SOURCES_POSTGRES_H

#include "backend/sources/source.h"

extern const bw_source_class bw_source_postgres;

#endif
