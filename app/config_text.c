#include "app/config_text.h"

#include <string.h>

#include "backend/core/text.h"

/* Where the comments with the origins begin, when the values leave the room. */
#define COMMENT_COLUMN 48

/* A line under construction, and the group ("log.") whose head has been written. */
typedef struct yaml_writer {
    bw_buf *out;
    int indent;
    const char *group;
    size_t group_len;
    bool item; /* the next line begins an item of a list */
} yaml_writer;

static void begin_line(yaml_writer *w, int deeper)
{
    int indent = w->indent + deeper;
    if (w->item) {
        bw_buf_addf(w->out, "%*s- ", indent - 2, "");
        w->item = false;
    } else {
        bw_buf_addf(w->out, "%*s", indent, "");
    }
}

/* "level" of "log.level", after "log:" has been written where it was not yet. */
static const char *enter_group(yaml_writer *w, const char *path)
{
    const char *dot = strchr(path, '.');
    size_t len = dot ? (size_t)(dot - path) : 0;
    bool same = w->group && len == w->group_len && memcmp(path, w->group, len) == 0;
    if (dot && !same) {
        begin_line(w, 0);
        bw_buf_addf(w->out, "%.*s:\n", (int)len, path);
    }
    w->group = dot ? path : NULL;
    w->group_len = len;
    return dot ? dot + 1 : path;
}

static void add_origin(bw_buf *out, size_t line_start, const bw_config_node *n, const char *path)
{
    bw_origin o = bw_config_origin(n, path);
    size_t width = (size_t)bw_text_width((bw_slice){out->ptr + line_start, out->len - line_start});
    bw_buf_addf(out, "%*s# ", width + 2 < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - width) : 2, "");
    bw_text_sanitise(out, bw_slice_cstr(o.text));
    if (o.kind == BW_ORIGIN_FILE)
        bw_buf_addf(out, ":%d", o.line);
    if (o.profile)
        bw_buf_addf(out, ", profile %s", o.profile);
    if (o.env)
        bw_buf_addf(out, ", from %s", o.env);
    bw_buf_addc(out, '\n');
}

static void add_node(const bw_config_node *n, int indent, bool item, bw_buf *out)
{
    yaml_writer w = {.out = out, .indent = indent, .item = item};
    bw_buf value = BW_BUF_INIT;
    for (size_t i = 0; i < bw_config_node_count(n); i++) {
        const bw_setting *s = bw_config_node_setting(n, i);
        if (s->same_as || !bw_config_has(n, s->path))
            continue;
        const char *key = enter_group(&w, s->path);
        size_t line_start = out->len;
        begin_line(&w, w.group ? 2 : 0);
        bw_buf_addf(out, "%s: ", key);
        bw_buf_clear(&value);
        bw_config_value_yaml(n, i, &value);
        bw_text_sanitise(out, bw_buf_slice(&value));
        add_origin(out, line_start, n, s->path);
    }
    bw_buf_fini(&value);
}

static void add_objects(const bw_config *c, const bw_config_section *s, bw_buf *out)
{
    size_t count = bw_config_count(c, s->name);
    bw_buf_addf(out, "%s:%s\n", s->name, count > 0 ? "" : s->named ? " {}" : " []");
    for (size_t i = 0; i < count; i++) {
        const bw_config_node *n = bw_config_at(c, s->name, i);
        if (s->named)
            bw_buf_addf(out, "  %s:\n", bw_config_node_name(n));
        add_node(n, 4, !s->named, out);
    }
}

void bw_config_text(const bw_config *config, bw_buf *out)
{
    const bw_config_schema *schema = bw_config_schema_of(config);
    const char *file = bw_config_file(config), *profile = bw_config_profile(config);
    bw_buf_adds(out, "# ");
    if (file)
        bw_text_sanitise(out, bw_slice_cstr(file));
    else
        bw_buf_adds(out, "There is no file: every setting has its default.");
    if (profile)
        bw_buf_addf(out, ", profile %s", profile);
    bw_buf_addc(out, '\n');
    add_node(bw_config_top(config), 0, false, out);
    for (size_t i = 0; i < schema->n_sections; i++)
        add_objects(config, &schema->sections[i], out);
}

/* ---- the reference ---- */

/* A comment, wrapped, as a sentence. `lead` stands before each line. */
static void add_comment(const char *lead, const char *text, bw_buf *out)
{
    size_t width = strlen(lead) + 2, at = 0;
    bool first = true;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");
        if (first || at + 1 + n > 100 - width) {
            bw_buf_addf(out, "%s%s# ", first ? "" : "\n", lead);
            at = 0;
        } else {
            bw_buf_addc(out, ' ');
            at++;
        }
        bw_buf_addc(out, first && *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
        bw_buf_add(out, p + 1, n - 1);
        at += n;
        first = false;
        p += n + strspn(p + n, " ");
    }
    bw_buf_adds(out, ".\n");
}

static const char *shown_value(const bw_setting *s)
{
    if (s->fallback)
        return s->fallback;
    return s->example ? s->example : "\"\"";
}

