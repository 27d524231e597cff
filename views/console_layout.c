/* How the operator has arranged the lists: remembered per screen, from one start to the next. Filters
   and marks are not: rows that are hidden or chosen without anybody's doing are a trap. */
#include <stdlib.h>
#include <string.h>

#include "backend/core/text.h"
#include "views/console_internal.h"
#include "views/screens.h"

static bw_table *top_table(const bw_console *c)
{
    bw_view *top = bw_console_top(c);
    return top->class->table ? top->class->table(top) : NULL;
}

static char *arrangement_of(const bw_table *table)
{
    bw_buf text = BW_BUF_INIT;
    bw_table_arrangement(table, &text);
    char *copy = bw_xstrdup(bw_buf_cstr(&text));
    bw_buf_fini(&text);
    return copy;
}

/* "NAME: ARRANGEMENT" per line; what is not known is left out. */
void bw_console_read_layout(bw_console *c, const char *text)
{
    while (text && *text) {
        size_t len = strcspn(text, "\n"), name = strcspn(text, ":\n");
        for (int i = 0; i < BW_SCREEN_COUNT && name < len; i++) {
            const char *screen = bw_view_classes[i]->name;
            if (strlen(screen) != name || memcmp(screen, text, name) != 0 || c->layouts[i])
                continue;
            c->layouts[i] = bw_xstrndup(text + name + 1, len - name - 1);
        }
        text += len + (text[len] == '\n');
    }
}

/* On a view that is made for it and not shown. */
static bw_status try_columns(bw_console *c, const bw_view_class *class, const char *text,
                             bw_error *err)
{
    static const bw_view_at nowhere;
    bw_view *view = class->open(class, &c->host, &nowhere);
    bw_table *table = class->table ? class->table(view) : NULL;
    bw_status s = table ? bw_table_arrange(table, text, err)
                        : bw_error_set(err, BW_NOT_FOUND, "this screen has no columns");
    class->free(view);
    return s;
}

bw_status bw_console_read_columns(bw_console *c, bw_error *err)
{
    for (size_t i = 0; i < c->options.n_columns; i++) {
        const char *name = c->options.columns[i][0], *text = c->options.columns[i][1];
        const char *names[BW_SCREEN_COUNT];
        int screen = 0;
        for (int k = 0; k < BW_SCREEN_COUNT; k++)
            names[k] = bw_view_classes[k]->name;
        while (screen < BW_SCREEN_COUNT && strcmp(names[screen], name) != 0)
            screen++;
        bw_status s = BW_OK;
        if (screen == BW_SCREEN_COUNT) {
            const char *near = bw_nearest(name, names, BW_SCREEN_COUNT);
            s = bw_error_set(err, BW_NOT_FOUND, "no screen is called so");
            if (near)
                bw_error_hint(err, "Did you mean %s?", near);
        } else {
            s = try_columns(c, bw_view_classes[screen], text, err);
        }
        if (s != BW_OK)
            return bw_error_wrap(err, "ui.columns: %.64s", name);
        free(c->columns[screen]);
        c->columns[screen] = bw_xstrdup(text);
    }
    return BW_OK;
}

void bw_console_layout(const bw_console *c, bw_buf *out)
{
    for (int i = 0; i < BW_SCREEN_COUNT; i++) {
        if (!c->layouts[i])
            continue;
        const char *text = c->layouts[i] + strspn(c->layouts[i], " ");
        if (*text)
            bw_buf_addf(out, "%s: %s\n", bw_view_classes[i]->name, text);
    }
}

void bw_console_free_layout(bw_console *c)
{
    for (int i = 0; i < BW_SCREEN_COUNT; i++) {
        free(c->layouts[i]);
        free(c->columns[i]);
    }
    for (int i = 0; i < BW_STACK; i++)
        free(c->arranged[i]);
}

void bw_console_arrange(bw_console *c)
{
    bw_table *table = top_table(c);
    bw_screen_id screen = bw_console_top(c)->class->id;
    free(c->arranged[c->depth - 1]);
    c->arranged[c->depth - 1] = NULL;
    if (!table)
        return;
    /* What the operator chose wins over the configuration. Its columns were tried at the start. */
    if (c->columns[screen])
        (void)!bw_table_arrange(table, c->columns[screen], NULL);
    if (c->layouts[screen])
        bw_table_restore(table, c->layouts[screen]);
    c->arranged[c->depth - 1] = arrangement_of(table);
}

void bw_console_note_arrangement(bw_console *c)
{
    bw_table *table = top_table(c);
    char **was = &c->arranged[c->depth - 1];
    if (!table || !*was)
        return;
    char *now = arrangement_of(table);
    if (strcmp(now, *was) != 0) {
        char **kept = &c->layouts[bw_console_top(c)->class->id];
        free(*kept);
        *kept = bw_xstrdup(now);
        c->wishes.layout = true;
    }
    free(*was);
    *was = now;
}
