/*
 * Names of hosts, resolved without ever blocking the caller beyond its deadline: getaddrinfo() has
 * no time-out and cannot be cancelled, so it runs on a thread that is left behind when nobody waits
 * for it any more. Threads: any.
 */
#ifndef BW_SOURCES_POSTGRES_RESOLVE_H
#define BW_SOURCES_POSTGRES_RESOLVE_H

#include "backend/core/arena.h"
#include "backend/core/cancel.h"

/* The numeric addresses of `host`, in the order to try them, in the arena. UNAVAILABLE when the
   name does not resolve, TIMEOUT, CANCELLED. */
BW_NODISCARD bw_status bw_resolve(const char *host, const bw_cancel *cancel, const bw_clock *clock,
                                  int64_t deadline_us, bw_arena *arena,
                                  const char *const **addresses, size_t *count, bw_error *err);

#endif
