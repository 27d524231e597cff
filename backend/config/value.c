/* A text becomes a typed value. The type is the setting's, whatever YAML would have made of it. */
#include "backend/config/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

/* How much of a wrong value a message shows. */
#define SHOWN 60

static bool parse_int(bw_slice s, int64_t *out)
{
    size_t i = 0;
    bool negative = s.len > 0 && s.ptr[0] == '-';
    int64_t v = 0;
    if (negative || (s.len > 0 && s.ptr[0] == '+'))
        i++;
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        int digit = s.ptr[i] - '0';
        if (__builtin_mul_overflow(v, INT64_C(10), &v) ||
            __builtin_sub_overflow(v, (int64_t)digit, &v))
            return false;
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}

static bool parse_bool(bw_slice s, int64_t *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < BW_COUNT(words); i++) {
        if (!bw_slice_is(s, words[i]))
            continue;
        *out = (int64_t)(i & 1);
        return true;
    }
    return false;
}

static int choice_of(const bw_setting *setting, const char *text)
{
    for (int i = 0; setting->choices && setting->choices[i]; i++)
        if (strcmp(setting->choices[i], text) == 0)
            return i;
    return -1;
}

static size_t choice_count(const bw_setting *setting)
{
    size_t n = 0;
    while (setting->choices && setting->choices[n])
        n++;
    return n;
}

typedef bool number_parser(bw_slice s, int64_t *out);

static number_parser *const number_parsers[BW_SETTING_TYPES] = {
    [BW_SETTING_BOOL] = parse_bool,
    [BW_SETTING_INT] = parse_int,
    [BW_SETTING_DURATION] = bw_parse_duration,
    [BW_SETTING_SIZE] = bw_parse_size,
    [BW_SETTING_TIME] = bw_parse_time,
};

static bool bounded(const bw_setting *setting)
{
    return setting->min != 0 || setting->max != 0;
}

bool bw_setting_parse_number(const bw_setting *setting, bw_slice text, int64_t *out)
{
    int64_t v;
    if (!number_parsers[setting->type] || !number_parsers[setting->type](text, &v) ||
        (bounded(setting) && (v < setting->min || v > setting->max)))
        return false;
    *out = v;
    return true;
}

static void add_bound(bw_buf *out, const bw_setting *setting, int64_t v)
{
    char text[BW_TIME_TEXT];
    if (setting->type == BW_SETTING_DURATION)
        bw_buf_adds(out, bw_format_duration_exact(v, text));
    else if (setting->type == BW_SETTING_SIZE)
        bw_buf_adds(out, bw_format_bytes(v, text));
    else
        bw_buf_addf(out, "%lld", (long long)v);
}

static void add_bounds(bw_buf *out, const bw_setting *setting)
{
    if (!bounded(setting))
        return;
    if (setting->type == BW_SETTING_DURATION || setting->type == BW_SETTING_SIZE)
        bw_buf_addc(out, ',');
    bw_buf_adds(out, setting->max == INT64_MAX ? " of at least " : " from ");
    add_bound(out, setting, setting->min);
    if (setting->max == INT64_MAX)
        return;
    bw_buf_adds(out, " to ");
    add_bound(out, setting, setting->max);
}

void bw_setting_describe(const bw_setting *setting, bw_buf *out)
{
    static const char *const nouns[BW_SETTING_TYPES] = {
        [BW_SETTING_STRING] = "a text",
        [BW_SETTING_BOOL] = "true or false",
        [BW_SETTING_INT] = "a whole number",
        [BW_SETTING_DURATION] = "a duration such as 500ms, 30s, 5m, 2h or 7d",
        [BW_SETTING_SIZE] = "a size such as 64KiB, 10MB or 1GiB",
        [BW_SETTING_ENUM] = "one of ",
        [BW_SETTING_LIST] = "a list",
        [BW_SETTING_MAP] = "a map of names to texts",
        [BW_SETTING_TIME] = "a time such as 2026-11-20T08:37:00Z",
        [BW_SETTING_SECRET] = "a secret, file:PATH or secret:projects/P/secrets/S",
        [BW_SETTING_SCHEDULE] = "\"every 1m\", \"cron: 0 5 * * *\" or \"manual\"",
    };
    bool number = number_parsers[setting->type] && setting->type != BW_SETTING_BOOL &&
                  setting->type != BW_SETTING_TIME;
    bw_buf_adds(out, nouns[setting->type]);
    if (number)
        add_bounds(out, setting);
    if (!setting->choices)
        return;
    bool container = setting->type == BW_SETTING_LIST || setting->type == BW_SETTING_MAP;
    const char *between = setting->type == BW_SETTING_ENUM ? ", " : container ? ", " : " or ";
    if (container)
        bw_buf_adds(out, " of ");
    for (size_t i = 0; setting->choices[i]; i++) {
        if (i > 0 || number || setting->type == BW_SETTING_TIME)
            bw_buf_adds(out, i == 0 ? ", or " : between);
        bw_buf_adds(out, setting->choices[i]);
    }
}

