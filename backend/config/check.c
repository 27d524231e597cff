/*
 * A tree is checked against the schema in one walk that stops at nothing, so that the operator sees
 * everything that is wrong at once, and fills the nodes that the getters read.
 */
#include "backend/config/node.h"

#include <stdio.h>

#include "backend/core/text.h"

#define MAX_KEYS 128

/* The object that is being checked and the settings that it may have. */
typedef struct scope {
    const bw_config_pass *pass;
    bw_config_node *node;
    bool top;
    /* Which settings are those of the selected variant and so may be required; with the variant
       unknown the settings of all are allowed, so that only the selector is complained about. */
    bool any_variant;
    size_t n_common;
    const bw_config_section *section; /* of the object; NULL at the top */
    const bw_config_variant *variant; /* or NULL */
} scope;

static void complain_at(const scope *sc, int line, int column, const char *hint, const char *fmt,
                        ...) BW_PRINTF(5, 6);

static void complain_at(const scope *sc, int line, int column, const char *hint, const char *fmt,
                        ...)
{
    va_list ap;
    va_start(ap, fmt);
    bw_problems_vadd(sc->pass->problems, sc->pass->file, line, column, hint, fmt, ap);
    va_end(ap);
}

/* ---- unknown keys ---- */

static bool within(const char *path, const char *group, size_t group_len)
{
    return strncmp(path, group, group_len) == 0;
}

static void add_name(const char **names, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(names[i], name) == 0)
            return;
    if (*n < MAX_KEYS)
        names[(*n)++] = name;
}

/* The keys that may stand at one level: below `group` ("" or "freshness."). */
static size_t keys_of(const scope *sc, const char *group, const char **names)
{
    size_t n = 0, len = strlen(group);
    for (size_t i = 0; i < sc->node->count; i++) {
        const char *path = sc->node->values[i].setting->path;
        if (!within(path, group, len))
            continue;
        size_t part = strcspn(path + len, ".");
        add_name(names, &n, bw_arena_strndup(sc->pass->arena, path + len, part));
    }
    if (!sc->top || group[0])
        return n;
    for (size_t i = 0; i < sc->pass->schema->n_sections; i++)
        add_name(names, &n, sc->pass->schema->sections[i].name);
    if (!sc->pass->in_profile)
        add_name(names, &n, "profiles");
    return n;
}

/* "log.level" for a key `level` that stands one level too high, or in the wrong place. */
static const char *path_ending_in(const scope *sc, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < sc->node->count; i++) {
        const char *path = sc->node->values[i].setting->path;
        size_t len = strlen(path);
        if (len > n && path[len - n - 1] == '.' && strcmp(path + len - n, key) == 0)
            return path;
    }
    return NULL;
}

/* "log: {level: ...}" of "log.level". */
static void add_nested(bw_buf *out, const char *path)
{
    size_t depth = 0;
    for (const char *p = path; *p; p++) {
        if (*p == '.') {
            bw_buf_adds(out, ": {");
            depth++;
        } else {
            bw_buf_addc(out, *p);
        }
    }
    bw_buf_adds(out, ": ...");
    while (depth-- > 0)
        bw_buf_addc(out, '}');
}

/* True when `path` is a setting of the table, or a group of its settings. */
static bool has_path(const bw_setting_table *t, const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < t->count; i++)
        if (within(t->items[i].path, path, n) && strchr(".", t->items[i].path[n]))
            return true;
    return false;
}

/* A setting of another kind of source says for which one it exists. False when it is of none. */
static bool complain_of_kind(const scope *sc, const char *group, const bw_tree_entry *e)
{
    const bw_config_section *s = sc->section;
    const char *path = bw_arena_printf(sc->pass->arena, "%s%.100s", group, e->key);
    bw_buf kinds = BW_BUF_INIT;
    for (size_t i = 0; sc->variant && i < s->n_variants; i++)
        if (has_path(&s->variants[i].settings, path))
            bw_buf_addf(&kinds, "%s%s", kinds.len ? " or " : "", s->variants[i].name);
    bool found = kinds.len > 0;
    if (found) {
        const char *what = s->via ? s->via : s->name;
        const char *hint =
            bw_arena_printf(sc->pass->arena, "It is for %s of type %s.", what, bw_buf_cstr(&kinds));
        complain_at(sc, e->line, e->column, hint, "%s%s does not exist for %s of type %s",
                    sc->node->prefix, path, what, sc->variant->name);
    }
    bw_buf_fini(&kinds);
    return found;
}

