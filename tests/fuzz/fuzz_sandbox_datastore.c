/*
 * Any sequence of Datastore requests: each line is one, its first byte chooses the method and the rest
 * is the body, in which ' stands for ", @ for the last cursor and # for the last transaction. Every
 * answer is JSON, and afterwards the index is of what is there.
 */
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/sandbox/ds_store.h"
#include "backend/sandbox/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const methods[] = {
    "commit",           "lookup",   "runQuery",    "runAggregationQuery",
    "beginTransaction", "rollback", "allocateIds", "reserveIds",
};

typedef struct client {
    ds_store *store;
    bw_sb_service service;
    char cursor[512], transaction[64];
} client;

static void remember(bw_buf *answer, const char *member, char *to, size_t size)
{
    const char *at = strstr(bw_buf_cstr(answer), member);
    size_t len = at ? strcspn(at + strlen(member), "\"") : 0;
    if (!at || len >= size)
        return;
    memcpy(to, at + strlen(member), len);
    to[len] = '\0';
}

static void ask(client *c, const char *method, bw_slice body)
{
    const bw_sb_service *services[] = {&c->service};
    char *path = bw_xasprintf("/v1/projects/p:%s", method);
    bw_sb_request r = {.verb = "POST", .path = path, .query = ""};
    bw_sb_reply reply = {.shape = c->service.shape};
    for (size_t i = 0; i < body.len; i++) {
        if (body.ptr[i] == '@')
            bw_buf_adds(&r.body, c->cursor);
        else if (body.ptr[i] == '#')
            bw_buf_adds(&r.body, c->transaction);
        else
            bw_buf_addc(&r.body, body.ptr[i] == '\'' ? '"' : body.ptr[i]);
    }
    bw_sb_route_find(services, 1, &r);
    if (!r.route)
        abort();
    r.route->handle(r.service->context, &r, &reply);
    bool failed = reply.status >= 500 && reply.status != 501;
    if (failed || !bw_json_valid(bw_buf_slice(&reply.body), NULL, NULL))
        abort();
    remember(&reply.body, "\"endCursor\":\"", c->cursor, sizeof c->cursor);
    remember(&reply.body, "\"transaction\":\"", c->transaction, sizeof c->transaction);
    bw_sb_reply_fini(&reply);
    bw_buf_fini(&r.body);
    bw_arena_fini(&r.arena);
    free(path);
}

static void must_be_empty(client *c, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(c->store->db->handle, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_DONE)
        abort();
    sqlite3_finalize(stmt);
}

/* The rules of ds_store.h. */
static void check(client *c)
{
    if (!sqlite3_get_autocommit(c->store->db->handle))
        abort();
    must_be_empty(c, "SELECT 1 FROM ds_index i LEFT JOIN ds_entity e ON e.id = i.entity"
                     " LEFT JOIN ds_property p ON p.id = i.property"
                     " WHERE e.id IS NULL OR e.key <> i.key OR p.kind <> e.kind"
                     " OR p.partition <> e.partition");
    must_be_empty(c, "SELECT 1 FROM ds_entity WHERE version >= until OR created > version"
                     " OR kind GLOB '__*__'");
    must_be_empty(c, "SELECT 1 FROM ds_entity GROUP BY partition, key"
                     " HAVING sum(until = 9223372036854775807) > 1");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static client *c; /* over all inputs: opening a database takes longer than a request */
    bw_error err = BW_ERROR_INIT;
    if (!c) {
        c = bw_xcalloc(1, sizeof *c);
        if (ds_store_open(NULL, bw_clock_system(), &c->store, &err) != BW_OK)
            abort();
        c->service = bw_sb_datastore_service(c->store);
    }
    if (ds_store_reset(c->store, &err) != BW_OK)
        abort();
    c->cursor[0] = c->transaction[0] = '\0';
    char *copy = bw_xmalloc(size + 1);
    memcpy(copy, data, size);
    for (size_t at = 0; at < size;) {
        size_t end = at;
        while (end < size && copy[end] != '\n')
            end++;
        size_t method = (unsigned char)(copy[at] - 'a') % BW_COUNT(methods);
        if (end > at)
            ask(c, methods[method], (bw_slice){copy + at + 1, end - at - 1});
        at = end + 1;
    }
    free(copy);
    check(c);
    return 0;
}