/* What a value is read with. */
typedef struct value_reader {
    const bw_config_pass *pass;
    const char *prefix;
    const bw_setting *setting;
    bw_config_value *out;
} value_reader;

static void complain(const value_reader *r, const bw_tree *t, size_t offset, const char *hint,
                     const char *fmt, ...) BW_PRINTF(5, 6);

/* A problem with the value `t`, `offset` bytes into its text where that has a place. */
static void complain(const value_reader *r, const bw_tree *t, size_t offset, const char *hint,
                     const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    int column = t->text_column > 0 && offset > 0 ? t->text_column + (int)offset : t->column;
    if (t->option)
        bw_problems_add(r->pass->problems, "", 0, 0, hint, "%s: %s%s %s", t->option, r->prefix,
                        r->setting->path, text);
    else
        bw_problems_add(r->pass->problems, r->pass->file, t->line, column, hint, "%s%s %s",
                        r->prefix, r->setting->path, text);
}

static const char *kind_name(const bw_tree *t)
{
    static const char *const names[] = {
        [BW_TREE_SCALAR] = "a text", [BW_TREE_MAP] = "a map", [BW_TREE_LIST] = "a list"};
    return names[t->kind];
}

/* "must be a duration such as ..., not 5 parsecs". The text is shown as written, so that what a
   variable expands to stays out of messages; a secret is not shown at all. */
static void complain_type(const value_reader *r, const bw_tree *t, const char *hint)
{
    bw_buf want = BW_BUF_INIT;
    bw_setting_describe(r->setting, &want);
    bw_buf_cstr(&want);
    if (t->kind != BW_TREE_SCALAR)
        complain(r, t, 0, hint, "must be %s, not %s", want.ptr, kind_name(t));
    else if (r->setting->type == BW_SETTING_SECRET)
        complain(r, t, 0, hint, "must be %s", want.ptr);
    else if (strlen(t->text) > SHOWN)
        complain(r, t, 0, hint, "must be %s, not %.*s...", want.ptr, SHOWN, t->text);
    else
        complain(r, t, 0, hint, "must be %s, not %s", want.ptr, t->text[0] ? t->text : "\"\"");
    bw_buf_fini(&want);
}

/* Expands a scalar's text. NULL when that failed (and was said, unless lenient). */
static const char *expanded(const value_reader *r, const bw_tree *t)
{
    bw_expansion x;
    if (t->option)
        return t->text;
    bool ok = bw_expand(t->text, &r->pass->env, r->pass->arena, &x);
    if (x.names && !r->out->env)
        r->out->env = x.names;
    if (ok && x.names && !bw_utf8_valid(bw_slice_cstr(x.text))) {
        complain(r, t, 0, NULL, "is not valid UTF-8 once %s is put in", x.names);
        return NULL;
    }
    if (ok)
        return x.text;
    if (x.wrong) {
        complain(r, t, x.wrong_at, "Write ${NAME} or ${NAME:-default}; $${ stands for ${ itself.",
                 "has a malformed variable: %s", x.wrong);
    } else if (!r->pass->lenient &&
               !(r->pass->without_secrets && r->setting->type == BW_SETTING_SECRET)) {
        char hint[160];
        snprintf(hint, sizeof(hint), "Set %.60s, or give a default: ${%.60s:-...}.", x.unset,
                 x.unset);
        complain(r, t, 0, hint, "needs the environment variable %.100s, which is not set", x.unset);
    }
    return NULL;
}

