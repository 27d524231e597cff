/* Commands, from this process and through the store from others: carried out on the engine's thread,
   each with one final event. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/log.h"
#include "backend/core/text.h"
#include "backend/engine/engine_internal.h"
#include "backend/engine/tally.h"

static void finish_as(bw_engine *e, uint64_t id, int64_t store_id, bw_log_level level,
                      const char *text, const char *hint)
{
    bool ok = level != BW_LOG_ERROR;
    bw_error err = BW_ERROR_INIT;
    bw_news event = {.command = id,
                     .final = true,
                     .ok = ok,
                     .level = (int)level,
                     .done = -1,
                     .total = -1,
                     .wall_us = bw_wall_us(e->clock)};
    snprintf(event.text, sizeof(event.text), "%s", text);
    snprintf(event.hint, sizeof(event.hint), "%s", hint ? hint : "");
    bw_engine_tell(e, &event);
    if (store_id) {
        char *outcome = event.hint[0] ? bw_xasprintf("%s" BW_OUTCOME_HINT "%s", text, event.hint)
                                      : bw_xstrdup(text);
        if (bw_store_command_done(e->store, store_id, ok, outcome, &err) != BW_OK)
            bw_log_error(BW_LOG_WARN, "store", &err);
        free(outcome);
    }
    e->changed = true;
}

static void finish(bw_engine *e, uint64_t id, int64_t store_id, bool ok, const char *text,
                   const char *hint)
{
    finish_as(e, id, store_id, ok ? BW_LOG_INFO : BW_LOG_ERROR, text, hint);
}

void bw_engine_answer(bw_engine *e, const bw_queued_command *q, bool ok, const char *text,
                      const char *hint)
{
    finish(e, q->id, q->store_id, ok, text, hint);
}

bw_tracked *bw_engine_track(bw_engine *e, const bw_queued_command *q, int runs)
{
    BW_GROW(e->tracked, e->n_tracked + 1, e->tracked_cap);
    bw_tracked *t = &e->tracked[e->n_tracked++];
    *t = (bw_tracked){.id = q->id, .store_id = q->store_id, .runs = runs, .remaining = runs};
    return t;
}

/* "1 of 3 replayed, 2 refused": what matters stands first, where a line is cut it is the rest. */
static void add_replay_counts(bw_buf *out, const bw_replay_counts *r)
{
    const struct {
        int64_t n;
        const char *words;
    } left[] = {
        {r->refused, "refused"}, {r->gone, "gone at the source"}, {r->keyless, "without a key"}};
    bw_buf_addf(out, "%lld of %lld replayed", (long long)r->landed, (long long)r->letters);
    for (size_t i = 0; i < BW_COUNT(left); i++) {
        if (left[i].n > 0)
            bw_buf_addf(out, ", %lld %s", (long long)left[i].n, left[i].words);
    }
}

static void describe_replay(const char *who, const bw_replay_counts *r, char *text, size_t size)
{
    bw_buf b = BW_BUF_INIT;
    add_replay_counts(&b, r);
    bw_buf_addf(&b, ": %s", who);
    if (r->keyless > 0)
        bw_buf_adds(&b, "; nothing finds rows without a key again: mend them and sync");
    snprintf(text, size, "%s", bw_buf_cstr(&b));
    bw_buf_fini(&b);
}

/* The letters that were not begun are as they were. */
static void describe_broken_replay(const bw_run *run, char *text, size_t size)
{
    bw_buf b = BW_BUF_INIT;
    add_replay_counts(&b, &run->replay);
    bw_buf_addf(&b, ", the rest is open: %s", run->error.message);
    snprintf(text, size, "%s", bw_buf_cstr(&b));
    bw_buf_fini(&b);
}

static void describe_run(const bw_run *run, char *text, size_t size)
{
    const bw_run_record *r = &run->record;
    char tally[BW_TALLY_TEXT];
    if (run->status != BW_OK && run->replay.landed + run->replay.refused + run->replay.gone > 0)
        describe_broken_replay(run, text, size);
    else if (run->status != BW_OK)
        snprintf(text, size, "%.400s", run->error.message);
    else if (run->ask.kind == BW_RUN_REPLAY)
        describe_replay(run->def->name, &run->replay, text, size);
    else
        snprintf(
            text, size, "%s: %s%s%s", run->def->name,
            bw_tally_text(r->rows_read, r->rows_loaded, r->rows_present, r->dead_letters, tally),
            run->well_again ? "; well again" : "", run->unparked ? "; no longer parked" : "");
}

static bw_tracked *find_tracked(bw_engine *e, uint64_t command)
{
    for (size_t i = 0; i < e->n_tracked; i++) {
        if (e->tracked[i].id == command)
            return &e->tracked[i];
    }
    return NULL;
}

