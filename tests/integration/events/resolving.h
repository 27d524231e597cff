/*
 * A resolver, the sandbox's Datastore and events written as JSON: what the tests of this room share.
 * Every function fails the running test when it cannot do its work. Threads: one.
 */
#ifndef BW_TESTS_INTEGRATION_EVENTS_RESOLVING_H
#define BW_TESTS_INTEGRATION_EVENTS_RESOLVING_H

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/units.h"
#include "backend/events/resolver.h"
#include "backend/google/datastore.h"
#include "backend/google/entity.h"
#include "tests/support/http_client.h"
#include "tests/support/sandbox.h"

#define MAX_ITEMS 1000

typedef struct fixture {
    bw_test_sandbox *sandbox;
    bw_test_http *http;
    bw_google *google;
    bw_datastore *ds;
    bw_resolver *resolver;
    bw_arena arena; /* of events and resolutions */
    bw_resolver_item items[MAX_ITEMS];
    bw_resolution out[MAX_ITEMS];
    size_t n;
    bw_error err;
} fixture;

static inline bw_resolver_options resolving_options(fixture *f)
{
    return (bw_resolver_options){.google = f->google,
                                 .clock = bw_clock_system(),
                                 .subject = "test",
                                 .deadline_us = 60 * BW_SECOND};
}

/* The resolver that `resolve` uses from now on. */
static inline void resolve_with(fixture *f, const bw_resolver_options *options)
{
    bw_resolver_free(f->resolver);
    f->resolver = bw_resolver_new(options);
}

static inline int begin(void **state)
{
    fixture *f = bw_xcalloc(1, sizeof *f);
    f->sandbox = bw_test_sandbox_start(true, NULL);
    f->http = bw_test_http_new(bw_test_sandbox_url(f->sandbox));
    bw_google_options options = {
        .project = "p", .credentials = "none", .datastore = bw_test_sandbox_url(f->sandbox)};
    assert_ok(bw_google_new(&options, &f->google, &f->err), f->err);
    f->ds = bw_datastore_new(f->google, NULL, NULL, bw_clock_system(), NULL);
    bw_resolver_options how = resolving_options(f);
    resolve_with(f, &how);
    *state = f;
    return 0;
}

static inline int end(void **state)
{
    fixture *f = *state;
    bw_resolver_free(f->resolver);
    bw_datastore_free(f->ds);
    bw_google_free(f->google);
    bw_test_http_free(f->http);
    bw_test_sandbox_free(f->sandbox);
    bw_arena_fini(&f->arena);
    free(f);
    return 0;
}

static inline void faults(fixture *f, const char *lines)
{
    bw_test_request request = {"POST", "/sandbox/faults", NULL, lines, strlen(lines)};
    assert_int_equal(bw_test_http_send(f->http, &request), 200);
}

static inline void no_faults(fixture *f)
{
    assert_int_equal(bw_test_http_json(f->http, "DELETE", "/sandbox/faults", NULL), 200);
}

/* An event from its text, in the fixture's arena. */
static inline bw_event *event_of(fixture *f, const bw_event_rules *rules, const char *text)
{
    bw_event *event = BW_ARENA_NEW(&f->arena, bw_event);
    bw_event_fault fault;
    bw_event_message message = {.data = bw_slice_cstr(bw_arena_strdup(&f->arena, text)),
                                .message_id = BW_SLICE_LIT("m"),
                                .publish_us = bw_wall_us(bw_clock_system())};
    bw_event_rules usual = {.default_kind = "customer"};
    if (!bw_event_parse(rules ? rules : &usual, &message, bw_wall_us(bw_clock_system()), &f->arena,
                        event, &fault))
        fail_msg("%s: %.*s", text, BW_SLICE_ARG(fault.detail));
    return event;
}

