/* The socket that the sandbox listens on. Threads: any. */
#ifndef BW_SANDBOX_LISTEN_H
#define BW_SANDBOX_LISTEN_H

#include "backend/core/error.h"

/* Port 0: any free one. The descriptor is the caller's; it is non-blocking and closed by exec. */
BW_NODISCARD bw_status bw_sb_listen(const char *host, int port, int *fd, bw_error *err);
int bw_sb_bound_port(int fd);

#endif