static void complain_unknown(const scope *sc, const char *group, const bw_tree_entry *e)
{
    if (complain_of_kind(sc, group, e))
        return;
    const char *names[MAX_KEYS];
    size_t n = keys_of(sc, group, names);
    const char *near = bw_nearest(e->key, names, n);
    const char *elsewhere = strchr(e->key, '.') ? e->key : path_ending_in(sc, e->key);
    bw_buf hint = BW_BUF_INIT;
    if (near) {
        bw_buf_addf(&hint, "Did you mean %s?", near);
    } else if (elsewhere && (elsewhere != e->key || path_ending_in(sc, strrchr(e->key, '.') + 1))) {
        bw_buf_adds(&hint, "Write ");
        add_nested(&hint, elsewhere);
        bw_buf_addc(&hint, '.');
    } else if (n <= 12) {
        bw_buf_adds(&hint, "Known here:");
        for (size_t i = 0; i < n; i++)
            bw_buf_addf(&hint, "%s %s", i ? "," : "", names[i]);
        bw_buf_addc(&hint, '.');
    } else {
        bw_buf_adds(&hint, "`bridgewatch config --reference` lists every setting.");
    }
    complain_at(sc, e->line, e->column, bw_buf_cstr(&hint), "unknown key %s%s%.100s",
                sc->node->prefix, group, e->key);
    bw_buf_fini(&hint);
}

/* ---- one object ---- */

static bw_config_value *value_at(const scope *sc, const char *path)
{
    for (size_t i = 0; i < sc->node->count; i++)
        if (strcmp(sc->node->values[i].setting->path, path) == 0)
            return &sc->node->values[i];
    return NULL;
}

static bool is_group(const scope *sc, const char *group)
{
    size_t n = strlen(group);
    for (size_t i = 0; i < sc->node->count; i++)
        if (within(sc->node->values[i].setting->path, group, n))
            return true;
    return false;
}

static bool is_section(const scope *sc, const char *key)
{
    for (size_t i = 0; i < sc->pass->schema->n_sections; i++)
        if (strcmp(sc->pass->schema->sections[i].name, key) == 0)
            return true;
    return strcmp(key, "profiles") == 0 && !sc->pass->in_profile;
}

static void check_setting(const scope *sc, const bw_tree_entry *e, bw_config_value *v)
{
    const bw_setting *setting = v->setting;
    if (setting->same_as) {
        v = value_at(sc, setting->same_as);
        if (v->given) {
            complain_at(sc, e->line, e->column, NULL, "%s%s and %s say the same thing twice",
                        sc->node->prefix, setting->path, setting->same_as);
            return;
        }
    } else if (v->given) {
        complain_at(sc, e->line, e->column, NULL, "%s%s is given by another key already",
                    sc->node->prefix, setting->path);
        return;
    }
    const bw_setting *own = v->setting;
    bw_value_read(sc->pass, sc->node->prefix, setting, e->value, v);
    v->setting = own;
}

static void check_map(const scope *sc, const char *group, const bw_tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const bw_tree_entry *e = &t->entries[i];
        char path[160];
        /* No setting has so long a path, so nothing is found under a cut one. */
        snprintf(path, sizeof(path), "%s%s", group, e->key);
        bw_config_value *v =
            strlen(e->key) < 64 && !strchr(e->key, '.') ? value_at(sc, path) : NULL;
        if (v) {
            check_setting(sc, e, v);
            continue;
        }
        if (sc->top && !group[0] && is_section(sc, e->key))
            continue;
        snprintf(path, sizeof(path), "%s%s.", group, e->key);
        if (strlen(e->key) >= 64 || strchr(e->key, '.') || !is_group(sc, path))
            complain_unknown(sc, group, e);
        else if (e->value->kind == BW_TREE_MAP)
            check_map(sc, path, e->value);
        else if (!bw_tree_empty(e->value))
            complain_at(sc, e->value->line, e->value->column, NULL,
                        "%s%s%s must be a map of settings", sc->node->prefix, group, e->key);
    }
}

static bool required_here(const scope *sc, size_t i)
{
    const bw_config_value *v = &sc->node->values[i];
    return v->setting->required && !v->given && (i < sc->n_common || !sc->any_variant);
}