/* One run of the command is over; after the last, so is the command. */
static void count_down(bw_engine *e, bw_tracked *t)
{
    if (--t->remaining > 0)
        return;
    char who[32], tally[BW_TALLY_TEXT];
    snprintf(who, sizeof(who), "%d syncs", t->runs);
    if (t->runs > 1 && t->failed == 0 && t->replay.letters > 0)
        describe_replay(who, &t->replay, t->text, sizeof(t->text));
    else if (t->runs > 1 && t->failed == 0)
        snprintf(
            t->text, sizeof(t->text), "%d runs: %s", t->runs,
            bw_tally_text(t->rows_read, t->rows_loaded, t->rows_present, t->dead_letters, tally));
    bool partly = t->replay.refused + t->replay.keyless > 0; /* carried out, and not all well */
    finish_as(e, t->id, t->store_id,
              t->failed ? BW_LOG_ERROR
              : partly  ? BW_LOG_WARN
                        : BW_LOG_INFO,
              t->text, t->hint);
    *t = e->tracked[--e->n_tracked];
}

void bw_engine_tracked_done(bw_engine *e, uint64_t command, const bw_run *run)
{
    bw_tracked *t = find_tracked(e, command);
    if (!t)
        return;
    t->rows_read += run->record.rows_read;
    t->rows_loaded += run->record.rows_loaded;
    t->rows_present += run->record.rows_present;
    t->dead_letters += run->record.dead_letters;
    t->replay.letters += run->replay.letters;
    t->replay.landed += run->replay.landed;
    t->replay.refused += run->replay.refused;
    t->replay.gone += run->replay.gone;
    t->replay.keyless += run->replay.keyless;
    t->replay_done += (int64_t)run->ask.n_letters;
    t->failed += run->status != BW_OK;
    if (t->text[0] == '\0' || run->status != BW_OK) {
        describe_run(run, t->text, sizeof(t->text));
        snprintf(t->hint, sizeof(t->hint), "%s", run->error.hint);
    }
    count_down(e, t);
}

void bw_engine_tracked_withdrawn(bw_engine *e, uint64_t command, const char *words)
{
    bw_tracked *t = find_tracked(e, command);
    if (!t)
        return;
    t->failed++;
    snprintf(t->text, sizeof(t->text), "%s before it began", words);
    t->hint[0] = '\0';
    count_down(e, t);
}

/* The syncs that a command names; on an unknown name none, and the command is over. */
static bw_sync **named_syncs(bw_engine *e, bw_queued_command *q, size_t *n)
{
    const bw_command *c = &q->command;
    bw_sync **syncs = BW_ARENA_ARRAY(&q->arena, bw_sync *, c->n_syncs + 1);
    *n = 0;
    for (size_t i = 0; i < c->n_syncs; i++) {
        bw_sync *sync = bw_engine_find(e, c->syncs[i]);
        if (sync) {
            syncs[(*n)++] = sync;
            continue;
        }
        const char **names = BW_ARENA_ARRAY(&q->arena, const char *, e->n_syncs + 1);
        for (size_t k = 0; k < e->n_syncs; k++)
            names[k] = e->syncs[k]->def.name;
        const char *near = bw_nearest(c->syncs[i], names, e->n_syncs);
        finish(e, q->id, q->store_id, false,
               bw_arena_printf(&q->arena, "there is no sync %s", c->syncs[i]),
               near ? bw_arena_printf(&q->arena, "Did you mean %s?", near)
                    : "`bridgewatch status` lists them.");
        *n = 0;
        return NULL;
    }
    return syncs;
}

static void copy_keys(bw_pending *p, const bw_command *c)
{
    const char **keys = BW_ARENA_ARRAY(&p->arena, const char *, c->n_keys + 1);
    for (size_t i = 0; i < c->n_keys; i++)
        keys[i] = bw_arena_strdup(&p->arena, c->keys[i]);
    p->ask.keys = keys;
    p->ask.n_keys = c->n_keys;
}

/* What is wrong with what the command asks for; NULL when nothing is. */
static const char *bad_request(const bw_command *c)
{
    if (c->n_syncs == 0)
        return "no sync was named";
    if (c->kind == BW_COMMAND_SINCE && c->since_us == BW_TIME_NONE)
        return "no time was named";
    if (c->kind != BW_COMMAND_KEYS)
        return NULL;
    for (size_t i = 0; i < c->n_keys; i++) {
        bw_slice key = bw_slice_cstr(c->keys[i]);
        if (!bw_json_valid(key, NULL, NULL) || key.ptr[strspn(key.ptr, " \t\r\n")] != '{')
            return "a key is a JSON object: {\"id\":3}";
    }
    return c->n_keys ? NULL : "no key was named";
}

