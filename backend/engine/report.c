/*
 * What is told of a run that has ended. Every run stands in the log and in the history; news, which
 * come up over whatever the operator is looking at, are of changes only: a sync begins to fail, fails
 * for another reason, or is well again. The answer to a command is news of its own.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "backend/core/log.h"
#include "backend/engine/engine_internal.h"
#include "backend/engine/tally.h"

/* ---- reasons ---------------------------------------------------------------------------- */

/* The next word of the text: what stands between blanks and brackets. */
static const char *next_word(const char **at, size_t *n)
{
    static const char between[] = " \t\n\"'(){}[]:,;=";
    const char *word = *at + strspn(*at, between);
    *n = strcspn(word, between);
    *at = word + *n;
    return word;
}

/* Numbers, times and our jobs' ids are other ones in every attempt. */
static bool is_passing(const char *word)
{
    return isdigit((unsigned char)word[0]) || strncmp(word, "bw_", 3) == 0;
}

bool bw_same_reason(const char *a, const char *b)
{
    for (;;) {
        size_t n, m;
        const char *v = next_word(&a, &n), *w = next_word(&b, &m);
        if (n == 0 || m == 0)
            return n == m;
        bool same = n == m && memcmp(v, w, n) == 0;
        if (!same && !(is_passing(v) && is_passing(w)))
            return false;
    }
}

/* ---- telling ---------------------------------------------------------------------------- */

static void tell(bw_engine *e, const bw_sync *sync, bw_log_level level, const char *text,
                 const char *hint)
{
    bw_news event = {.level = (int)level, .done = -1, .total = -1, .wall_us = bw_wall_us(e->clock)};
    snprintf(event.sync, sizeof(event.sync), "%s", sync->def.name);
    snprintf(event.text, sizeof(event.text), "%.*s", (int)sizeof(event.text) - 1, text);
    snprintf(event.hint, sizeof(event.hint), "%.*s", (int)sizeof(event.hint) - 1, hint);
    bw_engine_tell(e, &event);
}

void bw_sync_tell_well(bw_engine *e, const bw_sync *sync)
{
    char text[256];
    bw_log(BW_LOG_INFO, sync->def.name, "well again");
    snprintf(text, sizeof(text), "%.200s is well again", sync->def.name);
    tell(e, sync, BW_LOG_INFO, text, "");
}

static void report_success(bw_engine *e, const bw_sync *sync, const char *before, bw_run *run)
{
    const bw_run_record *r = &run->record;
    char text[BW_TALLY_TEXT];
    bw_log(BW_LOG_INFO, sync->def.name, "run ok: %s",
           bw_tally_text(r->rows_read, r->rows_loaded, r->rows_present, r->dead_letters, text));
    if (before && run->ask.command == 0)
        bw_sync_tell_well(e, sync);
    else if (before)
        run->well_again = true; /* the command's answer says it */
}

void bw_sync_report(bw_engine *e, const bw_sync *sync, const char *before, bw_run *run)
{
    if (run->status == BW_OK) {
        report_success(e, sync, before, run);
        return;
    }
    bw_log_level level = run->status == BW_CANCELLED ? BW_LOG_INFO : BW_LOG_ERROR;
    bw_log_error(level, "", &run->error);
    bool known = before && level == BW_LOG_ERROR && bw_same_reason(before, run->error.message);
    if (run->ask.command == 0 && !known)
        tell(e, sync, level, run->error.message, run->error.hint);
}
