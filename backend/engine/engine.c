#include "backend/engine/engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/core/thread.h"
#include "backend/engine/engine_internal.h"

#define HEARTBEAT  (5 * BW_SECOND)
#define RUN_MEMORY (INT64_C(32) << 20)

bw_status bw_engine_new(const bw_engine_options *options, bw_engine **out, bw_error *err)
{
    bw_engine *e = bw_xcalloc(1, sizeof(*e));
    *out = NULL;
    e->options = *options;
    e->clock = options->clock;
    e->store = options->store;
    e->run_env = (bw_run_env){options->store, options->google, options->clock};
    pthread_mutex_init(&e->mu, NULL);
    e->engine_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e->ui_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bw_status s = bw_engine_load_syncs(e, err);
    if (s != BW_OK) {
        bw_engine_free(e);
        return s;
    }
    bw_engine_count_letters(e);
    bw_engine_publish(e);
    *out = e;
    return BW_OK;
}

/* A store that cannot be written starts nothing new, and says so until it can again. */
static void heartbeat(bw_engine *e)
{
    int64_t now = bw_mono_us(e->clock);
    if (now < e->next_heartbeat)
        return;
    e->next_heartbeat = now + HEARTBEAT;
    bw_error err = BW_ERROR_INIT;
    if (bw_store_heartbeat(e->store, bw_intake_remote_letters(e->intake), &err) == BW_OK) {
        e->changed |= e->note != NULL;
        e->note = NULL;
        bw_engine_count_letters(e);
        if (now >= e->next_trim) {
            e->next_trim = now + BW_HOUR;
            if (bw_store_trim(e->store, &err) != BW_OK)
                bw_log_error(BW_LOG_WARN, "store", &err);
        }
        return;
    }
    if (!e->note)
        bw_log_error(BW_LOG_ERROR, "store", &err);
    snprintf(e->note_text, sizeof(e->note_text), "nothing new is started: %.200s", err.message);
    e->note = e->note_text;
    e->changed = true;
}

/* With `once`: everything has run that should, and nothing is under way. */
static bool all_done(const bw_engine *e)
{
    for (size_t i = 0; i < e->n_syncs; i++) {
        const bw_sync *sync = e->syncs[i];
        if (sync->run || sync->n_pending > 0 || (!sync->ran && !sync->skipped))
            return false;
    }
    return bw_intake_over(e->intake);
}

/* What came in beside the syncs. */
static void watch_intake(bw_engine *e)
{
    int64_t kept = bw_intake_kept(e->intake);
    if (kept == e->intake_kept)
        return;
    e->intake_kept = kept;
    bw_engine_count_letters(e);
    e->changed = true;
}

static void start_intake(bw_engine *e)
{
    bw_intake_options options = {
        .config = e->options.config,
        .google = e->options.google,
        .store = e->store,
        .clock = e->clock,
        .drain = e->options.once,
        .wake_fd = e->engine_wake,
    };
    const bw_sync_def **defs = BW_ARENA_ARRAY(&e->arena, const bw_sync_def *, e->n_syncs + 1);
    size_t n = 0;
    for (size_t i = 0; i < e->n_syncs; i++) {
        if (!e->syncs[i]->skipped)
            defs[n++] = &e->syncs[i]->def;
    }
    e->intake = bw_intake_start(&options, defs, n);
    if (!e->options.once)
        e->backlog = bw_backlog_start(defs, n, e->options.google, e->clock, e->engine_wake);
}

/* Previews wait for Datastore, verifying reads the whole trail: other pages must not wait for them. */
static bw_status start_slow_pages(bw_engine *e, bw_error *err)
{
    const bw_sync_def **defs = BW_ARENA_ARRAY(&e->arena, const bw_sync_def *, e->n_syncs + 1);
    size_t n = 0;
    bw_status s =
        bw_page_reader_start(e->options.state_dir, e->clock, NULL, e->ui_wake, &e->slow_pages, err);
    for (size_t i = 0; i < e->n_syncs; i++) {
        if (bw_sync_is_stream(&e->syncs[i]->def))
            defs[n++] = &e->syncs[i]->def;
    }
    if (s == BW_OK)
        bw_page_reader_previews(e->slow_pages, e->options.google, defs, n);
    return s;
}

static void wait_for_work(bw_engine *e, bool progress)
{
    int64_t now = bw_mono_us(e->clock), wall = bw_wall_us(e->clock), due = bw_engine_next_due(e);
    int64_t until = e->next_publish < e->next_heartbeat ? e->next_publish : e->next_heartbeat;
    if (due != BW_FOREVER && !e->note && now + (due - wall) < until)
        until = now + (due > wall ? due - wall : 0);
    if (progress && now + BW_SECOND / 2 < until)
        until = now + BW_SECOND / 2;
    struct pollfd fds[2] = {{.fd = e->engine_wake, .events = POLLIN},
                            {.fd = bw_store_wake_fd(e->store), .events = POLLIN}};
    if (poll(fds, 2, bw_poll_ms(e->clock, until, 1000)) > 0 && fds[0].revents) {
        eventfd_t n;
        eventfd_read(e->engine_wake, &n);
    }
}

