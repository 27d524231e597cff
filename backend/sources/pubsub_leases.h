/*
 * The leases of the messages that a reader holds. A thread of their own extends them well before they
 * expire, however long the batch is in work, until they are acknowledged, given back or let go. What
 * it cannot extend is delivered again: that costs work, and loses nothing.
 *
 * Threads: the functions are for the reader's thread.
 */
#ifndef BW_SOURCES_PUBSUB_LEASES_H
#define BW_SOURCES_PUBSUB_LEASES_H

#include "backend/sources/pubsub_source.h"

typedef struct bw_ps_leases bw_ps_leases;

/* The source's google and clock outlive it, the source need not. ack_deadline_s is the
   subscription's. */
bw_ps_leases *bw_ps_leases_new(const bw_ps_source *source, const char *subscription,
                               int ack_deadline_s);
/* How long a lease may live on once nobody extends it, in microseconds. */
int64_t bw_ps_leases_length(const bw_ps_leases *leases);
size_t bw_ps_leases_count(const bw_ps_leases *leases);
/* Messages that were just received: their ack ids are copied. */
void bw_ps_leases_add(bw_ps_leases *leases, const bw_pubsub_messages *messages);
/* Acknowledges all, with the source's client, and forgets them. What fails is logged: those messages
   come again. */
void bw_ps_leases_acknowledge(bw_ps_leases *leases, const bw_ps_source *source);
/* Ends the thread. What is still held is given back for an immediate delivery when `give_back`,
   which waits a few seconds at most; otherwise it expires. NULL is fine. */
void bw_ps_leases_free(bw_ps_leases *leases, bool give_back);

#endif
