#include "views/json_lines.h"

#include "backend/core/json.h"

#define INDENT 2

typedef struct writer {
    bw_text_view *out;
    const char *mark;
    bool marked; /* within the member that is wrong */
    bool note;   /* the line ends in a value that is wrong, and that has to be said yet */
    bool open;   /* the line has a key or a bracket and goes on with what comes */
    bool empty;  /* the container that was opened last holds nothing yet */
} writer;

static bw_style style_of(const writer *w, bw_style otherwise)
{
    return w->marked ? BW_ROLE_ERROR | BW_WITH(BW_ATTR_BOLD) : otherwise;
}

static void put(writer *w, bw_style style, int depth, bw_slice text)
{
    style = style_of(w, style);
    if (!w->open)
        bw_text_view_addf(w->out, style, "%*s", depth * INDENT, "");
    bw_text_view_extend(w->out, style, text);
}

static bool is_marked(const writer *w, const bw_json_token *t)
{
    bw_buf name = BW_BUF_INIT;
    bool same = w->mark && w->mark[0] && bw_json_unescape(t->raw, &name) &&
                bw_slice_is(bw_buf_slice(&name), w->mark);
    bw_buf_fini(&name);
    return same;
}

static bw_style value_style(bw_json_type type)
{
    return type == BW_JSON_NULL ? BW_ROLE_MUTED : BW_ROLE_TEXT;
}

/* Not by colour alone. */
static void say_note(writer *w)
{
    if (w->note)
        bw_text_view_extend(w->out, BW_ROLE_ERROR, BW_SLICE_LIT("  <-- does not fit"));
    w->note = false;
}

/* `separate`: a value before this one ended on the last line. */
static void write_token(writer *w, const bw_json_token *t, bool separate)
{
    bool end = t->type == BW_JSON_OBJECT_END || t->type == BW_JSON_ARRAY_END;
    if (separate && !end)
        bw_text_view_extend(w->out, style_of(w, BW_ROLE_MUTED), BW_SLICE_LIT(","));
    if (!end || !w->empty)
        say_note(w);
    if (t->type == BW_JSON_KEY) {
        if (t->depth == 1)
            w->marked = is_marked(w, t);
        put(w, BW_ROLE_KEY, t->depth, t->raw);
        bw_text_view_extend(w->out, BW_ROLE_MUTED, BW_SLICE_LIT(": "));
        w->open = true;
        return;
    }
    if (end && t->depth == 0)
        w->marked = false;
    if (end && w->empty) /* {} and [] stay on one line */
        w->open = true;
    put(w, value_style(t->type), t->depth, t->raw);
    w->open = false;
    w->note |= w->marked && t->depth == 1 && !end;
    w->empty = t->type == BW_JSON_OBJECT || t->type == BW_JSON_ARRAY;
}

void bw_json_lines(bw_text_view *out, bw_slice json, const char *mark)
{
    writer w = {.out = out, .mark = mark};
    const char *error;
    size_t at;
    bw_json_token t;
    bool after_value = false;
    if (!bw_json_valid(json, &error, &at)) {
        bw_text_view_add(out, BW_ROLE_TEXT, json);
        return;
    }
    bw_json_scan scan = bw_json_scan_init(json);
    while (bw_json_next(&scan, &t) && t.type != BW_JSON_END) {
        write_token(&w, &t, after_value);
        after_value = t.type != BW_JSON_KEY && t.type != BW_JSON_OBJECT && t.type != BW_JSON_ARRAY;
    }
}

void bw_json_words(bw_buf *out, bw_slice json)
{
    bw_json_scan scan = bw_json_scan_init(json);
    bw_json_token t;
    bw_slice value;
    size_t begun = out->len;
    if (!bw_json_valid(json, NULL, NULL) || !bw_json_next(&scan, &t) || t.type != BW_JSON_OBJECT) {
        bw_buf_add(out, json.ptr, json.len);
        return;
    }
    while (bw_json_next_member(&scan, &t, &value)) {
        if (bw_slice_is(value, "null"))
            continue;
        bw_buf_adds(out, out->len > begun ? ", " : "");
        size_t name = out->len;
        (void)bw_json_unescape(t.raw, out);
        for (size_t i = name; i < out->len; i++)
            if (out->ptr[i] == '_')
                out->ptr[i] = ' ';
        bw_buf_addc(out, ' ');
        if (value.ptr[0] != '"' || !bw_json_unescape(value, out))
            bw_buf_add(out, value.ptr, value.len);
    }
}