static void *run(void *arg)
{
    bw_engine *e = arg;
    while (!atomic_load(&e->stopping)) {
        bw_engine_watch_clock(e);
        bw_engine_take_results(e);
        bw_engine_take_commands(e);
        heartbeat(e);
        bw_engine_start_due(e);
        bw_engine_refresh_streams(e);
        watch_intake(e);
        bw_engine_sample(e);
        if (e->options.once && !atomic_load(&e->done) && all_done(e)) {
            e->changed = true;
            bw_engine_publish(e);
            atomic_store(&e->done, true);
            eventfd_write(e->ui_wake, 1);
        }
        bw_engine_publish(e);
        wait_for_work(e, bw_engine_tell_progress(e));
    }
    return NULL;
}

bw_status bw_engine_start(bw_engine *e, bw_error *err)
{
    const bw_config_node *top = bw_config_top(e->options.config);
    /* What a run holds of rows at the most: chunk, buffers on their way, the upload's chunk. */
    int64_t workers = bw_config_int(top, "engine.workers");
    int64_t fit = bw_config_size(top, "engine.memory") / RUN_MEMORY;
    if (workers > fit)
        workers = fit > 0 ? fit : 1;
    /* A stream's run has no end: it must not keep the others from running. */
    for (size_t i = 0; i < e->n_syncs; i++)
        workers += bw_sync_is_stream(&e->syncs[i]->def);
    bw_status s = bw_store_heartbeat(e->store, bw_intake_remote_letters(e->intake), err);
    if (s == BW_OK)
        s = bw_page_reader_start(e->options.state_dir, e->clock, e->options.ring, e->ui_wake,
                                 &e->pages, err);
    if (s == BW_OK)
        s = start_slow_pages(e, err);
    if (s != BW_OK)
        return s;
    e->workers = bw_workers_start((size_t)workers, e->engine_wake);
    if (!e->options.observe)
        start_intake(e);
    bw_thread_start(&e->thread, "engine", run, e);
    e->thread_runs = true;
    return BW_OK;
}

bool bw_engine_stop(bw_engine *e, int64_t timeout_us)
{
    int64_t deadline = bw_mono_us(e->clock) + timeout_us;
    if (!e->thread_runs)
        return true;
    atomic_store(&e->stopping, true);
    eventfd_write(e->engine_wake, 1);
    pthread_join(e->thread,
                 NULL); /* its waits are short and its work is in memory or in the store */
    e->thread_runs = false;
    for (size_t i = 0; i < e->n_syncs; i++) {
        if (e->syncs[i]->run)
            bw_run_cancel(e->syncs[i]->run,
                          "cut off by the end of the engine; the next run resumes");
    }
    bw_intake_stop(e->intake);
    e->intake = NULL;
    bw_backlog_stop(e->backlog);
    e->backlog = NULL;
    bool ended = bw_workers_stop(e->workers, e->clock, deadline);
    for (size_t i = 0; ended && i < e->n_syncs; i++)
        e->syncs[i]->run = NULL; /* freed with the pool's queues */
    if (ended)
        e->workers = NULL;
    bw_page_reader_stop(e->pages);
    bw_page_reader_stop(e->slow_pages);
    e->pages = e->slow_pages = NULL;
    atomic_store(&e->stopped, true);
    return ended;
}

void bw_engine_free(bw_engine *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_commands; i++) {
        bw_arena_fini(&e->commands[i]->arena);
        free(e->commands[i]);
    }
    free(e->commands);
    free(e->tracked);
    bw_engine_free_syncs(e);
    if (e->snapshot)
        bw_snapshot_unref(&e->snapshot->snapshot);
    close(e->engine_wake);
    close(e->ui_wake);
    pthread_mutex_destroy(&e->mu);
    bw_arena_fini(&e->arena);
    free(e);
}

const bw_snapshot *bw_engine_snapshot(bw_engine *e)
{
    pthread_mutex_lock(&e->mu);
    bw_snapshot_box *box = e->snapshot;
    if (box)
        atomic_fetch_add(&box->refs, 1);
    pthread_mutex_unlock(&e->mu);
    return box ? &box->snapshot : NULL;
}

int bw_engine_wake_fd(const bw_engine *e)
{
    return e->ui_wake;
}

void bw_engine_wake_drain(bw_engine *e)
{
    eventfd_t n;
    eventfd_read(e->ui_wake, &n);
}