/* Its help, what it may be, and what applies where it is left out. */
static void describe(const char *lead, const bw_setting *s, bw_buf *out)
{
    bw_buf text = BW_BUF_INIT;
    bool told = s->type == BW_SETTING_STRING || s->type == BW_SETTING_MAP ||
                s->type == BW_SETTING_LIST || s->type == BW_SETTING_SCHEDULE;
    bw_buf_adds(&text, s->help ? s->help : s->path);
    if (!told || (s->choices && s->type != BW_SETTING_STRING)) {
        bw_buf_adds(&text, ": ");
        bw_setting_describe(s, &text);
    }
    add_comment(lead, bw_buf_cstr(&text), out);
    if (s->absent && !s->fallback) {
        bw_buf_clear(&text);
        bw_buf_addf(&text, "Default: %s", s->absent);
        add_comment(lead, bw_buf_cstr(&text), out);
    }
    bw_buf_fini(&text);
}

/*
 * One setting at `lead` (blanks). What is optional is commented out; `off` comments all of it out,
 * being part of something that is. The first active line of an item of a list begins with "- ".
 */
static void add_reference(const bw_setting *s, const char *lead, bool off, bool *item,
                          const char **group, bw_buf *out)
{
    const char *dot = strchr(s->path, '.');
    size_t len = dot ? (size_t)(dot - s->path) : 0;
    bool same = dot && *group && strncmp(*group, s->path, len + 1) == 0;
    bool active = s->required && !off;
    bw_buf deep = BW_BUF_INIT;
    bool first = out->len >= 2 && memcmp(out->ptr + out->len - 2, ":\n", 2) == 0;
    if (!same && !*item && !first)
        bw_buf_addc(out, '\n');
    /* A commented line begins with # in the place of its first character, so that taking the # away
       leaves valid YAML. */
    bw_buf_addf(&deep, "%s%s", lead, dot ? "  " : "");
    if (dot && !same)
        bw_buf_addf(out, "#%s%.*s:\n", lead, (int)len, s->path);
    *group = dot ? s->path : NULL;
    if (!*item)
        describe(bw_buf_cstr(&deep), s, out);
    if (*item && active)
        bw_buf_addf(out, "%.*s- %s: %s\n", (int)strlen(lead) - 2, lead, s->path, shown_value(s));
    else
        bw_buf_addf(out, "%s%s%s: %s\n", active ? "" : "#", bw_buf_cstr(&deep),
                    dot ? dot + 1 : s->path, shown_value(s));
    *item = false;
    bw_buf_fini(&deep);
}

static void add_table(const bw_setting_table *t, const char *lead, bool off, const char *variant,
                      const char *selector, bool *item, bw_buf *out)
{
    const char *group = NULL;
    for (size_t i = 0; i < t->count; i++) {
        bw_setting s = t->items[i];
        if (s.same_as)
            continue;
        if (variant && selector && strcmp(s.path, selector) == 0)
            s.example = variant;
        add_reference(&s, lead, off, item, &group, out);
    }
}

static void add_named_section(const bw_config_section *s, bw_buf *out)
{
    bool item = false;
    for (size_t v = 0; v < s->n_variants; v++) {
        const char *kind = s->variants[v].name;
        /* The first is the one that the example of a sync reads from. */
        if (v == 0)
            bw_buf_adds(out, "  shop:\n");
        else
            bw_buf_addf(out, "\n#  my-%s:\n", kind);
        for (size_t i = 0; i < s->n_tables; i++)
            add_table(&s->tables[i], "    ", v > 0, kind, s->selector, &item, out);
        add_table(&s->variants[v].settings, "    ", v > 0, NULL, NULL, &item, out);
    }
}

/* Entries of a list; those of a variant in an entry of their own, all of it commented out. */
static void add_listed_section(const bw_config_section *s, bw_buf *out)
{
    bool item = true;
    for (size_t t = 0; t < s->n_tables; t++)
        add_table(&s->tables[t], "    ", false, NULL, NULL, &item, out);
    for (size_t v = 0; v < s->n_variants; v++) {
        const bw_config_variant *variant = &s->variants[v];
        if (variant->settings.count == 0)
            continue;
        bw_buf_addf(out, "\n#  - %s: my-%s\n#    table: %s-table\n\n", s->selector, variant->name,
                    variant->name);
        add_table(&variant->settings, "    ", true, NULL, NULL, &item, out);
    }
}

void bw_config_reference(const bw_config_schema *schema, bw_buf *out)
{
    bool item = false;
    bw_buf_adds(out,
                "# Every setting of bridgewatch " BW_VERSION " with its default. What is "
                "commented out may be left out;\n"
                "# the values of the other lines are examples. ${NAME} and ${NAME:-default} take "
                "environment\n# variables; any secret may be file:PATH or "
                "secret:projects/P/secrets/S. See bridgewatch.yaml(5).\n");
    for (size_t i = 0; i < schema->n_tables; i++)
        add_table(&schema->tables[i], "", false, NULL, NULL, &item, out);
    for (size_t i = 0; i < schema->n_sections; i++) {
        const bw_config_section *s = &schema->sections[i];
        bw_buf_addc(out, '\n');
        add_comment("", s->help, out);
        bw_buf_addf(out, "%s:\n", s->name);
        item = false;
        if (s->named)
            add_named_section(s, out);
        else
            add_listed_section(s, out);
    }
    bw_buf_adds(out, "\n# Parts that --profile NAME lays over the rest.\n"
                     "#profiles:\n"
                     "#  prod:\n"
                     "#    environment: {label: PROD, colour: red, confirm: type}\n");
}
