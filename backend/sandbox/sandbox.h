/*
 * The whole sandbox: storage, jobs, uploads, services and the server, made and unmade in the right
 * order. Threads: the owner's.
 */
#ifndef BW_SANDBOX_SANDBOX_H
#define BW_SANDBOX_SANDBOX_H

#include "backend/sandbox/options.h"

typedef struct bw_sandbox bw_sandbox;

/* Serves from now on. */
BW_NODISCARD bw_status bw_sandbox_start(const bw_sb_options *options, bw_sandbox **out,
                                        bw_error *err);
int bw_sandbox_port(const bw_sandbox *sandbox);
/* Stops serving; requests and jobs that are being worked on end first, or stay for the next start.
   NULL is fine. */
void bw_sandbox_stop(bw_sandbox *sandbox);

#endif