static void ask_runs(bw_engine *e, bw_queued_command *q)
{
    static const bw_read_kind reads[] = {
        [BW_COMMAND_SYNC] = BW_READ_INCREMENTAL,      [BW_COMMAND_FULL] = BW_READ_FULL,
        [BW_COMMAND_SINCE] = BW_READ_SINCE,           [BW_COMMAND_KEYS] = BW_READ_KEYS,
        [BW_COMMAND_TAKE_OVER] = BW_READ_INCREMENTAL,
    };
    const bw_command *c = &q->command;
    size_t n;
    const char *bad = bad_request(c);
    if (bad) {
        finish(e, q->id, q->store_id, false, bad, NULL);
        return;
    }
    bw_sync **syncs = named_syncs(e, q, &n);
    if (!syncs)
        return;
    (void)bw_engine_track(e, q, (int)n);
    for (size_t i = 0; i < n; i++) {
        bw_pending *p = bw_sync_ask(
            syncs[i], &(bw_ask){.kind = BW_RUN_SYNC,
                                .read = reads[c->kind],
                                .trigger = c->kind == BW_COMMAND_SYNC ? "command" : "resync",
                                .who = c->who,
                                .command = q->id,
                                .since_us = c->since_us,
                                .take_over = c->kind == BW_COMMAND_TAKE_OVER});
        copy_keys(p, c);
    }
}

static void pause_or_resume(bw_engine *e, bw_queued_command *q)
{
    const bw_command *c = &q->command;
    bool pause = c->kind == BW_COMMAND_PAUSE;
    bw_error err = BW_ERROR_INIT;
    size_t n;
    if (c->n_syncs == 0) {
        finish(e, q->id, q->store_id, false, "no sync was named", NULL);
        return;
    }
    bw_sync **syncs = named_syncs(e, q, &n);
    for (size_t i = 0; syncs && i < n; i++) {
        bw_status s = bw_store_sync_pause(e->store, syncs[i]->def.name, pause, c->who, &err);
        if (s == BW_OK && !pause)
            s = bw_store_sync_park(e->store, syncs[i]->def.name, BW_TIME_NONE, NULL, &err);
        if (s != BW_OK) {
            finish(e, q->id, q->store_id, false, err.message, err.hint);
            return;
        }
        bw_sync_reload(e, syncs[i]);
        bw_sync_release(syncs[i]);
        if (pause && syncs[i]->run && bw_sync_is_stream(&syncs[i]->def))
            bw_run_yield(syncs[i]->run);
        bool scheduled = syncs[i]->def.schedule && !e->options.observe && !e->options.once &&
                         syncs[i]->def.schedule->kind != BW_SCHEDULE_MANUAL;
        if (!pause && scheduled)
            syncs[i]->next_due_us = bw_wall_us(e->clock);
    }
    if (syncs)
        finish(e, q->id, q->store_id, true,
               bw_arena_printf(&q->arena, "%zu sync%s %s%s", n, n == 1 ? "" : "s",
                               pause ? "paused" : "resumed",
                               pause ? "; a run under way goes on to its end" : ""),
               NULL);
}

static bool waits_for_replay(const bw_sync *sync)
{
    for (size_t i = 0; i < sync->n_pending; i++) {
        if (sync->pending[i]->ask.kind == BW_RUN_REPLAY)
            return true;
    }
    return false;
}

static void cancel(bw_engine *e, bw_queued_command *q)
{
    size_t n, withdrawn = 0, cancelled = 0, stopped = 0;
    const char *words = bw_arena_printf(&q->arena, "cancelled by %s", q->command.who);
    bw_sync **syncs = named_syncs(e, q, &n);
    for (size_t i = 0; syncs && i < n; i++) {
        const bw_run *run = syncs[i]->run;
        if (q->command.replays && run && run->ask.kind != BW_RUN_REPLAY &&
            !waits_for_replay(syncs[i]))
            continue;
        withdrawn += bw_sync_withdraw(e, syncs[i], words);
        run = syncs[i]->run;
        if (!run || (q->command.replays && run->ask.kind != BW_RUN_REPLAY))
            continue;
        if (bw_run_stop(syncs[i]->run, words)) { /* asked for once more, it is cut off */
            stopped++;
            continue;
        }
        syncs[i]->run->stood_still = false; /* cut off by a jump of the clock, it does not return */
        bw_run_cancel(syncs[i]->run, words);
        cancelled++;
    }
    if (syncs)
        finish(e, q->id, q->store_id, cancelled + withdrawn + stopped > 0,
               cancelled   ? "cancelling; the next run resumes where this one stopped"
               : stopped   ? "the replay ends after the letters at hand; the rest stays open"
               : withdrawn ? "taken back before it began"
                           : "nothing is running",
               NULL);
}

