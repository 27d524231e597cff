/*
 * From a verb and a path to a route. Segments are compared as they were sent; parameters are
 * percent-decoded afterwards, so that %2F inside a name does not split it. Threads: any.
 */
#ifndef BW_SANDBOX_ROUTER_H
#define BW_SANDBOX_ROUTER_H

#include "backend/sandbox/http.h"

/* Fills request->service, route and params from its verb, path and query. Leaves route NULL when
   nothing matches; service is then the one whose prefix fits best. */
void bw_sb_route_find(const bw_sb_service *const *services, size_t count, bw_sb_request *request);

/* Whether path and query are texts once they are decoded: valid UTF-8, and without NUL, at which a
   name would end and become another one. What is not must not reach a handler. */
bool bw_sb_url_is_text(bw_sb_request *request);

/* The first value of a query parameter, still encoded. */
bool bw_sb_query_find(const char *query, const char *name, bw_slice *raw);
/* Decoded, NUL-terminated, in the arena; a malformed escape stays as it is; %00 ends the text.
   `plus`: + means a space, as in queries. */
char *bw_sb_percent_decode(bw_arena *arena, bw_slice raw, bool plus);

#endif
