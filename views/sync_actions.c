#include "views/sync_actions.h"

#include <stdio.h>

#include "views/console_internal.h"

enum {
    ACTION_RESYNC = BW_ACTION_VIEWS,
    ACTION_FULL,
    ACTION_PAUSE,
    ACTION_RESUME,
    ACTION_CANCEL,
    ACTION_TAKE_OVER,
    ACTION_LETTERS,
    ACTION_HISTORY,
};

#define ON_SYNCS (BW_SCREEN(BW_SCREEN_SYNCS) | BW_SCREEN(BW_SCREEN_SYNC))
#define CHANGES  (BW_ACT_ROW | BW_ACT_BULK | BW_ACT_MUTATES)

const bw_action bw_sync_actions[BW_SYNC_ACTIONS] = {
    {ACTION_RESYNC, "resync", NULL, "read what changed now", NULL, "r", CHANGES | BW_ACT_HINT,
     ON_SYNCS},
    {ACTION_FULL, "resync-full", "full resync",
     "read the whole table and replace the target's content at once", NULL, "R",
     CHANGES | BW_ACT_DANGEROUS, ON_SYNCS},
    {ACTION_PAUSE, "pause", NULL, "start no further runs", NULL, "p", CHANGES | BW_ACT_HINT,
     ON_SYNCS},
    {ACTION_RESUME, "resume", NULL, "let it run again, also before the end of parking", NULL, "P",
     CHANGES, ON_SYNCS},
    {ACTION_CANCEL, "cancel", "cancel run",
     "stop the run under way; the next one goes on from there", NULL, "x", CHANGES, ON_SYNCS},
    {ACTION_TAKE_OVER, "take-over", NULL, "claim a target that another state directory owns", NULL,
     NULL, CHANGES | BW_ACT_DANGEROUS, ON_SYNCS},
    {ACTION_LETTERS, "dead-letters", "dead letters", "the dead letters of this sync", NULL, "d D",
     BW_ACT_ROW | BW_ACT_HINT, ON_SYNCS},
    {ACTION_HISTORY, "history", NULL, "the runs of this sync", NULL, "H", BW_ACT_ROW, ON_SYNCS},
};

/* What each asks before it is done; the others are done at once. */
static const struct question {
    int id;
    bw_command_kind kind;
    const char *title, *verb, *effect; /* title NULL: no question */
    bool danger;
} questions[] = {
    {ACTION_RESYNC, BW_COMMAND_SYNC, NULL, NULL, NULL, false},
    {ACTION_FULL, BW_COMMAND_FULL, "Full resync", "resync",
     "The whole table is read again. The target keeps its old content until all rows are loaded, "
     "then it is "
     "replaced at once.",
     true},
    {ACTION_PAUSE, BW_COMMAND_PAUSE, "Pause", "pause",
     "No further run starts until it is resumed, and the table grows stale. A run under way goes "
     "on to its end.",
     false},
    {ACTION_RESUME, BW_COMMAND_RESUME, NULL, NULL, NULL, false},
    {ACTION_CANCEL, BW_COMMAND_CANCEL, "Cancel the run", "stop the run",
     "The run stops. What was committed stays; the next run goes on from there.", false},
    {ACTION_TAKE_OVER, BW_COMMAND_TAKE_OVER, "Take the target over", "take over",
     "The target table gets this state directory as its owner. The engine that owned it before "
     "will refuse to "
     "load it.",
     true},
};

static void open_for(bw_view *view, bw_screen_id screen, const char *sync)
{
    bw_view_at at;
    memset(&at, 0, sizeof(at));
    snprintf(at.sync, sizeof(at.sync), "%s", sync);
    bw_host_open(view->host, screen, &at);
}

bw_reaction bw_sync_act(bw_view *view, const bw_action *action, const char *const *syncs,
                        size_t count)
{
    if (count == 0)
        return BW_REACT_NONE;
    if (action->id == ACTION_LETTERS || action->id == ACTION_HISTORY) {
        open_for(view, action->id == ACTION_LETTERS ? BW_SCREEN_LETTERS : BW_SCREEN_RUNS, syncs[0]);
        return BW_REACT_REDRAW;
    }
    for (size_t i = 0; i < BW_COUNT(questions); i++) {
        const struct question *q = &questions[i];
        if (q->id != action->id)
            continue;
        bw_command command = {.kind = q->kind, .syncs = syncs, .n_syncs = count};
        if (!q->title && count <= BW_DIALOG_TYPED_OVER) {
            bw_host_send(view->host, &command);
            return BW_REACT_REDRAW;
        }
        bw_dialog_options o = {
            .title = q->title ? q->title : bw_action_label(action),
            .verb = q->verb ? q->verb : action->name,
            .what = count == 1 ? "sync" : "syncs",
            .ids = syncs,
            .count = count,
            .effect = q->effect ? q->effect : action->help,
            .danger = q->danger,
        };
        bw_host_confirm(view->host, &o, &command);
        return BW_REACT_REDRAW;
    }
    return BW_REACT_NONE;
}

const char *bw_sync_refuse(const bw_action *action, const bw_sync_view *sync)
{
    if (!sync)
        return NULL;
    bool paused = sync->paused_by != NULL;
    switch (action->id) {
    case ACTION_PAUSE:
        return paused ? "it is paused already" : NULL;
    case ACTION_RESUME:
        return paused || sync->state == BW_STATE_PARKED ? NULL : "it is neither paused nor parked";
    case ACTION_CANCEL:
        return sync->progress.active ? NULL : "nothing is running";
    case ACTION_LETTERS:
        return sync->dead_letters == 0 ? "it has no dead letters" : NULL;
    default:
        return NULL;
    }
}

const char *bw_sync_reason(const bw_sync_view *sync)
{
    const char *reason = sync->reason ? sync->reason : "";
    size_t n = strlen(sync->name);
    if (strncmp(reason, "sync ", 5) == 0 && strncmp(reason + 5, sync->name, n) == 0 &&
        strncmp(reason + 5 + n, ": ", 2) == 0)
        return reason + 7 + n;
    return reason;
}

bw_role bw_state_role(const bw_sync_view *sync)
{
    static const bw_role roles[BW_STATE_COUNT] = {
        [BW_STATE_FAILED] = BW_ROLE_ERROR,    [BW_STATE_DRIFT] = BW_ROLE_ERROR,
        [BW_STATE_PARKED] = BW_ROLE_WARN,     [BW_STATE_PAUSED] = BW_ROLE_PAUSED,
        [BW_STATE_UNKNOWN] = BW_ROLE_UNKNOWN, [BW_STATE_STALE] = BW_ROLE_ERROR,
        [BW_STATE_AGING] = BW_ROLE_WARN,      [BW_STATE_FRESH] = BW_ROLE_OK,
    };
    return roles[sync->state];
}

bw_glyph bw_state_glyph(const bw_sync_view *sync)
{
    static const bw_glyph glyphs[BW_STATE_COUNT] = {
        [BW_STATE_FAILED] = BW_GLYPH_ERROR,    [BW_STATE_DRIFT] = BW_GLYPH_ERROR,
        [BW_STATE_PARKED] = BW_GLYPH_WARN,     [BW_STATE_PAUSED] = BW_GLYPH_PAUSED,
        [BW_STATE_UNKNOWN] = BW_GLYPH_UNKNOWN, [BW_STATE_STALE] = BW_GLYPH_WARN,
        [BW_STATE_AGING] = BW_GLYPH_WARN,      [BW_STATE_FRESH] = BW_GLYPH_OK,
    };
    return sync->progress.active ? BW_GLYPH_RUNNING : glyphs[sync->state];
}
