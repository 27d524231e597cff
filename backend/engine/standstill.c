/*
 * After the program was stopped, the machine slept or the clock was set, what deadlines and kept
 * connections say means nothing: the servers may have given up long ago. Runs under way are cut off
 * and begin again at once with new connections, and the attempt counts neither as a failure nor as
 * an answer to the command that asked for it.
 */
#include <stdio.h>

#include "backend/core/log.h"
#include "backend/core/units.h"
#include "backend/engine/engine_internal.h"

/* The engine's thread looks at the clock at least once a second. */
#define STANDSTILL (10 * BW_SECOND)

/* How long nothing ran, or by how much the wall clock was moved; 0 when neither happened. */
static int64_t lost_time(bw_engine *e)
{
    int64_t mono = bw_mono_us(e->clock), wall = bw_wall_us(e->clock);
    int64_t passed = mono - e->seen_mono_us, moved = wall - e->seen_wall_us - passed;
    bool first = e->seen_mono_us == 0;
    e->seen_mono_us = mono;
    e->seen_wall_us = wall;
    if (first)
        return 0;
    /* A sleep stops the monotonic clock, a stop of the process does not. */
    int64_t jump = moved < 0 ? -moved : moved;
    return passed > STANDSTILL ? passed : jump > STANDSTILL ? jump : 0;
}

void bw_engine_watch_clock(bw_engine *e)
{
    int64_t lost = lost_time(e);
    if (lost == 0)
        return;
    char text[BW_TIME_TEXT], words[128];
    bw_format_duration(lost, text);
    bw_log(BW_LOG_WARN, "engine", "the program or the clock jumped by %s: runs begin again", text);
    snprintf(words, sizeof(words), "cut off: the program or the clock jumped by %s", text);
    for (size_t i = 0; i < e->n_syncs; i++) {
        bw_run *run = e->syncs[i]->run;
        if (!run || bw_cancelled(&run->cancel))
            continue;
        run->stood_still = true;
        bw_run_cancel(run, words);
    }
    e->next_heartbeat = 0; /* others believe by now that nobody runs */
    e->changed = true;
}

bool bw_sync_begin_again(bw_engine *e, bw_sync *sync, bw_run *run)
{
    if (!run->stood_still || run->status == BW_OK || atomic_load(&e->stopping))
        return false;
    sync->ran = false;
    if (run->ask.command == 0) {
        sync->next_due_us = bw_wall_us(e->clock);
        return true;
    }
    bw_pending *p = bw_sync_ask(sync, &run->ask);
    bw_arena_fini(&p->arena);
    p->arena = run->arena; /* who, keys and letters live there */
    p->ask = run->ask;
    run->arena = (bw_arena)BW_ARENA_INIT;
    run->ask.command = 0;
    return true;
}
