/* The engine's log, from its ring: follow it, search it, show less or more of it. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "views/console_internal.h"
#include "views/screens.h"
#include "views/table_view.h"

enum { ACTION_LEVEL = BW_ACTION_VIEWS + 30 };

#define LINES_KEPT 20000

static const bw_action actions[] = {
    {ACTION_LEVEL, "level", NULL, "show lines of this level and worse; without one, the next level",
     "[error|warn|info|debug]", "v", BW_ACT_HINT, BW_SCREEN(BW_SCREEN_LOG)},
};

typedef struct view_log {
    bw_text_screen base;
    bw_log_level level;
    uint64_t newest; /* number of the last line that is shown; 0: none yet */
} view_log;

static bw_style level_style(bw_log_level level)
{
    static const bw_role roles[] = {
        [BW_LOG_ERROR] = BW_ROLE_ERROR,
        [BW_LOG_WARN] = BW_ROLE_WARN,
        [BW_LOG_INFO] = BW_ROLE_OK,
        [BW_LOG_DEBUG] = BW_ROLE_MUTED,
    };
    return roles[level];
}

static void add_line(view_log *v, const bw_log_line *line, bool local)
{
    bw_text_view *t = v->base.text;
    char clock[BW_TIME_TEXT], level[16];
    bw_text_view_addf(t, BW_ROLE_MUTED, "%s ", bw_format_clock(line->wall_us, local, clock));
    snprintf(level, sizeof(level), "%-6s", bw_log_level_name(line->level));
    bw_text_view_extend(t, level_style(line->level), bw_slice_cstr(level));
    if (line->subject && line->subject[0]) {
        bw_text_view_extend(t, BW_ROLE_KEY, bw_slice_cstr(line->subject));
        bw_text_view_extend(t, BW_ROLE_TEXT, BW_SLICE_LIT("  "));
    }
    bw_text_view_extend(t, BW_ROLE_TEXT, bw_slice_cstr(line->text));
}

static void name_view(view_log *v)
{
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "Log (%s%s)",
             bw_log_level_name(v->level), v->level == BW_LOG_ERROR ? "" : " and worse");
}

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_log *v = bw_xcalloc(1, sizeof(*v));
    (void)at;
    bw_text_screen_init(&v->base, class, host, LINES_KEPT);
    bw_text_view_follow(v->base.text, true);
    bw_text_view_hang(v->base.text, 15);
    v->level = bw_log_get_level();
    name_view(v);
    return &v->base.view;
}

/* Only what is new: the query changes with every answer that brings something. */
static bool query(const bw_view *view, bw_page_query *out)
{
    const view_log *v = (const view_log *)view;
    *out = (bw_page_query){.kind = BW_PAGE_LOG, .level = v->level, .offset = (int64_t)v->newest};
    return true;
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_log *v = (view_log *)view;
    (void)snapshot;
    if (!page || page->query.level != v->level)
        return;
    for (size_t i = 0; i < page->n_lines; i++) {
        if (page->lines[i].seq <= v->newest)
            continue;
        add_line(v, &page->lines[i], bw_host_local_time(view->host));
        v->newest = page->lines[i].seq;
    }
}

static bw_reaction set_level(view_log *v, const char *argument)
{
    if (!argument[0])
        v->level = v->level == BW_LOG_DEBUG ? BW_LOG_ERROR : v->level + 1;
    else if (!bw_log_level_parse(argument, &v->level))
        bw_host_toast(v->base.view.host, BW_TOAST_WARN, "write level error, warn, info or debug");
    bw_text_view_clear(v->base.text);
    v->newest = 0;
    name_view(v);
    if (v->level > bw_log_get_level())
        bw_host_toast(v->base.view.host, BW_TOAST_INFO,
                      "the engine logs %s and worse; start it with --log-level %s for more",
                      bw_log_level_name(bw_log_get_level()), bw_log_level_name(v->level));
    return BW_REACT_REDRAW;
}

static bw_reaction act(bw_view *view, const bw_action *action, const char *argument)
{
    if (action->id == ACTION_LEVEL)
        return set_level((view_log *)view, argument);
    return bw_text_screen_act(view, action, argument);
}

static void draw(bw_view *view, bw_region region, bool focused)
{
    const view_log *v = (const view_log *)view;
    if (bw_text_view_lines(v->base.text) == 0)
        bw_region_field(region, region.rows / 3, 0, region.cols, BW_ALIGN_CENTRE, BW_ROLE_MUTED,
                        BW_SLICE_LIT("nothing was logged at this level"));
    bw_text_screen_draw(view, region, focused);
}

const bw_view_class bw_view_log = {
    .id = BW_SCREEN_LOG,
    .name = "log",
    .title = "Log",
    .actions = actions,
    .n_actions = BW_COUNT(actions),
    .has_text = true,
    .follows = true,
    .open = open_view,
    .free = bw_text_screen_free,
    .query = query,
    .update = update,
    .draw = draw,
    .act = act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
};
