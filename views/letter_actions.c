#include "views/letter_actions.h"

#include "views/console_internal.h"

enum { ACTION_REPLAY = BW_ACTION_VIEWS + 20, ACTION_DISCARD };

#define ON_LETTERS (BW_SCREEN(BW_SCREEN_LETTERS) | BW_SCREEN(BW_SCREEN_LETTER))

const bw_action bw_letter_actions[BW_LETTER_ACTIONS] = {
    {ACTION_REPLAY, "replay", NULL, "read these rows again and load them", NULL, "r",
     BW_ACT_ROW | BW_ACT_BULK | BW_ACT_MUTATES | BW_ACT_HINT, ON_LETTERS},
    {ACTION_DISCARD, "discard", NULL, "give these rows up; the audit trail keeps their content",
     NULL, "X", BW_ACT_ROW | BW_ACT_BULK | BW_ACT_MUTATES | BW_ACT_DANGEROUS | BW_ACT_HINT,
     ON_LETTERS},
};

bw_reaction bw_letter_act(bw_view *view, const bw_action *action, const char *const *ids,
                          const char *const *names, size_t count)
{
    bool discard = action->id == ACTION_DISCARD;
    if (count == 0 || (action->id != ACTION_REPLAY && !discard))
        return BW_REACT_NONE;
    bw_dialog_options question = {
        .action = action->id,
        .title = discard ? "Discard" : "Replay",
        .verb = action->name,
        .what = count == 1 ? "dead letter" : "dead letters",
        .ids = ids,
        .names = names,
        .count = count,
        .effect = discard ? "These rows will not reach the target unless they change at the "
                            "source. The audit trail keeps their content."
                          : "Each row is read again at the source and loaded as it is now. A row "
                            "that still does not fit stays here; one that is gone at the source "
                            "is reported.",
        .danger = discard,
    };
    bw_command command = {.kind = discard ? BW_COMMAND_DISCARD : BW_COMMAND_REPLAY};
    bw_host_confirm(view->host, &question, &command);
    return BW_REACT_REDRAW;
}

const char *bw_letter_refuse(const bw_action *action, const bw_dead_letter *letter)
{
    if (!letter || (action->id != ACTION_REPLAY && action->id != ACTION_DISCARD))
        return NULL;
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
