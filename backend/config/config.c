#include "backend/config/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/text.h"

/* ---- the whole ---- */

const char *bw_config_file(const bw_config *c)
{
    return c->file;
}

const char *bw_config_profile(const bw_config *c)
{
    return c->profile;
}

const bw_config_schema *bw_config_schema_of(const bw_config *c)
{
    return c->schema;
}

const bw_config_node *bw_config_top(const bw_config *c)
{
    return &c->top;
}

static const bw_config_objects *section_of(const bw_config *c, const char *section)
{
    for (size_t i = 0; i < c->schema->n_sections; i++)
        if (strcmp(c->schema->sections[i].name, section) == 0)
            return &c->sections[i];
    fprintf(stderr, "bug: the configuration has no section %s\n", section);
    abort();
}

size_t bw_config_count(const bw_config *c, const char *section)
{
    return section_of(c, section)->count;
}

const bw_config_node *bw_config_at(const bw_config *c, const char *section, size_t i)
{
    const bw_config_objects *s = section_of(c, section);
    return i < s->count ? &s->nodes[i] : NULL;
}

const bw_config_node *bw_config_find(const bw_config *c, const char *section, const char *name)
{
    const bw_config_objects *s = section_of(c, section);
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->nodes[i].name, name) == 0)
            return &s->nodes[i];
    return NULL;
}

const char *bw_config_node_name(const bw_config_node *n)
{
    return n->name;
}

/* ---- getters ---- */

static const bw_config_value *find_value(const bw_config_node *n, const char *path)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->values[i].setting->path, path) == 0)
            return &n->values[i];
    return NULL;
}

bool bw_config_knows(const bw_config_node *n, const char *path)
{
    return find_value(n, path) != NULL;
}

#define TYPE(t) (1u << (t))

static const bw_config_value *value_of(const bw_config_node *n, const char *path, unsigned types)
{
    const bw_config_value *v = find_value(n, path);
    if (v && (types & TYPE(v->setting->type)))
        return v;
    fprintf(stderr, "bug: the setting %s%s %s\n", n->prefix, path,
            v ? "has another type" : "does not exist");
    abort();
}

#define ANY_TYPE ((1u << BW_SETTING_TYPES) - 1)

bool bw_config_has(const bw_config_node *n, const char *path)
{
    return value_of(n, path, ANY_TYPE)->present;
}

bool bw_config_given(const bw_config_node *n, const char *path)
{
    return value_of(n, path, ANY_TYPE)->given;
}

const char *bw_config_string(const bw_config_node *n, const char *path)
{
    const bw_config_value *v = value_of(
        n, path,
        ANY_TYPE & ~(TYPE(BW_SETTING_SECRET) | TYPE(BW_SETTING_LIST) | TYPE(BW_SETTING_MAP)));
    return v->present ? v->text : NULL;
}

int bw_config_choice(const bw_config_node *n, const char *path)
{
    const bw_config_value *v = value_of(n, path, TYPE(BW_SETTING_ENUM));
    return v->present ? (int)v->number : -1;
}

const char *bw_config_word(const bw_config_node *n, const char *path)
{
    return value_of(n, path,
                    TYPE(BW_SETTING_INT) | TYPE(BW_SETTING_DURATION) | TYPE(BW_SETTING_SIZE) |
                        TYPE(BW_SETTING_TIME))
        ->word;
}

static int64_t number_of(const bw_config_node *n, const char *path, bw_setting_type type)
{
    const bw_config_value *v = value_of(n, path, TYPE(type));
    int64_t none = type == BW_SETTING_TIME ? BW_TIME_NONE : 0;
    return v->present && !v->word ? v->number : none;
}

bool bw_config_bool(const bw_config_node *n, const char *path)
{
    return number_of(n, path, BW_SETTING_BOOL) != 0;
}

int64_t bw_config_int(const bw_config_node *n, const char *path)
{
    return number_of(n, path, BW_SETTING_INT);
}

int64_t bw_config_duration(const bw_config_node *n, const char *path)
{
    return number_of(n, path, BW_SETTING_DURATION);
}

int64_t bw_config_size(const bw_config_node *n, const char *path)
{
    return number_of(n, path, BW_SETTING_SIZE);
}

int64_t bw_config_time(const bw_config_node *n, const char *path)
{
    return number_of(n, path, BW_SETTING_TIME);
}

size_t bw_config_list(const bw_config_node *n, const char *path, const char *const **items)
{
    const bw_config_value *v = value_of(n, path, TYPE(BW_SETTING_LIST));
    *items = v->items;
    return v->count;
}

size_t bw_config_map(const bw_config_node *n, const char *path, const bw_config_pair **pairs)
{
    const bw_config_value *v = value_of(n, path, TYPE(BW_SETTING_MAP));
    *pairs = v->pairs;
    return v->count;
}

