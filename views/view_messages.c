/* Messages that were shown, oldest first. */
#include <stdio.h>

#include "backend/core/units.h"
#include "views/screens.h"
#include "views/table_view.h"

typedef struct view_messages {
    bw_text_screen base;
    size_t count; /* of messages that are shown */
    int64_t last_us;
} view_messages;

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_messages *v = bw_xcalloc(1, sizeof(*v));
    (void)at;
    bw_text_screen_init(&v->base, class, host, 0);
    bw_text_view_wrap(v->base.text, true);
    bw_text_view_follow(v->base.text, true);
    bw_text_view_hang(v->base.text, 15);
    return &v->base.view;
}

static void add_message(bw_text_view *t, const bw_toast *m, bool local)
{
    static const struct {
        const char *word;
        bw_role role;
    } levels[] = {
        [BW_TOAST_INFO] = {"info  ", BW_ROLE_OK},
        [BW_TOAST_WARN] = {"warn  ", BW_ROLE_WARN},
        [BW_TOAST_ERROR] = {"error ", BW_ROLE_ERROR},
    };
    char clock[BW_TIME_TEXT];
    bw_text_view_addf(t, BW_ROLE_MUTED, "%s ", bw_format_clock(m->wall_us, local, clock));
    bw_text_view_extend(t, levels[m->level].role, bw_slice_cstr(levels[m->level].word));
    bw_text_view_extend(t, BW_ROLE_TEXT, bw_slice_cstr(m->text));
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_messages *v = (view_messages *)view;
    bw_toasts *toasts = bw_host_toasts(view->host);
    size_t n = bw_toasts_count(toasts);
    int64_t last = n ? bw_toasts_at(toasts, n - 1)->wall_us : 0;
    (void)snapshot;
    (void)page;
    /* A full history keeps its count while its oldest messages go. */
    if (n == v->count && last == v->last_us && bw_text_view_lines(v->base.text) > 0)
        return;
    v->count = n;
    v->last_us = last;
    bw_text_view_refill(v->base.text);
    if (n == 0)
        bw_text_view_addf(v->base.text, BW_ROLE_MUTED, "no messages so far");
    for (size_t i = 0; i < n; i++)
        add_message(v->base.text, bw_toasts_at(toasts, i), bw_host_local_time(view->host));
}

const bw_view_class bw_view_messages = {
    .id = BW_SCREEN_MESSAGES,
    .name = "messages",
    .title = "Messages",
    .has_text = true,
    .follows = true,
    .open = open_view,
    .free = bw_text_screen_free,
    .update = update,
    .draw = bw_text_screen_draw,
    .act = bw_text_screen_act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
};