static void check_object(const scope *sc, const bw_tree *t)
{
    bw_config_node *n = sc->node;
    if (t && t->kind == BW_TREE_MAP)
        check_map(sc, "", t);
    for (size_t i = 0; i < n->count; i++) {
        bw_config_value *v = &n->values[i];
        if (required_here(sc, i) && !sc->pass->lenient && !sc->pass->incomplete) {
            char hint[200];
            snprintf(hint, sizeof(hint), "%s: %.150s.", v->setting->path,
                     v->setting->help ? v->setting->help : "required");
            complain_at(sc, n->line, n->column, hint, "%s%s is missing", n->prefix,
                        v->setting->path);
        }
        if (!v->given && !v->present)
            bw_value_default(sc->pass, n->prefix, v->setting, v);
    }
}

static size_t add_tables(bw_config_node *n, size_t at, const bw_setting_table *tables, size_t count)
{
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            /* With the variant unknown, several of them may have the same setting. */
            bool there = false;
            for (size_t k = 0; k < at && !there; k++)
                there = strcmp(n->values[k].setting->path, tables[t].items[i].path) == 0;
            if (!there)
                n->values[at++].setting = &tables[t].items[i];
        }
    return at;
}

static size_t settings_in(const bw_setting_table *tables, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += tables[i].count;
    return count;
}

/* ---- sections ---- */

static const bw_config_section *section_named(const bw_config_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->n_sections; i++)
        if (strcmp(schema->sections[i].name, name) == 0)
            return &schema->sections[i];
    return NULL;
}

/* The expanded text of a scalar member, or NULL. */
static const char *member_text(const bw_config_pass *pass, const bw_tree *object, const char *key)
{
    const bw_tree *t = bw_tree_get(object, key);
    bw_expansion x;
    if (!t || t->kind != BW_TREE_SCALAR || !t->text[0])
        return NULL;
    return bw_expand(t->text, &pass->env, pass->arena, &x) && x.text[0] ? x.text : NULL;
}

static const bw_config_variant *variant_named(const bw_config_section *s, const char *name)
{
    for (size_t i = 0; name && i < s->n_variants; i++)
        if (strcmp(s->variants[i].name, name) == 0)
            return &s->variants[i];
    return NULL;
}

static void complain_selector(const scope *sc, const bw_config_section *s, const bw_tree *object,
                              const char *text, const char *const *names, size_t n)
{
    const bw_tree *at = bw_tree_get(object, s->selector);
    const char *near = bw_nearest(text, names, n);
    bw_buf hint = BW_BUF_INIT;
    if (near) {
        bw_buf_addf(&hint, "Did you mean %s?", near);
    } else {
        bw_buf_adds(&hint, n > 0 ? "There are:" : "There are none.");
        for (size_t i = 0; i < n && i < 20; i++)
            bw_buf_addf(&hint, "%s %s", i ? "," : "", names[i]);
        bw_buf_adds(&hint, n > 0 ? "." : "");
    }
    if (at && s->via)
        complain_at(sc, at->line, at->column, bw_buf_cstr(&hint), "%s%s: there is no %.100s in %s",
                    sc->node->prefix, s->selector, at->text, s->via);
    else if (at)
        complain_at(sc, at->line, at->column, bw_buf_cstr(&hint), "%s%s: %.100s is not known",
                    sc->node->prefix, s->selector, at->text);
    bw_buf_fini(&hint);
}

/* The variant of an object. NULL when it is not known, which is complained about here unless the
   selector is missing (a required setting) or belongs to an object that is itself wrong. */
static const bw_config_variant *select_variant(const scope *sc, const bw_config_section *s,
                                               const bw_tree *object)
{
    const bw_config_pass *pass = sc->pass;
    const char *names[MAX_KEYS];
    size_t n = 0;
    const char *text = member_text(pass, object, s->selector);
    if (s->via) {
        const bw_tree *others = bw_tree_get(pass->lookups, s->via);
        const bw_tree *other = text ? bw_tree_get(others, text) : NULL;
        if (other)
            return variant_named(
                s, member_text(pass, other, section_named(pass->schema, s->via)->selector));
        for (size_t i = 0; others && others->kind == BW_TREE_MAP && i < others->count; i++)
            add_name(names, &n, others->entries[i].key);
    } else {
        const bw_tree *merged = bw_tree_get(bw_tree_get(pass->lookups, s->name), sc->node->name);
        if (!text)
            text = member_text(pass, merged, s->selector);
        const bw_config_variant *v = variant_named(s, text);
        if (v)
            return v;
        for (size_t i = 0; i < s->n_variants; i++)
            add_name(names, &n, s->variants[i].name);
    }
    if (text)
        complain_selector(sc, s, object, text, names, n);
    return NULL;
}

