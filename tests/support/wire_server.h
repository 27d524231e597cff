/*
 * An HTTP server whose every answer is written out by the test, byte for byte, for what a decent
 * server never does: cutting the connection after a request, hanging, answering half, dripping. The
 * requests of all connections take the steps in the order in which they become complete.
 * Threads: the server has its own; the functions are for the test's threads.
 */
#ifndef BW_TESTS_SUPPORT_WIRE_SERVER_H
#define BW_TESTS_SUPPORT_WIRE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum bw_wire_after {
    BW_WIRE_KEEP,  /* the connection stays open for the next request */
    BW_WIRE_CLOSE, /* closed after the reply */
    BW_WIRE_RESET, /* a TCP reset instead of an orderly end */
    BW_WIRE_HANG,  /* stays open, says nothing more */
} bw_wire_after;

typedef struct bw_wire_step {
    const char *reply; /* raw: status line, headers, body ("Content-Length: @" is filled in);
                          NULL: nothing is said */
    bw_wire_after after;
    bool early;  /* acts when the head is complete, without waiting for the body */
    bool hold;   /* answers only after bw_wire_release() */
    int drip_ms; /* the body: one byte per so many milliseconds */
} bw_wire_step;

typedef struct bw_wire_server bw_wire_server;

/* The steps are borrowed. Requests beyond the last step get "500 unexpected". */
bw_wire_server *bw_wire_start(const bw_wire_step *steps, size_t n_steps);
void bw_wire_stop(bw_wire_server *server);
/* "http://127.0.0.1:PORT" */
const char *bw_wire_url(const bw_wire_server *server);
/* How many requests have taken a step. */
size_t bw_wire_count(bw_wire_server *server);
/* How many connections have been accepted. */
size_t bw_wire_connections(bw_wire_server *server);
/* Waits until that many have; false after timeout_s. */
bool bw_wire_wait(bw_wire_server *server, size_t count, double timeout_s);
/* The whole text of a request (its body as far as it had come), NUL-terminated; lives as long as
   the server. */
const char *bw_wire_request(bw_wire_server *server, size_t index);
void bw_wire_release(bw_wire_server *server);

/* An answer with a JSON body; the server puts the body's length for the "@". */
#define BW_WIRE_REPLY(status_line, body) \
    "HTTP/1.1 " status_line "\r\nContent-Type: application/json\r\nContent-Length: @\r\n\r\n" body

#endif
