/* What can be done on the screen below, with which keys, and why not just now. */
#include "views/kit/layout.h"
#include "views/screens.h"
#include "views/table_view.h"

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    bw_text_screen *v = bw_xcalloc(1, sizeof(*v));
    (void)at;
    bw_text_screen_init(v, class, host, 0);
    bw_text_view_wrap(v->text, true);
    return &v->view;
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    bw_text_view *t = bw_text_screen_text(view);
    const char *title;
    bw_action_context below = bw_host_below(view->host, &title);
    (void)snapshot;
    (void)page;
    bw_help_fill(t, bw_host_actions(view->host), &below, title);
}

const bw_view_class bw_view_help = {
    .id = BW_SCREEN_HELP,
    .name = "help",
    .title = "Help",
    .has_text = true,
    .open = open_view,
    .free = bw_text_screen_free,
    .update = update,
    .draw = bw_text_screen_draw,
    .act = bw_text_screen_act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
};
