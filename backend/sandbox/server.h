/*
 * The transport: libmicrohttpd on polling threads of its own, handlers on a pool of workers.
 *
 * A polling thread parses, collects or streams bodies and writes answers; it never runs a handler.
 * When a request has arrived whole, its connection is suspended and the request goes to the pool;
 * when its reply is ready, the connection is resumed. Faults act here, so that no service knows of
 * them (but for short-range, which only the upload can do).
 */
#ifndef BW_SANDBOX_SERVER_H
#define BW_SANDBOX_SERVER_H

#include "backend/sandbox/http.h"
#include "backend/sandbox/pool.h"
#include "backend/sandbox/record.h"
#include "backend/sandbox/request_log.h"

#define BW_SB_CONNECTION_LIMIT 10000
/* libmicrohttpd clears all of it after every request: with 1 MiB that is half of the time of a small
   one, with less than this uploads arrive in smaller pieces. */
#define BW_SB_CONNECTION_MEMORY  ((size_t)128 << 10)
#define BW_SB_CONNECTION_TIMEOUT 120 /* seconds without a byte */
#define BW_SB_FIRST_TIMEOUT      30  /* the same, before the headers of a first request are whole */

typedef struct bw_sb_server bw_sb_server;

typedef struct bw_sb_server_options {
    const char *host;
    int port; /* 0: any free one */
    const bw_sb_service *const *services;
    size_t service_count;
    bw_sb_pool *pool;
    bw_sb_faults *faults;
    bw_sb_request_log *log;
    bw_sb_record *record; /* NULL: none is kept */
    const bw_clock *clock;
    /* Whether an Authorization header (NULL when absent) is still good; NULL: all are. */
    bool (*authorise)(void *user, const char *authorization);
    void *authorise_user;
} bw_sb_server_options;

/* What is borrowed by the options must outlive the server. */
BW_NODISCARD bw_status bw_sb_server_start(const bw_sb_server_options *options, bw_sb_server **out,
                                          bw_error *err);
int bw_sb_server_port(const bw_sb_server *server);
/* Stops accepting. Afterwards the owner stops the pool, which answers what is still held. */
void bw_sb_server_quiesce(bw_sb_server *server);
/* After the pool has been stopped. Closes all connections. */
void bw_sb_server_free(bw_sb_server *server);

#endif
