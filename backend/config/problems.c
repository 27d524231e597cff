#include "backend/config/problems.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"

void bw_config_problems_fini(bw_config_problems *p)
{
    free(p->items);
    bw_arena_fini(&p->arena);
    *p = (bw_config_problems)BW_CONFIG_PROBLEMS_INIT;
}

void bw_problems_vadd(bw_config_problems *p, const char *file, int line, int column,
                      const char *hint, const char *fmt, va_list ap)
{
    char message[512];
    if (p->count >= BW_CONFIG_MAX_PROBLEMS) {
        p->left_off++;
        return;
    }
    vsnprintf(message, sizeof(message), fmt, ap);
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].line == line && p->items[i].column == column &&
            strcmp(p->items[i].message, message) == 0)
            return;
    BW_GROW(p->items, p->count + 1, p->cap);
    p->items[p->count++] = (bw_config_problem){
        .file = bw_arena_strdup(&p->arena, file ? file : ""),
        .line = line,
        .column = column,
        .message = bw_arena_strdup(&p->arena, message),
        .hint = bw_arena_strdup(&p->arena, hint ? hint : ""),
    };
}

void bw_problems_add(bw_config_problems *p, const char *file, int line, int column,
                     const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bw_problems_vadd(p, file, line, column, hint, fmt, ap);
    va_end(ap);
}

static int by_place(const void *pa, const void *pb)
{
    const bw_config_problem *a = pa, *b = pb;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return strcmp(a->message, b->message);
}

void bw_problems_sort(bw_config_problems *p)
{
    if (p->count > 1)
        qsort(p->items, p->count, sizeof(*p->items), by_place);
}

static void add_place(const bw_config_problem *e, bw_buf *out)
{
    if (e->file[0])
        bw_text_sanitise(out, bw_slice_cstr(e->file));
    if (e->file[0] && e->line > 0)
        bw_buf_addf(out, ":%d:%d", e->line, e->column);
    if (e->file[0])
        bw_buf_adds(out, ": ");
}

void bw_config_problems_format(const bw_config_problems *p, bw_buf *out)
{
    for (size_t i = 0; i < p->count; i++) {
        const bw_config_problem *e = &p->items[i];
        add_place(e, out);
        bw_text_sanitise(out, bw_slice_cstr(e->message));
        bw_buf_addc(out, '\n');
        if (!e->hint[0])
            continue;
        bw_buf_adds(out, "  HINT: ");
        bw_text_sanitise(out, bw_slice_cstr(e->hint));
        bw_buf_addc(out, '\n');
    }
    if (p->left_off > 0)
        bw_buf_addf(out, "and %zu more\n", p->left_off);
}

bw_status bw_problems_error(const bw_config_problems *p, bw_status status, bw_error *err)
{
    const bw_config_problem *e = &p->items[0];
    size_t more = p->count - 1 + p->left_off;
    bw_buf where = BW_BUF_INIT;
    add_place(e, &where);
    if (more > 0)
        bw_error_set(err, status, "%s%s (and %zu more)", bw_buf_cstr(&where), e->message, more);
    else
        bw_error_set(err, status, "%s%s", bw_buf_cstr(&where), e->message);
    bw_buf_fini(&where);
    if (e->hint[0])
        bw_error_hint(err, "%s", e->hint);
    return status;
}
