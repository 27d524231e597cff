#include "views/table_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void bw_table_view_init(bw_table_view *v, const bw_view_class *class, bw_view_host *host,
                        const bw_column *columns, size_t count)
{
    v->view = (bw_view){.class = class, .host = host};
    v->table = bw_table_new(columns, count, bw_host_clock(host));
    bw_table_set_empty(v->table, "loading");
}

void bw_table_view_free(bw_view *view)
{
    bw_table_view *v = (bw_table_view *)view;
    bw_table_free(v->table);
    free(v);
}

bw_reaction bw_table_view_mouse(bw_view *view, const bw_input *event)
{
    return bw_table_mouse(((bw_table_view *)view)->table, event);
}

bw_table *bw_table_view_table(bw_view *view)
{
    return ((bw_table_view *)view)->table;
}

void bw_table_view_draw(bw_view *view, bw_region region, bool focused)
{
    bw_table_draw(((bw_table_view *)view)->table, region, focused);
}

void bw_table_view_draw_below(bw_table_view *v, bw_region region, bool focused,
                              bw_role (*say)(const bw_table_view *v, bw_buf *out))
{
    int below = region.rows >= 18 ? 5 : region.rows >= 14 ? 4 : region.rows >= 8 ? 3 : 0;
    bw_table_draw(v->table, bw_region_sub(region, 0, 0, region.rows - below, -1), focused);
    if (!below)
        return;
    bw_region_hline(region, region.rows - below, 0, region.cols, BW_ROLE_BORDER);
    if (bw_table_selected_index(v->table) == SIZE_MAX)
        return;
    bw_buf text = BW_BUF_INIT;
    bw_role role = say(v, &text);
    bw_region_wrap(bw_region_sub(region, region.rows - below + 1, 1, -1, region.cols - 2), 0, role,
                   bw_buf_slice(&text));
    bw_buf_fini(&text);
}

void bw_cell_count(bw_table_cell *cell, int64_t n)
{
    char text[BW_TIME_TEXT];
    cell->number = n < 0 ? NAN : (double)n;
    bw_table_cell_printf(cell, "%s", n < 0 ? "-" : bw_format_count((double)n, text));
}

void bw_cell_time(bw_table_cell *cell, int64_t wall_us)
{
    char text[BW_TIME_TEXT];
    cell->number = wall_us == BW_TIME_NONE ? NAN : (double)wall_us / BW_SECOND;
    if (wall_us != BW_TIME_NONE)
        wall_us -= ((wall_us % BW_SECOND) + BW_SECOND) % BW_SECOND;
    bw_table_cell_printf(cell, "%s", bw_format_time(wall_us, text));
}

void bw_cell_when(bw_table_cell *cell, int64_t at_us, int64_t now_us, bool local)
{
    struct tm at, now;
    if (at_us == BW_TIME_NONE) {
        bw_table_cell_printf(cell, "-");
        return;
    }
    time_t at_s = (time_t)(at_us / BW_SECOND), now_s = (time_t)(now_us / BW_SECOND);
    cell->number = (double)at_us / BW_SECOND;
    if (local ? !localtime_r(&at_s, &at) || !localtime_r(&now_s, &now)
              : !gmtime_r(&at_s, &at) || !gmtime_r(&now_s, &now))
        bw_table_cell_printf(cell, "-");
    else if (at.tm_year == now.tm_year && at.tm_yday == now.tm_yday)
        bw_table_cell_printf(cell, "%02d:%02d:%02d", at.tm_hour, at.tm_min, at.tm_sec);
    else
        bw_table_cell_printf(cell, "%02d-%02d %02d:%02d", at.tm_mon + 1, at.tm_mday, at.tm_hour,
                             at.tm_min);
}

void bw_cell_duration(bw_table_cell *cell, int64_t us)
{
    char text[BW_TIME_TEXT];
    cell->number = us < 0 ? NAN : (double)us / BW_SECOND;
    bw_table_cell_printf(cell, "%s", bw_format_duration(us, text));
}

void bw_cell_bytes(bw_table_cell *cell, int64_t n)
{
    char text[BW_TIME_TEXT];
    cell->number = n < 0 ? NAN : (double)n;
    bw_table_cell_printf(cell, "%s", n < 0 ? "-" : bw_format_bytes(n, text));
}

const char *bw_coarse_duration(int64_t us, char out[BW_TIME_TEXT])
{
    static const struct {
        int64_t us;
        char name;
    } units[] = {{BW_DAY, 'd'}, {BW_HOUR, 'h'}, {BW_MINUTE, 'm'}, {BW_SECOND, 's'}};
    size_t i = 0;
    while (i + 1 < BW_COUNT(units) && us < units[i].us)
        i++;
    snprintf(out, BW_TIME_TEXT, "%lld%c", (long long)(us / units[i].us), units[i].name);
    return us < 0 ? "-" : out;
}

void bw_cell_ago(bw_table_cell *cell, int64_t then_us, int64_t now_us)
{
    char text[BW_TIME_TEXT];
    if (then_us == BW_TIME_NONE) {
        bw_table_cell_printf(cell, "-");
        return;
    }
    int64_t age = now_us > then_us ? now_us - then_us : 0;
    cell->number = (double)age / BW_SECOND;
    bw_table_cell_printf(cell, "%s ago", bw_coarse_duration(age, text));
}

void bw_text_screen_init(bw_text_screen *v, const bw_view_class *class, bw_view_host *host,
                         size_t max_lines)
{
    v->view = (bw_view){.class = class, .host = host};
    v->text = bw_text_view_new(max_lines);
}

void bw_text_screen_free(bw_view *view)
{
    bw_text_screen *v = (bw_text_screen *)view;
    bw_text_view_free(v->text);
    free(v);
}

bw_reaction bw_text_screen_mouse(bw_view *view, const bw_input *event)
{
    return bw_text_view_mouse(((bw_text_screen *)view)->text, event);
}

bw_text_view *bw_text_screen_text(bw_view *view)
{
    return ((bw_text_screen *)view)->text;
}

void bw_text_screen_draw(bw_view *view, bw_region region, bool focused)
{
    (void)focused;
    bw_text_view_draw(((bw_text_screen *)view)->text,
                      bw_region_sub(region, 0, 1, -1, region.cols - 2));
}

bw_reaction bw_text_screen_act(bw_view *view, const bw_action *action, const char *argument)
{
    (void)argument;
    return bw_text_view_act(((bw_text_screen *)view)->text, action->id);
}
