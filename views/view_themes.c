/* Choosing colours: the screen wears the theme under the cursor, ENTER keeps it, ESC takes the one
   that was before. */
#include <stdio.h>
#include <stdlib.h>

#include "views/screens.h"
#include "views/table_view.h"

enum { NAME, USED };

static const bw_column columns[] = {
    [NAME] = {"theme", "THEME", 10, 24, BW_ALIGN_LEFT, 0, BW_UNIT_TEXT},
    [USED] = {"used", "", 10, 0, BW_ALIGN_LEFT, 1, BW_UNIT_TEXT, .unsortable = true},
};

typedef struct view_themes {
    bw_table_view base;
    char **names; /* a copy: completing a command line asks for them too */
    size_t n_names;
    char before[64];
} view_themes;

static const char *row_id(void *user, size_t row)
{
    return ((const view_themes *)user)->names[row];
}

static void fill_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    const view_themes *v = user;
    const char *name = v->names[row];
    if (column == NAME)
        cell->text = bw_slice_cstr(name);
    else if (strcmp(name, bw_host_theme_name(v->base.view.host)) == 0)
        cell->text = BW_SLICE_LIT("in use");
    else if (strcmp(name, v->before) == 0)
        cell->text = BW_SLICE_LIT("before");
}

static void set_rows(view_themes *v)
{
    bw_table_set_empty(v->base.table, "no theme files were found; the built-in one is in use");
    bw_table_set_rows(
        v->base.table,
        &(bw_table_rows){.count = v->n_names, .id = row_id, .cell = fill_cell, .user = v});
}

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_themes *v = bw_xcalloc(1, sizeof(*v));
    (void)at;
    bw_table_view_init(&v->base, class, host, columns, BW_COUNT(columns));
    snprintf(v->before, sizeof(v->before), "%s", bw_host_theme_name(host));
    for (const char *const *name = bw_host_themes(host); *name; name++) {
        v->names = bw_xrealloc(v->names, (v->n_names + 1) * sizeof(*v->names));
        v->names[v->n_names++] = bw_xstrdup(*name);
    }
    set_rows(v);
    bw_table_select(v->base.table, v->before);
    return &v->base.view;
}

static void free_view(bw_view *view)
{
    view_themes *v = (view_themes *)view;
    bw_theme_names_free(v->names, v->n_names);
    bw_table_view_free(view);
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_themes *v = (view_themes *)view;
    (void)snapshot;
    (void)page;
    set_rows(v);
}

static bw_reaction try_on(view_themes *v, bw_reaction r)
{
    const char *name = bw_table_selected(v->base.table);
    if (name && strcmp(name, bw_host_theme_name(v->base.view.host)) != 0)
        bw_host_theme(v->base.view.host, name);
    return r | BW_REACT_REDRAW;
}

static bw_reaction act(bw_view *view, const bw_action *action, const char *argument)
{
    view_themes *v = (view_themes *)view;
    bw_reaction r = bw_table_act(v->base.table, action->id);
    (void)argument;
    if (r & BW_REACT_ACCEPT) {
        snprintf(v->before, sizeof(v->before), "%s", bw_table_selected(v->base.table));
        (void)try_on(v, r);
        bw_host_toast(view->host, BW_TOAST_INFO, "theme %s; ui.theme in the configuration keeps it",
                      v->before);
        return BW_REACT_REDRAW;
    }
    if (r == BW_REACT_NONE && action->id == BW_ACTION_BACK) {
        if (v->before[0] && strcmp(v->before, bw_host_theme_name(view->host)) != 0)
            bw_host_theme(view->host, v->before);
        return BW_REACT_NONE; /* the console goes back */
    }
    return r == BW_REACT_NONE ? r : try_on(v, r);
}

static bw_reaction mouse(bw_view *view, const bw_input *event)
{
    bw_reaction r = bw_table_view_mouse(view, event);
    return r & BW_REACT_SELECT ? try_on((view_themes *)view, r) : r;
}

const bw_view_class bw_view_themes = {
    .id = BW_SCREEN_THEMES,
    .name = "themes",
    .title = "Themes",
    .has_table = true,
    .open = open_view,
    .free = free_view,
    .update = update,
    .draw = bw_table_view_draw,
    .act = act,
    .mouse = mouse,
    .table = bw_table_view_table,
};