/* To another process it is said whose setting that is: its own is a different one. */
static void refuse_read_only(bw_engine *e, bw_queued_command *q)
{
    char holder[128] = "";
    if (!q->store_id || !bw_store_engine_runs(e->options.state_dir, holder)) {
        finish(e, q->id, q->store_id, false, "refused: read-only",
               "Start without --read-only to change things.");
        return;
    }
    finish(e, q->id, q->store_id, false,
           bw_arena_printf(&q->arena,
                           "refused: read-only, as the engine that runs here was started "
                           "(%s)",
                           holder),
           "It is that engine's --read-only or read_only setting, not this command's.");
}

static void carry_out(bw_engine *e, bw_queued_command *q)
{
    static void (*const handlers[BW_COMMAND_KINDS])(bw_engine *, bw_queued_command *) = {
        [BW_COMMAND_SYNC] = ask_runs,
        [BW_COMMAND_FULL] = ask_runs,
        [BW_COMMAND_SINCE] = ask_runs,
        [BW_COMMAND_KEYS] = ask_runs,
        [BW_COMMAND_TAKE_OVER] = ask_runs,
        [BW_COMMAND_PAUSE] = pause_or_resume,
        [BW_COMMAND_RESUME] = pause_or_resume,
        [BW_COMMAND_CANCEL] = cancel,
        [BW_COMMAND_REPLAY] = bw_letters_replay,
        [BW_COMMAND_DISCARD] = bw_letters_discard,
        [BW_COMMAND_EDIT] = bw_letters_edit,
    };
    bw_log(BW_LOG_INFO, "command", "%s by %s", bw_command_name(q->command.kind), q->command.who);
    if (e->options.read_only)
        refuse_read_only(e, q);
    else
        handlers[q->command.kind](e, q);
}

/* A command may name a table of a pattern that has not been expanded yet. */
static bool must_wait(bw_engine *e, const bw_command *c)
{
    bool expanding = false, unknown = false;
    for (size_t i = 0; i < e->n_syncs; i++)
        expanding |= e->syncs[i]->def.pattern && !e->syncs[i]->ran && !e->syncs[i]->skipped &&
                     !e->syncs[i]->record.paused;
    for (size_t i = 0; i < c->n_syncs; i++)
        unknown |= bw_engine_find(e, c->syncs[i]) == NULL;
    bool letters = c->kind == BW_COMMAND_REPLAY && c->n_letters > 0;
    return expanding && (unknown || letters);
}

static void take_from_store(bw_engine *e)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_error err = BW_ERROR_INIT;
    bw_command_record *records;
    size_t n = 0;
    bw_store_wake_drain(e->store);
    if (bw_store_command_take(e->store, &arena, &records, &n, &err) != BW_OK)
        bw_log_error(BW_LOG_WARN, "store", &err);
    for (size_t i = 0; i < n; i++) {
        bw_queued_command *q = bw_xcalloc(1, sizeof(*q));
        q->store_id = records[i].id;
        if (bw_command_from_json(records[i].kind, records[i].who, records[i].args, &q->arena,
                                 &q->command, &err) == BW_OK) {
            bw_engine_enqueue(e, q);
            continue;
        }
        finish(e, 0, q->store_id, false, err.message, err.hint);
        bw_arena_fini(&q->arena);
        free(q);
    }
    bw_arena_fini(&arena);
}

uint64_t bw_engine_enqueue(bw_engine *e, bw_queued_command *q)
{
    pthread_mutex_lock(&e->mu);
    uint64_t id = q->id = ++e->next_command;
    BW_GROW(e->commands, e->n_commands + 1, e->commands_cap);
    e->commands[e->n_commands++] = q;
    pthread_mutex_unlock(&e->mu);
    return id;
}

/* The first command that need not wait. */
static bw_queued_command *take_one(bw_engine *e)
{
    bw_queued_command *q = NULL;
    pthread_mutex_lock(&e->mu);
    for (size_t i = 0; i < e->n_commands && !q; i++) {
        if (must_wait(e, &e->commands[i]->command))
            continue;
        q = e->commands[i];
        e->n_commands--;
        for (size_t k = i; k < e->n_commands; k++)
            e->commands[k] = e->commands[k + 1];
    }
    pthread_mutex_unlock(&e->mu);
    return q;
}

void bw_engine_take_commands(bw_engine *e)
{
    bw_queued_command *q;
    take_from_store(e);
    while ((q = take_one(e))) {
        carry_out(e, q);
        bw_arena_fini(&q->arena);
        free(q);
    }
}