/* One more event for `resolve`: of the kind customer, `second` after a fixed time; data NULL: none. */
static inline void add(fixture *f, const char *operation, const char *entity, int second,
                       const char *id, const char *data)
{
    bw_buf text = BW_BUF_INIT;
    char time[BW_TIME_TEXT];
    int64_t start;
    assert_true(bw_parse_time(BW_SLICE_LIT("2026-01-01T00:00:00Z"), &start));
    bw_buf_addf(&text,
                "{\"event_id\":\"%s\",\"entity_id\":\"%s\",\"operation\":\"%s\","
                "\"timestamp\":\"%s\"%s%s}",
                id, entity, operation, bw_format_time(start + second * BW_SECOND, time),
                data ? ",\"data\":" : "", data ? data : "");
    assert_true(f->n < MAX_ITEMS);
    f->items[f->n++] = (bw_resolver_item){event_of(f, NULL, bw_buf_cstr(&text)), false};
    bw_buf_fini(&text);
}

/* Resolves what was added; the results stay in f->out. */
static inline void resolve(fixture *f)
{
    memset(f->out, 0, sizeof f->out);
    assert_ok(bw_resolver_run(f->resolver, f->items, f->n, &f->arena, f->out, &f->err), f->err);
}

static inline void forget(fixture *f)
{
    f->n = 0;
}

/* "applied v1 {...}", "ignored v3 again deleted", "BAD_MESSAGE event_id": a resolution in short. */
static inline const char *in_short(fixture *f, size_t i)
{
    const bw_resolution *r = &f->out[i];
    if (!r->resolved)
        return bw_arena_printf(&f->arena, "%s %.*s", bw_reason_name(r->fault.reason),
                               BW_SLICE_ARG(r->fault.member));
    return bw_arena_printf(&f->arena, "%s v%lld%s %s%.*s%s", bw_outcome_name(r->outcome),
                           (long long)r->version, r->redelivered ? " again" : "",
                           r->presence == BW_PRESENCE_EXISTS    ? ""
                           : r->presence == BW_PRESENCE_DELETED ? "deleted"
                                                                : "absent",
                           BW_SLICE_ARG(r->properties), r->conflict_resolved ? " resolved" : "");
}

static inline void assert_resolved(fixture *f, size_t i, const char *expected)
{
    assert_string_equal(in_short(f, i), expected);
}

/* Entity JSON of a key of one part, {NULL, 0} when there is none. */
static inline bw_slice stored(fixture *f, const char *kind, const char *name)
{
    bw_buf key = BW_BUF_INIT;
    bw_datastore_answer answer;
    bw_key_write_one(&key, &(bw_partition){.project = "p"}, kind, name, 0);
    bw_slice keys[] = {bw_buf_slice(&key)};
    assert_ok(
        bw_datastore_lookup(f->ds, keys, 1, &(bw_datastore_read){0}, &f->arena, &answer, &f->err),
        f->err);
    bw_buf_fini(&key);
    return answer.results[0].found ? answer.results[0].entity : (bw_slice){NULL, 0};
}

/* The stored properties as plain JSON, "none" when there is no such entity. */
static inline const char *plain(fixture *f, const char *kind, const char *name)
{
    bw_slice entity = stored(f, kind, name);
    if (!entity.ptr)
        return "none";
    bw_buf text = BW_BUF_INIT;
    assert_int_equal(bw_entity_to_json(bw_entity_properties(entity), NULL, &text, NULL),
                     BW_REASON_NONE);
    const char *kept = bw_arena_strdup(&f->arena, bw_buf_cstr(&text));
    bw_buf_fini(&text);
    return kept;
}

/* Writes an entity past the resolver. */
static inline void write_directly(fixture *f, const char *kind, const char *name,
                                  const char *properties)
{
    bw_buf text = BW_BUF_INIT;
    bw_buf_adds(&text, "{\"upsert\":{\"key\":");
    bw_key_write_one(&text, &(bw_partition){.project = "p"}, kind, name, 0);
    bw_buf_addf(&text, ",\"properties\":%s}}", properties);
    bw_slice mutations[] = {bw_buf_slice(&text)};
    bw_datastore_commit commit = {.mutations = mutations, .count = 1};
    assert_ok(bw_datastore_commit_send(f->ds, &commit, &f->arena, NULL, NULL, &f->err), f->err);
    bw_buf_fini(&text);
}

#endif
