#include "app/text_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "backend/core/text.h"

/* Cells of a column that others follow: one long key must not push them off every screen. */
#define WIDEST 60

struct bw_text_table {
    bw_arena arena;
    size_t columns;
    unsigned right;
    const char **cells; /* titles first */
    size_t n, cap;
};

bw_text_table *bw_text_table_new(const char *const *titles, size_t columns, unsigned right)
{
    bw_text_table *t = bw_xcalloc(1, sizeof(*t));
    t->columns = columns;
    t->right = right;
    for (size_t i = 0; i < columns; i++)
        bw_text_table_add(t, titles[i]);
    return t;
}

void bw_text_table_free(bw_text_table *t)
{
    bw_arena_fini(&t->arena);
    free(t->cells);
    free(t);
}

void bw_text_table_add(bw_text_table *t, const char *text)
{
    bw_buf b = BW_BUF_INIT;
    int used;
    bool last = t->n % t->columns + 1 == t->columns;
    bw_text_sanitise(&b, bw_slice_cstr(text ? text : "-"));
    if (!last && bw_text_width(bw_buf_slice(&b)) > WIDEST) {
        b.len = bw_text_fit(bw_buf_slice(&b), WIDEST - 3, &used);
        bw_buf_adds(&b, "...");
    }
    BW_GROW(t->cells, t->n + 1, t->cap);
    t->cells[t->n++] = bw_arena_strdup(&t->arena, bw_buf_cstr(&b));
    bw_buf_fini(&b);
}

static int width_of(const bw_text_table *t, size_t column)
{
    int width = 0;
    for (size_t i = column; i < t->n; i += t->columns) {
        int w = bw_text_width(bw_slice_cstr(t->cells[i]));
        width = w > width ? w : width;
    }
    return width;
}

void bw_text_table_print(const bw_text_table *t, FILE *to)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t column = i % t->columns;
        bool last = column + 1 == t->columns;
        int pad = width_of(t, column) - bw_text_width(bw_slice_cstr(t->cells[i]));
        if (t->right >> column & 1)
            fprintf(to, "%*s%s", pad, "", t->cells[i]);
        else
            fprintf(to, "%s%*s", t->cells[i], last ? 0 : pad, "");
        fputs(last ? "\n" : "  ", to);
    }
}

void bw_text_note(FILE *to, bool *first, const char *name, const char *fmt, ...)
{
    bw_buf safe = BW_BUF_INIT;
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    bw_text_sanitise(&safe, bw_slice_cstr(name));
    bw_buf_adds(&safe, ": ");
    bw_text_sanitise(&safe, bw_slice_cstr(text));
    fprintf(to, "%s%s\n", *first ? "\n" : "", bw_buf_cstr(&safe));
    *first = false;
    bw_buf_fini(&safe);
}

const char *bw_text_of(const char *name, const char *message)
{
    static const char lead[] = "sync ";
    size_t n = strlen(name), at = sizeof(lead) - 1;
    bool says = strncmp(message, lead, at) == 0 && strncmp(message + at, name, n) == 0 &&
                strncmp(message + at + n, ": ", 2) == 0;
    return says ? message + at + n + 2 : message;
}
