/* One dead letter: what is wrong with it, in words, and its content as the source gave it. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"
#include "backend/core/json.h"
#include "views/json_diff.h"
#include "views/json_lines.h"
#include "views/letter_actions.h"
#include "views/screens.h"
#include "views/table_view.h"

typedef struct view_letter {
    bw_text_screen base;
    int64_t id;
    int64_t read_us; /* of the page that is shown; 0: none yet */
    const bw_page *page;
} view_letter;

static void field(bw_text_view *t, const char *name, bw_style style, const char *value)
{
    bw_text_view_addf(t, BW_ROLE_MUTED, "%-11s", name);
    bw_text_view_extend(t, style, bw_slice_cstr(value && value[0] ? value : "-"));
}

static void time_field(bw_text_view *t, const char *name, int64_t at_us, int64_t now_us)
{
    char text[BW_TIME_TEXT], ago[BW_TIME_TEXT];
    int64_t whole = at_us == BW_TIME_NONE ? at_us : at_us - at_us % BW_SECOND;
    field(t, name, BW_ROLE_TEXT, bw_format_time(whole, text));
    if (at_us == BW_TIME_NONE || now_us < at_us)
        return;
    bw_text_view_extend(t, BW_ROLE_MUTED, BW_SLICE_LIT("  "));
    bw_text_view_extend(t, BW_ROLE_MUTED, bw_slice_cstr(bw_format_duration(now_us - at_us, ago)));
    bw_text_view_extend(t, BW_ROLE_MUTED, BW_SLICE_LIT(" ago"));
}

static const char *state_in_words(const bw_dead_letter *l)
{
    static const char *const messages[] = {
        [BW_LETTER_STAGED] = "staged: its run failed before the batch was committed",
        [BW_LETTER_OPEN] = "open: the message has had no effect",
        [BW_LETTER_REPLAYING] = "replaying: the message is on its way again",
        [BW_LETTER_REPLAYED] = "replayed: the message has had its effect",
        [BW_LETTER_SUPERSEDED] = "superseded: the message came again, and had its effect",
        [BW_LETTER_DISCARDED] = "discarded: an operator gave the message up",
    };
    static const char *const words[] = {
        [BW_LETTER_STAGED] = "staged: its run failed before the batch was committed",
        [BW_LETTER_OPEN] = "open: the row is not in the target",
        [BW_LETTER_REPLAYING] = "replaying: the row is being read again",
        [BW_LETTER_REPLAYED] = "replayed: the row has landed",
        [BW_LETTER_SUPERSEDED] = "superseded: a newer version of the row has landed",
        [BW_LETTER_DISCARDED] = "discarded: an operator gave the row up",
    };
    return (l->attributes ? messages : words)[l->state];
}

/* Of a conflict: what Datastore held when it was met, and what the event says. */
static void add_sides(bw_text_view *t, const bw_dead_letter *l)
{
    char *stored = bw_json_member_string(bw_slice_cstr(l->attributes), BW_LETTER_STORED);
    bw_slice data = bw_json_member(l->content, "data");
    if (!stored)
        return;
    bw_text_view_add(t, BW_ROLE_TEXT, BW_SLICE_LIT(""));
    bw_text_view_addf(t, BW_ROLE_TITLE, "- as it was stored");
    bw_text_view_addf(t, BW_ROLE_TITLE, "+ as the event says");
    if (strcmp(stored, "null") == 0)
        bw_text_view_addf(t, BW_ROLE_WARN, "the entity was deleted");
    if (bw_json_diff(t, bw_slice_cstr(stored), data) == 0)
        bw_text_view_addf(t, BW_ROLE_MUTED, "both say the same");
    free(stored);
}

/* The message's own attributes, without the side that is shown as a diff. */
static void add_attributes(bw_text_view *t, const bw_dead_letter *l)
{
    bw_json_scan scan = bw_json_scan_init(bw_slice_cstr(l->attributes));
    bw_json_token key;
    bw_slice value;
    bw_text_view_add(t, BW_ROLE_TEXT, BW_SLICE_LIT(""));
    bw_text_view_addf(t, BW_ROLE_TITLE, "attributes");
    bool object = bw_json_next(&scan, &key) && key.type == BW_JSON_OBJECT;
    while (object && bw_json_next_member(&scan, &key, &value)) {
        if (bw_slice_is(key.raw, "\"" BW_LETTER_STORED "\""))
            continue;
        bw_text_view_addf(t, BW_ROLE_KEY, "  ");
        bw_text_view_extend(t, BW_ROLE_KEY, key.raw);
        bw_text_view_extend(t, BW_ROLE_MUTED, BW_SLICE_LIT(": "));
        bw_text_view_extend(t, BW_ROLE_TEXT, value);
    }
}