static bool read_number(const value_reader *r, const bw_tree *t, const char *text)
{
    const bw_setting *s = r->setting;
    int64_t v;
    if (s->choices && choice_of(s, text) >= 0) {
        r->out->word = text;
        return true;
    }
    if (!bw_setting_parse_number(s, bw_slice_cstr(text), &v)) {
        complain_type(r, t, NULL);
        return false;
    }
    r->out->number = v;
    return true;
}

static bool read_choice(const value_reader *r, const bw_tree *t, const char *text)
{
    int i = choice_of(r->setting, text);
    if (i >= 0) {
        r->out->number = i;
        return true;
    }
    const char *near = bw_nearest(text, r->setting->choices, choice_count(r->setting));
    char hint[128] = "";
    if (near)
        snprintf(hint, sizeof(hint), "Did you mean %s?", near);
    complain_type(r, t, hint);
    return false;
}

static bool read_secret(const value_reader *r, const bw_tree *t, const char *text)
{
    bw_config_value *v = r->out;
    if (strncmp(text, "file:", 5) == 0) {
        const char *path = text + 5, *slash = strrchr(r->pass->file, '/');
        if (!path[0]) {
            complain(r, t, 5, NULL, "names no file after file:");
            return false;
        }
        v->secret = BW_SECRET_FILE;
        v->text = path[0] == '/' || !slash
                      ? path
                      : bw_arena_printf(r->pass->arena, "%.*s%s", (int)(slash - r->pass->file + 1),
                                        r->pass->file, path);
    } else if (strncmp(text, "secret:", 7) == 0) {
        if (!bw_glob_match("projects/?*/secrets/?*", text + 7)) {
            complain(r, t, 7, "Write secret:projects/P/secrets/S.",
                     "does not name a secret after secret:");
            return false;
        }
        v->secret = BW_SECRET_REFERENCE;
        v->text = text + 7;
    } else {
        v->secret = BW_SECRET_TEXT;
    }
    return true;
}

static bool read_schedule(const value_reader *r, const bw_tree *t, const char *text)
{
    bw_error err = BW_ERROR_INIT;
    size_t at = 0;
    if (bw_schedule_parse(bw_slice_cstr(text), &r->out->schedule, &at, &err) == BW_OK)
        return true;
    complain(r, t, text == t->text ? at : 0, err.hint, "is no schedule: %s", err.message);
    return false;
}

static bool read_string(const value_reader *r, const bw_tree *t, const char *text)
{
    if (!r->setting->nonempty || text[0])
        return true;
    complain(r, t, 0, NULL, "must not be empty");
    return false;
}

typedef bool scalar_reader(const value_reader *r, const bw_tree *t, const char *text);

static scalar_reader *const scalar_readers[BW_SETTING_TYPES] = {
    [BW_SETTING_STRING] = read_string,     [BW_SETTING_BOOL] = read_number,
    [BW_SETTING_INT] = read_number,        [BW_SETTING_DURATION] = read_number,
    [BW_SETTING_SIZE] = read_number,       [BW_SETTING_ENUM] = read_choice,
    [BW_SETTING_TIME] = read_number,       [BW_SETTING_SECRET] = read_secret,
    [BW_SETTING_SCHEDULE] = read_schedule,
};

static void read_scalar(const value_reader *r, const bw_tree *t)
{
    if (t->kind != BW_TREE_SCALAR) {
        complain_type(r, t, NULL);
        return;
    }
    if (bw_tree_empty(t)) {
        complain(r, t, 0, "Leave the line out for the default; write \"\" for an empty text.",
                 "has no value");
        return;
    }
    const char *text = expanded(r, t);
    if (!text)
        return;
    /* A variable that is there but empty is one that was not given. */
    if (!text[0] && t->text[0]) {
        if (r->setting->required && !r->pass->lenient)
            complain(r, t, 0, NULL, "is required, but %s is empty", t->text);
        r->out->given = r->setting->required;
        return;
    }
    r->out->text = text;
    r->out->present = scalar_readers[r->setting->type](r, t, text);
}

/* An entry of a LIST or MAP; NULL when it is not a text (and was said). */
static const char *read_entry(const value_reader *r, const bw_tree *t)
{
    if (t->kind != BW_TREE_SCALAR) {
        complain(r, t, 0, NULL, "must hold texts, not %s", kind_name(t));
        return NULL;
    }
    if (bw_tree_empty(t)) {
        complain(r, t, 0, "Write \"\" for an empty text.", "has an entry without a value");
        return NULL;
    }
    const char *text = expanded(r, t);
    if (!text || !r->setting->choices || choice_of(r->setting, text) >= 0)
        return text;
    read_choice(r, t, text);
    return NULL;
}

