/* Commands about dead letters, on the engine's thread: which letters, the runs that replay them, and how
   far those are. */
#include <stdio.h>

#include "backend/core/log.h"
#include "backend/engine/engine_internal.h"

/* The letters that a command is about, by their ids or by sync and reason, without their content. */
static bw_status named_letters(bw_engine *e, bw_queued_command *q, bw_dead_letter **out, size_t *n,
                               bw_error *err)
{
    const bw_command *c = &q->command;
    bw_letter_filter filter = {.reason = c->reason, .content_max = 1};
    *n = 0;
    if (c->n_letters == 0 && c->n_syncs == 0)
        return bw_error_set(err, BW_INVALID, "no dead letter was named");
    if (c->n_letters > 0) {
        filter.ids = c->letters;
        filter.n_ids = c->n_letters;
        filter.reason = NULL;
    } else if (c->n_syncs == 1) {
        filter.sync = c->syncs[0];
    } else {
        return bw_error_set(err, BW_INVALID, "letters are named by ids, or by one sync");
    }
    return bw_store_letters(e->store, &filter, &q->arena, out, n, err);
}

/* One run for each sync that has some of the letters; how many. */
static size_t ask_replays(bw_engine *e, const bw_queued_command *q, const bw_dead_letter *letters,
                          size_t n)
{
    const bw_command *c = &q->command;
    size_t runs = 0;
    for (size_t i = 0; i < e->n_syncs; i++) {
        size_t count = 0;
        for (size_t k = 0; k < n; k++)
            count += strcmp(letters[k].sync, e->syncs[i]->def.name) == 0;
        if (count == 0)
            continue;
        bw_pending *p = bw_sync_ask(e->syncs[i], &(bw_ask){.kind = BW_RUN_REPLAY,
                                                           .read = BW_READ_KEYS,
                                                           .trigger = "replay",
                                                           .who = c->who,
                                                           .command = q->id,
                                                           .rate = c->rate,
                                                           .publish = c->publish});
        int64_t *ids = BW_ARENA_ARRAY(&p->arena, int64_t, count);
        for (size_t k = 0; k < n; k++) {
            if (strcmp(letters[k].sync, e->syncs[i]->def.name) == 0)
                ids[p->ask.n_letters++] = letters[k].id;
        }
        p->ask.letters = ids;
        runs++;
    }
    return runs;
}

void bw_letters_replay(bw_engine *e, bw_queued_command *q)
{
    bw_error err = BW_ERROR_INIT;
    bw_dead_letter *letters;
    size_t n;
    if (q->command.stored) {
        bw_engine_answer(e, q, false, "a row's letter is replayed by reading the row again",
                         "Replay it without the stored content.");
        return;
    }
    if (named_letters(e, q, &letters, &n, &err) != BW_OK) {
        bw_engine_answer(e, q, false, err.message, err.hint);
        return;
    }
    if (q->command.dry_run) {
        bw_engine_answer(e, q, true,
                         bw_arena_printf(&q->arena, "%zu dead letter%s would be %s", n,
                                         n == 1 ? "" : "s",
                                         q->command.publish ? "published again" : "replayed"),
                         NULL);
        return;
    }
    size_t runs = ask_replays(e, q, letters, n);
    if (runs == 0) {
        bw_engine_answer(e, q, false,
                         "none of these dead letters is open, or their syncs are not configured",
                         NULL);
        return;
    }
    bw_engine_track(e, q, (int)runs)->replay_total = (int64_t)n;
}

void bw_letters_discard(bw_engine *e, bw_queued_command *q)
{
    bw_error err = BW_ERROR_INIT;
    bw_dead_letter *letters;
    int64_t moved = 0;
    size_t n;
    bw_status s = named_letters(e, q, &letters, &n, &err);
    int64_t *ids = BW_ARENA_ARRAY(&q->arena, int64_t, n + 1);
    for (size_t i = 0; s == BW_OK && i < n; i++)
        ids[i] = letters[i].id;
    if (s == BW_OK)
        s = bw_store_letters_move(e->store, ids, n, BW_LETTER_DISCARDED, q->command.who, &moved,
                                  &err);
    if (s != BW_OK) {
        bw_engine_answer(e, q, false, err.message, err.hint);
        return;
    }
    bw_engine_count_letters(e);
    bw_engine_answer(
        e, q, moved > 0,
        bw_arena_printf(&q->arena,
                        "%lld dead letter%s discarded; the audit trail keeps the content",
                        (long long)moved, moved == 1 ? "" : "s"),
        NULL);
}

/* ---- progress --------------------------------------------------------------------------- */

#define TELL_EVERY (BW_SECOND / 2)

static void tell_one(bw_engine *e, const bw_tracked *t, int64_t done)
{
    bw_error err = BW_ERROR_INIT;
    bw_news news = {.command = t->id,
                    .level = BW_LOG_INFO,
                    .done = done,
                    .total = t->replay_total,
                    .wall_us = bw_wall_us(e->clock)};
    snprintf(news.text, sizeof(news.text), "replaying: %lld of %lld dead letters", (long long)done,
             (long long)t->replay_total);
    bw_engine_tell(e, &news);
    if (t->store_id && bw_store_command_progress(e->store, t->store_id, news.text, &err) != BW_OK)
        bw_log_error(BW_LOG_DEBUG, "store", &err);
}

bool bw_engine_tell_progress(bw_engine *e)
{
    int64_t now = bw_mono_us(e->clock);
    bool any = false;
    for (size_t i = 0; i < e->n_tracked; i++) {
        bw_tracked *t = &e->tracked[i];
        if (t->replay_total == 0)
            continue;
        any = true;
        int64_t done = t->replay_done;
        for (size_t k = 0; k < e->n_syncs; k++) {
            const bw_run *run = e->syncs[k]->run;
            if (run && run->ask.command == t->id)
                done += atomic_load(&run->letters_done);
        }
        if (now < t->told_us + TELL_EVERY || (done == t->told && t->told_us != 0))
            continue;
        t->told_us = now;
        t->told = done;
        tell_one(e, t, done);
    }
    return any;
}

void bw_letters_edit(bw_engine *e, bw_queued_command *q)
{
    const bw_command *c = &q->command;
    bw_error err = BW_ERROR_INIT;
    if (c->n_letters != 1 || !c->content.ptr) {
        bw_engine_answer(e, q, false, "nothing to edit", NULL);
        return;
    }
    if (bw_store_letter_edit(e->store, c->letters[0], c->content, c->who, &err) != BW_OK) {
        bw_engine_answer(e, q, false, err.message, err.hint);
        return;
    }
    long long id = (long long)c->letters[0];
    bw_engine_answer(e, q, true,
                     bw_arena_printf(&q->arena,
                                     "letter %lld edited, not sent yet: replay it; the audit trail "
                                     "has the original",
                                     id),
                     bw_arena_printf(&q->arena, "`dlq replay %lld`, or r on its screen.", id));
}