const bw_schedule *bw_config_schedule(const bw_config_node *n, const char *path)
{
    const bw_config_value *v = value_of(n, path, TYPE(BW_SETTING_SCHEDULE));
    return v->present ? &v->schedule : NULL;
}

bw_secret bw_config_secret(const bw_config_node *n, const char *path)
{
    const bw_config_value *v = value_of(n, path, TYPE(BW_SETTING_SECRET));
    return v->present ? (bw_secret){v->secret, v->text} : (bw_secret){BW_SECRET_NONE, NULL};
}

/* ---- where things come from ---- */

bw_origin bw_config_origin(const bw_config_node *n, const char *path)
{
    const bw_config_value *v = value_of(n, path, ANY_TYPE);
    bw_origin o = {.env = v->env, .profile = v->profile, .line = v->line, .column = v->column};
    if (!v->given) {
        o.kind = v->present ? BW_ORIGIN_DEFAULT : BW_ORIGIN_NONE;
        o.text = v->present ? "default" : "";
    } else if (v->option) {
        o.kind = BW_ORIGIN_OPTION;
        o.text = v->option;
    } else {
        o.kind = BW_ORIGIN_FILE;
        o.text = n->file;
    }
    return o;
}

/* The place of a value, or of the object where the value is not in the file. */
static void place_of(const bw_config_node *n, const char *path, int *line, int *column)
{
    const bw_config_value *v = path ? find_value(n, path) : NULL;
    bool in_file = v && v->given && !v->option;
    *line = in_file ? v->line : n->line;
    *column = in_file ? v->column : n->column;
}

void bw_config_where(const bw_config_node *n, const char *path, bw_buf *out)
{
    int line, column;
    place_of(n, path, &line, &column);
    if (n->file[0])
        bw_buf_addf(out, "%s:%d:%d: ", n->file, line, column);
}

void bw_config_complain(bw_config_problems *p, const bw_config_node *n, const char *path,
                        const char *hint, const char *fmt, ...)
{
    va_list ap;
    int line, column;
    place_of(n, path, &line, &column);
    va_start(ap, fmt);
    bw_problems_vadd(p, n->file, line, column, hint, fmt, ap);
    va_end(ap);
}

/* ---- printing ---- */

size_t bw_config_node_count(const bw_config_node *n)
{
    return n->count;
}

const bw_setting *bw_config_node_setting(const bw_config_node *n, size_t i)
{
    return n->values[i].setting;
}

/* Plain where no reader could take it for anything else. */
static bool plain_yaml(const char *s)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+: ";
    size_t n = strlen(s);
    return n > 0 && strspn(s, safe) == n && s[n - 1] != ':' && s[n - 1] != ' ' &&
           !strchr("-:. ", s[0]) && !strstr(s, ": ") && !strstr(s, "//");
}

static void add_text(bw_buf *out, const char *s)
{
    bw_buf literal = BW_BUF_INIT;
    if (plain_yaml(s)) {
        bw_buf_adds(out, s);
        return;
    }
    for (const char *p = s; *p; p++) {
        if (p[0] == '$' && p[1] == '{')
            bw_buf_addc(&literal, '$');
        bw_buf_addc(&literal, *p);
    }
    bw_json_add_string(out, bw_buf_slice(&literal));
    bw_buf_fini(&literal);
}

static void add_secret(bw_buf *out, const bw_config_value *v)
{
    if (v->secret == BW_SECRET_TEXT) {
        bw_buf_adds(out, "\"***\"");
        return;
    }
    char *text = bw_xasprintf("%s%s", v->secret == BW_SECRET_FILE ? "file:" : "secret:", v->text);
    add_text(out, text);
    free(text);
}

void bw_config_value_yaml(const bw_config_node *n, size_t i, bw_buf *out)
{
    const bw_config_value *v = &n->values[i];
    if (v->setting->type == BW_SETTING_LIST) {
        bw_buf_addc(out, '[');
        for (size_t k = 0; k < v->count; k++) {
            bw_buf_adds(out, k ? ", " : "");
            add_text(out, v->items[k]);
        }
        bw_buf_addc(out, ']');
    } else if (v->setting->type == BW_SETTING_MAP) {
        bw_buf_addc(out, '{');
        for (size_t k = 0; k < v->count; k++) {
            bw_buf_adds(out, k ? ", " : "");
            add_text(out, v->pairs[k].name);
            bw_buf_adds(out, ": ");
            add_text(out, v->pairs[k].value);
        }
        bw_buf_addc(out, '}');
    } else if (!v->present) {
        return;
    } else if (v->setting->type == BW_SETTING_SECRET) {
        add_secret(out, v);
    } else {
        bw_buf shown = BW_BUF_INIT; /* a URL may hold a password where none belongs */
        bw_text_redact(&shown, bw_slice_cstr(v->text));
        add_text(out, bw_buf_cstr(&shown));
        bw_buf_fini(&shown);
    }
}
