#include "views/letter_actions.h"

#include <stdio.h>
#include <stdlib.h>

#include "views/console_internal.h"

enum {
    ACTION_REPLAY = BW_ACTION_VIEWS + 20,
    ACTION_PREVIEW,
    ACTION_EDIT,
    ACTION_DISCARD,
    ACTION_CANCEL,
};

#define ON_LETTERS (BW_SCREEN(BW_SCREEN_LETTERS) | BW_SCREEN(BW_SCREEN_LETTER))
#define ON_GROUPS  (ON_LETTERS | BW_SCREEN(BW_SCREEN_LETTER_GROUPS))

const bw_action bw_letter_actions[BW_LETTER_ACTIONS] = {
    {ACTION_REPLAY, "replay", NULL, "read these rows again, or send these messages their way again",
     NULL, "r", BW_ACT_ROW | BW_ACT_BULK | BW_ACT_MUTATES | BW_ACT_HINT | BW_ACT_FITTING,
     ON_GROUPS},
    {ACTION_PREVIEW, "preview", NULL, "what replaying would change; nothing is done", NULL, "p",
     BW_ACT_ROW | BW_ACT_BULK | BW_ACT_HINT | BW_ACT_FITTING, ON_GROUPS},
    {ACTION_EDIT, "edit", NULL, "change a message's content in your editor, to replay it then",
     NULL, "e", BW_ACT_ROW | BW_ACT_MUTATES | BW_ACT_HINT | BW_ACT_FITTING, ON_LETTERS},
    {ACTION_DISCARD, "discard", NULL, "give them up; the audit trail keeps their content", NULL,
     "X",
     BW_ACT_ROW | BW_ACT_BULK | BW_ACT_MUTATES | BW_ACT_DANGEROUS | BW_ACT_HINT | BW_ACT_FITTING,
     ON_GROUPS},
    {ACTION_CANCEL, "cancel-replay", NULL,
     "end the replay under way after the letters at hand; the rest stays open", NULL, "x",
     BW_ACT_ROW | BW_ACT_MUTATES, ON_GROUPS},
};

static const char *effect(bool discard)
{
    return discard
               ? "What they hold will not reach the target unless it changes at the source. The "
                 "audit trail keeps their content."
               : "Each row is read again at the source and loaded as it is now; each message "
                 "takes its way again, and changes nothing that is newer. What still does not "
                 "fit stays here; what is gone at the source is reported.";
}

/* Of these letters, or of all of a sync with a reason. */
static bw_reaction preview(bw_view *view, const char *sync, const char *reason,
                           const char *const *ids, size_t count)
{
    bw_view_at at;
    memset(&at, 0, sizeof(at));
    snprintf(at.sync, sizeof(at.sync), "%s", sync);
    snprintf(at.reason, sizeof(at.reason), "%s", reason);
    for (size_t i = 0; i < count && i < BW_PAGE_IDS; i++)
        at.ids[at.n_ids++] = strtoll(ids[i], NULL, 10);
    at.targets = count;
    bw_host_open(view->host, BW_SCREEN_PREVIEW, &at);
    return BW_REACT_REDRAW;
}

bw_reaction bw_letter_act(bw_view *view, const bw_action *action, const char *const *ids,
                          const char *const *names, size_t count)
{
    bool discard = action->id == ACTION_DISCARD;
    if (count > 0 && action->id == ACTION_PREVIEW)
        return preview(view, "", "", ids, count);
    if (count == 0 || (action->id != ACTION_REPLAY && !discard))
        return BW_REACT_NONE;
    bw_dialog_options question = {
        .title = discard ? "Discard" : "Replay",
        .verb = action->name,
        .what = count == 1 ? "dead letter" : "dead letters",
        .ids = ids,
        .names = names,
        .count = count,
        .effect = effect(discard),
        .danger = discard,
    };
    bw_command command = {.kind = discard ? BW_COMMAND_DISCARD : BW_COMMAND_REPLAY};
    bw_host_confirm(view->host, &question, &command);
    return BW_REACT_REDRAW;
}

static bw_reaction cancel(bw_view *view, const char *sync)
{
    bw_command command = {.kind = BW_COMMAND_CANCEL, .syncs = &sync, .n_syncs = 1, .replays = true};
    bw_host_send(view->host, &command);
    return BW_REACT_REDRAW;
}

bw_reaction bw_letter_group_act(bw_view *view, const bw_action *action, const bw_letter_group *g)
{
    const char *reason = bw_reason_name(g->reason);
    bool discard = action->id == ACTION_DISCARD;
    char what[96], name[96];
    if (action->id == ACTION_PREVIEW)
        return preview(view, g->sync, reason, NULL, 0);
    if (action->id == ACTION_CANCEL)
        return cancel(view, g->sync);
    if (action->id != ACTION_REPLAY && !discard)
        return BW_REACT_NONE;
    snprintf(what, sizeof(what), "%lld dead letters (%s)", (long long)g->count, reason);
    snprintf(name, sizeof(name), "%lld", (long long)g->count);
    bw_dialog_options question = {
        .title = discard ? "Discard" : "Replay",
        .verb = action->name,
        .what = what,
        .ids = &g->sync,
        .count = 1,
        .effect = effect(discard),
        .danger = discard,
        .typed = g->count > BW_DIALOG_TYPED_OVER,
        .type = name,
    };
    bw_command command = {.kind = discard ? BW_COMMAND_DISCARD : BW_COMMAND_REPLAY,
                          .reason = reason};
    bw_host_confirm(view->host, &question, &command);
    return BW_REACT_REDRAW;
}

bw_reaction bw_letter_act_one(bw_view *view, const bw_action *action, const bw_dead_letter *letter)
{
    if (action->id == ACTION_CANCEL)
        return cancel(view, letter->sync);
    if (action->id != ACTION_EDIT)
        return BW_REACT_NONE;
    bw_host_edit(view->host, letter->id);
    return BW_REACT_REDRAW;
}

const char *bw_letter_refuse(const bw_action *action, const bw_dead_letter *letter)
{
    if (!letter || action->id < ACTION_REPLAY || action->id > ACTION_DISCARD)
        return NULL;
    if (action->id == ACTION_EDIT && !letter->attributes)
        return "a row is read again at its source: mend it there";
    switch (letter->state) {
    case BW_LETTER_OPEN:
        return NULL;
    case BW_LETTER_REPLAYING:
        return "it is being replayed";
    case BW_LETTER_STAGED:
        return "its run failed; it is settled when the sync has run again";
    default:
        return "it is settled";
    }
}

bw_role bw_letter_role(bw_letter_state state)
{
    static const bw_role roles[] = {
        [BW_LETTER_STAGED] = BW_ROLE_WARN,       [BW_LETTER_OPEN] = BW_ROLE_WARN,
        [BW_LETTER_REPLAYING] = BW_ROLE_RUNNING, [BW_LETTER_REPLAYED] = BW_ROLE_OK,
        [BW_LETTER_SUPERSEDED] = BW_ROLE_OK,     [BW_LETTER_DISCARDED] = BW_ROLE_MUTED,
    };
    return roles[state];
}