static void read_list(const value_reader *r, const bw_tree *t)
{
    if (t->kind != BW_TREE_LIST) {
        char hint[128] = "";
        if (t->kind == BW_TREE_SCALAR && t->text[0])
            snprintf(hint, sizeof(hint), "Write [%.100s].", t->text);
        complain_type(r, t, hint);
        return;
    }
    const bw_setting *s = r->setting;
    if (bounded(s) && ((int64_t)t->count < s->min || (int64_t)t->count > s->max)) {
        bw_buf bounds = BW_BUF_INIT;
        add_bounds(&bounds, s);
        complain(r, t, 0, NULL, "must have a number of entries%s, not %zu", bw_buf_cstr(&bounds),
                 t->count);
        bw_buf_fini(&bounds);
        return;
    }
    const char **items = BW_ARENA_ARRAY(r->pass->arena, const char *, t->count + 1);
    bool ok = true;
    for (size_t i = 0; i < t->count; i++)
        ok = (items[i] = read_entry(r, t->entries[i].value)) && ok;
    r->out->items = items;
    r->out->count = t->count;
    r->out->present = ok;
}

static void read_map(const value_reader *r, const bw_tree *t)
{
    if (t->kind != BW_TREE_MAP && !bw_tree_empty(t)) {
        complain_type(r, t, NULL);
        return;
    }
    bw_config_pair *pairs = BW_ARENA_ARRAY(r->pass->arena, bw_config_pair, t->count + 1);
    bool ok = true;
    for (size_t i = 0; i < t->count; i++) {
        pairs[i].name = t->entries[i].key;
        ok = (pairs[i].value = read_entry(r, t->entries[i].value)) && ok;
    }
    r->out->pairs = pairs;
    r->out->count = t->count;
    r->out->present = ok;
}

/* {cron: "..."} and {every: 1m} as well as the text. */
static const bw_tree *schedule_text(const value_reader *r, const bw_tree *t)
{
    if (t->kind != BW_TREE_MAP || t->count != 1 || t->entries[0].value->kind != BW_TREE_SCALAR)
        return t;
    const char *key = t->entries[0].key;
    bw_tree *text = BW_ARENA_NEW(r->pass->arena, bw_tree);
    *text = *t->entries[0].value;
    if (strcmp(key, "cron") != 0 && strcmp(key, "every") != 0)
        return t;
    int before = (int)strlen(key) + 1;
    text->text = bw_arena_printf(r->pass->arena, "%s %s", key, text->text);
    if (text->text_column > 0)
        text->text_column -= before;
    return text;
}

void bw_value_read(const bw_config_pass *pass, const char *prefix, const bw_setting *setting,
                   const bw_tree *t, bw_config_value *out)
{
    value_reader r = {pass, prefix, setting, out};
    *out = (bw_config_value){.setting = setting,
                             .given = true,
                             .number = setting->type == BW_SETTING_TIME ? BW_TIME_NONE : 0,
                             .line = t->line,
                             .column = t->column,
                             .profile = t->profile,
                             .option = t->option};
    if (setting->type == BW_SETTING_LIST)
        read_list(&r, t);
    else if (setting->type == BW_SETTING_MAP)
        read_map(&r, t);
    else if (setting->type == BW_SETTING_SCHEDULE)
        read_scalar(&r, schedule_text(&r, t));
    else
        read_scalar(&r, t);
}

void bw_value_default(const bw_config_pass *pass, const char *prefix, const bw_setting *setting,
                      bw_config_value *out)
{
    bw_tree scalar = {.kind = BW_TREE_SCALAR, .text = setting->fallback}, *t = &scalar;
    if (!setting->fallback) {
        *out = (bw_config_value){.setting = setting,
                                 .number = setting->type == BW_SETTING_TIME ? BW_TIME_NONE : 0};
        return;
    }
    if (setting->type == BW_SETTING_LIST || setting->type == BW_SETTING_MAP) {
        if (!bw_tree_read(bw_slice_cstr(setting->fallback), "", pass->arena, pass->problems, &t))
            return;
    }
    bw_value_read(pass, prefix, setting, t, out);
    out->given = false;
}