static const char *const *copy_strings(bw_arena *a, const char *const *items, size_t n)
{
    const char **copy = BW_ARENA_ARRAY(a, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = bw_arena_strdup(a, items[i]);
    return copy;
}

bw_status bw_engine_command(bw_engine *e, const bw_command *command, uint64_t *id, bw_error *err)
{
    if (e->options.read_only) {
        bw_error_set(err, BW_DENIED, "refused: read-only");
        return bw_error_hint(err, "Start without --read-only to change things.");
    }
    bw_queued_command *q = bw_xcalloc(1, sizeof(*q));
    bw_arena *a = &q->arena;
    q->command = *command;
    q->command.who = bw_arena_strdup(a, command->who ? command->who : "");
    q->command.syncs = copy_strings(a, command->syncs, command->n_syncs);
    q->command.keys = copy_strings(a, command->keys, command->n_keys);
    int64_t *letters = BW_ARENA_ARRAY(a, int64_t, command->n_letters + 1);
    for (size_t i = 0; i < command->n_letters; i++)
        letters[i] = command->letters[i];
    q->command.letters = letters;
    q->command.reason = command->reason ? bw_arena_strdup(a, command->reason) : NULL;
    if (command->content.ptr)
        q->command.content = bw_arena_slice(a, command->content);
    uint64_t queued = bw_engine_enqueue(e, q);
    if (id)
        *id = queued;
    eventfd_write(e->engine_wake, 1);
    return BW_OK;
}

bool bw_engine_news(bw_engine *e, bw_news *out)
{
    pthread_mutex_lock(&e->mu);
    bool any = e->n_events > 0;
    if (any) {
        *out = e->events[e->first_event];
        e->first_event = (e->first_event + 1) % BW_EVENTS;
        e->n_events--;
    }
    pthread_mutex_unlock(&e->mu);
    return any;
}

void bw_engine_ask(bw_engine *e, int slot, const bw_page_query *query)
{
    bool slow = query->kind == BW_PAGE_PREVIEW || query->verify;
    if (!e->pages || slot < 0 || slot >= BW_PAGE_SLOTS) /* not started, or stopped */
        return;
    e->slow_slots = (e->slow_slots & ~(1u << slot)) | (uint32_t)slow << slot;
    bw_page_reader_ask(slow ? e->slow_pages : e->pages, slot, query);
}

const bw_page *bw_engine_page(bw_engine *e, int slot)
{
    if (!e->pages || slot < 0 || slot >= BW_PAGE_SLOTS)
        return NULL;
    bool slow = e->slow_slots >> slot & 1;
    return bw_page_reader_take(slow ? e->slow_pages : e->pages, slot);
}

bool bw_engine_done(const bw_engine *e)
{
    return atomic_load(&e->done);
}

/* A name that was asked for and is no sync's. */
static bw_run_record unknown_sync(const bw_engine *e, bw_arena *arena, const char *name)
{
    const char **names = BW_ARENA_ARRAY(arena, const char *, e->n_syncs + 1);
    for (size_t i = 0; i < e->n_syncs; i++)
        names[i] = e->syncs[i]->def.name;
    const char *near = bw_nearest(name, names, e->n_syncs);
    return (bw_run_record){
        .sync = bw_arena_strdup(arena, name),
        .mode = "",
        .state = "failed",
        .error = "there is no sync of that name",
        .hint = near ? bw_arena_printf(arena, "Did you mean %s?", near)
                     : "`bridgewatch status` lists them.",
    };
}

static bool names_any(const bw_engine *e, const char *only)
{
    for (size_t i = 0; i < e->n_syncs; i++) {
        if (strcmp(only, e->syncs[i]->def.name) == 0 || bw_glob_match(only, e->syncs[i]->def.name))
            return true;
    }
    return false;
}

void bw_engine_results(bw_engine *e, bw_arena *arena, bw_run_record **out, size_t *count)
{
    bw_run_record *records =
        BW_ARENA_ARRAY(arena, bw_run_record, e->n_syncs + e->options.n_only + 1);
    size_t n = 0;
    for (size_t i = 0; i < e->n_syncs; i++) {
        const bw_sync *sync = e->syncs[i];
        if ((sync->def.pattern && !sync->failed) || sync->skipped)
            continue;
        records[n] = sync->last;
        records[n].sync = sync->def.name;
        if (!sync->ran) {
            records[n].state = "skipped";
            records[n].mode = sync->mode;
            records[n].checkpoint = sync->record.checkpoint;
        }
        n++;
    }
    for (size_t i = 0; i < e->options.n_only; i++) {
        if (!names_any(e, e->options.only[i]))
            records[n++] = unknown_sync(e, arena, e->options.only[i]);
    }
    *out = records;
    *count = n;
}
