#include "backend/config/expand.h"

#include <stdlib.h>

#define MAX_NESTING 4

typedef struct expander {
    const char *raw;
    const bw_expand_env *env;
    bw_arena *arena;
    bw_expansion *out;
    bw_buf names;
} expander;

static bool name_char(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static bool wrong(expander *x, size_t at, const char *what)
{
    x->out->wrong = what;
    x->out->wrong_at = at;
    return false;
}

/* The end of the ${ that begins at `at`: the index of its closing brace, or `end`. */
static size_t closing(const char *s, size_t at, size_t end)
{
    int depth = 0;
    for (size_t i = at; i < end; i++) {
        if (s[i] == '$' && i + 1 < end && s[i + 1] == '{') {
            depth++;
            i++;
        } else if (s[i] == '}' && --depth == 0) {
            return i;
        }
    }
    return end;
}

static void remember(expander *x, const char *name)
{
    if (x->names.len > 0)
        bw_buf_adds(&x->names, ", ");
    bw_buf_adds(&x->names, name);
}

static bool expand_range(expander *x, size_t from, size_t to, int nesting, bw_buf *out);

/* One variable, whose ${ begins at `at` and whose closing brace is at `close`. */
static bool expand_variable(expander *x, size_t at, size_t close, int nesting, bw_buf *out)
{
    size_t first = at + 2, i = first;
    while (i < close && name_char(x->raw[i], i == first))
        i++;
    if (i == first)
        return wrong(x, at, "${ is not followed by the name of an environment variable");
    bool fallback = close - i >= 2 && x->raw[i] == ':' && x->raw[i + 1] == '-';
    if (i != close && !fallback)
        return wrong(x, i, "only ${NAME} and ${NAME:-default} are understood");
    const char *name = bw_arena_strndup(x->arena, x->raw + first, i - first);
    const char *value = x->env->get(x->env->user, name);
    remember(x, name);
    if (value && (value[0] || !fallback)) {
        bw_buf_adds(out, value);
        return true;
    }
    if (fallback)
        return expand_range(x, i + 2, close, nesting + 1, out);
    if (!x->out->unset)
        x->out->unset = name;
    return true;
}

static bool expand_range(expander *x, size_t from, size_t to, int nesting, bw_buf *out)
{
    if (nesting > MAX_NESTING)
        return wrong(x, from, "${} is nested too deeply");
    for (size_t i = from; i < to; i++) {
        const char *s = x->raw + i;
        if (to - i >= 3 && s[0] == '$' && s[1] == '$' && s[2] == '{') {
            bw_buf_adds(out, "${");
            i += 2;
        } else if (to - i >= 2 && s[0] == '$' && s[1] == '{') {
            size_t close = closing(x->raw, i, to);
            if (close == to)
                return wrong(x, i, "${ is not closed by }");
            if (!expand_variable(x, i, close, nesting, out))
                return false;
            i = close;
        } else {
            bw_buf_addc(out, *s);
        }
    }
    return true;
}

bool bw_expand(const char *raw, const bw_expand_env *env, bw_arena *arena, bw_expansion *out)
{
    *out = (bw_expansion){.text = raw};
    if (!strstr(raw, "${"))
        return true;
    expander x = {.raw = raw, .env = env, .arena = arena, .out = out, .names = BW_BUF_INIT};
    bw_buf text = BW_BUF_INIT;
    bool ok = expand_range(&x, 0, strlen(raw), 0, &text);
    out->text = bw_arena_strndup(arena, bw_buf_cstr(&text), text.len);
    if (x.names.len > 0)
        out->names = bw_arena_strndup(arena, x.names.ptr, x.names.len);
    bw_buf_fini(&text);
    bw_buf_fini(&x.names);
    return ok && !out->unset;
}