static void add_content(bw_text_view *t, const bw_dead_letter *l)
{
    if (l->attributes)
        add_sides(t, l);
    bw_text_view_hang(t, 6);
    bw_text_view_add(t, BW_ROLE_TEXT, BW_SLICE_LIT(""));
    bool edited = bw_store_letter_edited(l); /* what was wrong may not be any more */
    if (edited)
        bw_text_view_addf(t, BW_ROLE_WARN,
                          "content, as an operator edited it; the audit trail has the original");
    else
        bw_text_view_addf(t, BW_ROLE_TITLE, "content, as the source gave it");
    if (l->content.len == 0)
        bw_text_view_addf(t, BW_ROLE_MUTED, "nothing was kept");
    else
        bw_json_lines(t, l->content, edited ? NULL : l->column);
    if (l->attributes)
        add_attributes(t, l);
}

static void fill(view_letter *v, const bw_dead_letter *l, int64_t now_us)
{
    bw_text_view *t = v->base.text;
    bw_text_view_hang(t, 11);
    bw_text_view_addf(t, BW_ROLE_ERROR, "%s", bw_reason_name(l->reason));
    bw_text_view_extend(t, BW_ROLE_TEXT, BW_SLICE_LIT("  "));
    bw_text_view_extend(t, BW_ROLE_TEXT, bw_slice_cstr(bw_reason_text(l->reason)));
    field(t, "column", BW_ROLE_ERROR, l->column);
    field(t, "detail", BW_ROLE_TEXT, l->detail);
    field(t, "state", bw_letter_role(l->state), state_in_words(l));
    field(t, "key", BW_ROLE_TEXT, l->key);
    field(t, "sync", BW_ROLE_TEXT, l->sync);
    if (l->attributes)
        field(t, "event", BW_ROLE_TEXT, l->event_id);
    if (l->contradicts) {
        char text[160];
        snprintf(text, sizeof(text),
                 "contradicts letter %lld, which says something else under the same event id: only "
                 "one of them can have its effect",
                 (long long)l->contradicts);
        field(t, "same id", BW_ROLE_ERROR, text);
    }
    bw_text_view_addf(t, BW_ROLE_MUTED, "%-11s", "attempts");
    char attempts[24];
    snprintf(attempts, sizeof(attempts), "%d", l->attempts);
    bw_text_view_extend(t, BW_ROLE_TEXT, bw_slice_cstr(attempts));
    time_field(t, "first seen", l->first_seen_us, now_us);
    time_field(t, "last seen", l->last_seen_us, now_us);
    add_content(t, l);
}

static const bw_dead_letter *shown(const view_letter *v)
{
    return v->page && v->page->n_letters == 1 ? &v->page->letters[0] : NULL;
}

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_letter *v = bw_xcalloc(1, sizeof(*v));
    bw_text_screen_init(&v->base, class, host, 0);
    bw_text_view_wrap(v->base.text, true);
    bw_text_view_addf(v->base.text, BW_ROLE_MUTED, "loading");
    v->id = at->id;
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "letter %lld", (long long)at->id);
    return &v->base.view;
}

static bool query(const bw_view *view, bw_page_query *out)
{
    *out = (bw_page_query){.kind = BW_PAGE_LETTER, .id = ((const view_letter *)view)->id};
    return true;
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_letter *v = (view_letter *)view;
    v->page = page;
    if (!page || page->read_mono_us == v->read_us)
        return;
    v->read_us = page->read_mono_us;
    bw_text_view_refill(v->base.text);
    const bw_dead_letter *l = shown(v);
    if (l)
        fill(v, l, snapshot ? snapshot->wall_us : bw_wall_us(bw_host_clock(view->host)));
    else
        bw_text_view_addf(v->base.text, BW_ROLE_ERROR, "%s",
                          page->error ? page->error : "this dead letter is not kept any more");
}

static bw_reaction act(bw_view *view, const bw_action *action, const char *argument)
{
    view_letter *v = (view_letter *)view;
    const bw_dead_letter *l = shown(v);
    bw_reaction r = bw_text_screen_act(view, action, argument);
    if (r != BW_REACT_NONE || !l)
        return r;
    r = bw_letter_act_one(view, action, l);
    if (r != BW_REACT_NONE)
        return r;
    char id[24];
    snprintf(id, sizeof(id), "%lld", (long long)l->id);
    const char *ids[] = {id}, *names[] = {l->key ? l->key : id};
    return bw_letter_act(view, action, ids, names, 1);
}

static const char *refuse(bw_view *view, const bw_action *action)
{
    return bw_letter_refuse(action, shown((view_letter *)view));
}

const bw_view_class bw_view_letter = {
    .id = BW_SCREEN_LETTER,
    .name = "letter",
    .title = "Dead letter",
    .actions = bw_letter_actions,
    .n_actions = BW_LETTER_ACTIONS,
    .has_text = true,
    .open = open_view,
    .free = bw_text_screen_free,
    .query = query,
    .update = update,
    .draw = bw_text_screen_draw,
    .act = act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
    .refuse = refuse,
};