static void init_object(scope *sc, const bw_config_section *s, const bw_tree *object)
{
    bw_config_node *n = sc->node;
    size_t room = settings_in(s->tables, s->n_tables);
    const bw_config_variant *variant = s->selector ? select_variant(sc, s, object) : NULL;
    sc->section = s;
    sc->variant = variant;
    sc->any_variant = s->selector && !variant;
    for (size_t i = 0; i < s->n_variants; i++)
        if (sc->any_variant || variant == &s->variants[i])
            room += s->variants[i].settings.count;
    n->values = BW_ARENA_ARRAY(sc->pass->arena, bw_config_value, room + 1);
    n->count = sc->n_common = add_tables(n, 0, s->tables, s->n_tables);
    for (size_t i = 0; i < s->n_variants; i++)
        if (sc->any_variant || variant == &s->variants[i])
            n->count = add_tables(n, n->count, &s->variants[i].settings, 1);
}

static bool good_name(const char *s)
{
    size_t n = strlen(s);
    for (const char *p = s; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '_' || *p == '-'))
            return false;
    return n > 0 && n < 64;
}

static void check_entry(const bw_config_pass *pass, const bw_config_section *s,
                        const bw_tree_entry *e, bw_config_node *node)
{
    scope sc = {.pass = pass, .node = node};
    *node = (bw_config_node){.name = e->key ? e->key : "",
                             .file = pass->file,
                             .line = e->key ? e->line : e->value->line,
                             .column = e->key ? e->column : e->value->column};
    node->prefix = e->key ? bw_arena_printf(pass->arena, "%s.%.64s.", s->name, e->key)
                          : bw_arena_printf(pass->arena, "%s[].", s->name);
    if (e->key && !good_name(e->key))
        complain_at(&sc, e->line, e->column,
                    "A name is up to 63 letters, digits, underscores and hyphens.",
                    "%s: %.64s cannot be a name", s->name, e->key);
    init_object(&sc, s, e->value);
    if (e->value->kind != BW_TREE_MAP && !bw_tree_empty(e->value)) {
        complain_at(&sc, e->value->line, e->value->column, NULL, "%.*s must be a map of settings",
                    (int)strlen(node->prefix) - 1, node->prefix);
        return;
    }
    check_object(&sc, e->value);
}

static void check_section(const bw_config_pass *pass, const bw_config_section *s, const bw_tree *t,
                          bw_config_objects *out)
{
    scope sc = {.pass = pass};
    *out = (bw_config_objects){0};
    if (!t || bw_tree_empty(t))
        return;
    if (t->kind != (s->named ? BW_TREE_MAP : BW_TREE_LIST)) {
        complain_at(&sc, t->line, t->column,
                    s->named ? "Write a name, a colon and the settings below it."
                             : "Begin each entry with \"- \".",
                    "%s must be a %s", s->name, s->named ? "map of names" : "list");
        return;
    }
    out->nodes = BW_ARENA_ARRAY(pass->arena, bw_config_node, t->count + 1);
    out->count = t->count;
    for (size_t i = 0; i < t->count; i++)
        check_entry(pass, s, &t->entries[i], &out->nodes[i]);
}

void bw_config_check_tree(const bw_config_pass *pass, bw_tree *root, bw_config_node *top,
                          bw_config_objects *sections)
{
    const bw_config_schema *schema = pass->schema;
    scope sc = {.pass = pass, .node = top, .top = true};
    *top = (bw_config_node){.name = "",
                            .prefix = "",
                            .file = pass->file,
                            .line = root ? root->line : 1,
                            .column = root ? root->column : 1};
    top->values = BW_ARENA_ARRAY(pass->arena, bw_config_value,
                                 settings_in(schema->tables, schema->n_tables) + 1);
    top->count = sc.n_common = add_tables(top, 0, schema->tables, schema->n_tables);
    if (root && root->kind != BW_TREE_MAP && !bw_tree_empty(root)) {
        complain_at(&sc, root->line, root->column, "Begin with \"project: ...\".",
                    "the configuration must be a map of settings");
        return;
    }
    check_object(&sc, root);
    for (size_t i = 0; i < schema->n_sections; i++)
        check_section(pass, &schema->sections[i], bw_tree_get(root, schema->sections[i].name),
                      &sections[i]);
}
