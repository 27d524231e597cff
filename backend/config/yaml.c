/*
 * The door to libyaml. The tree is built from events rather than from libyaml's own document,
 * because what is refused (aliases, tags, depth) must be refused before it costs anything, and
 * because every node needs its place.
 */
#include "backend/config/tree.h"

#include <stdlib.h>
#include <yaml.h>

#include <xxhash.h>

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* valid while have_event */
    bool have_event;
    bw_slice text;
    const char *file;
    bw_arena *arena;
    bw_config_problems *problems;
} reader;

static int line_of(yaml_mark_t m)
{
    return (int)m.line + 1;
}

static int column_of(yaml_mark_t m)
{
    return (int)m.column + 1;
}

static bool refuse(reader *r, yaml_mark_t at, const char *hint, const char *what)
{
    bw_problems_add(r->problems, r->file, line_of(at), column_of(at), hint, "%s", what);
    return false;
}

/* libyaml counts what it could not decode in bytes from the start. */
static yaml_mark_t place_of_byte(bw_slice text, size_t offset)
{
    yaml_mark_t m = {0};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            m.line++;
            m.column = 0;
        } else if (((unsigned char)text.ptr[i] & 0xC0) != 0x80) {
            m.column++;
        }
    }
    return m;
}

/* The text of a line, for guessing what was meant. */
static bw_slice line_at(bw_slice text, size_t line)
{
    size_t from = 0;
    for (; line > 0 && from < text.len; from++)
        if (text.ptr[from] == '\n')
            line--;
    const char *end = from < text.len ? memchr(text.ptr + from, '\n', text.len - from) : NULL;
    size_t to = end ? (size_t)(end - text.ptr) : text.len;
    return (bw_slice){text.ptr + from, to - from};
}

static const char *syntax_hint(const reader *r, yaml_mark_t at, const char *problem)
{
    static const struct {
        const char *problem, *hint;
    } hints[] = {
        {"mapping values are not allowed in this context",
         "Check the indentation, and quote a text that holds \": \"."},
        {"found unexpected end of stream", "A quote is not closed."},
        {"did not find expected key", "Check the indentation of this line and the one before."},
        {"did not find expected '-' indicator", "Every entry of a list begins with \"- \"."},
        {"could not find expected ':'", "A key is followed by \": \" and its value."},
        {"found character that cannot start any token", "Quote a text that begins with @, % or `."},
        {"did not find expected ',' or", "A comma is missing, or a [ or { is not closed."},
        {"did not find expected alphabetic or numeric character",
         "Quote a text that begins with * or &."},
    };
    bw_slice line = line_at(r->text, at.line);
    if (line.len > 0 && memchr(line.ptr, '\t', line.len))
        return "YAML is indented with spaces, not with tabs.";
    if (memmem(line.ptr, line.len, "${", 2))
        return "Within { } and [ ], quote a text that holds ${...}.";
    for (size_t i = 0; i < BW_COUNT(hints); i++)
        if (strstr(problem, hints[i].problem))
            return hints[i].hint;
    return NULL;
}

static bool syntax_error(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "unreadable";
    if (p->error == YAML_READER_ERROR) {
        yaml_mark_t at = place_of_byte(r->text, p->problem_offset);
        bw_problems_add(r->problems, r->file, line_of(at), column_of(at),
                        "The file must be UTF-8 text.", "%s", problem);
        return false;
    }
    yaml_mark_t at = p->problem_mark;
    const char *hint = syntax_hint(r, at, problem);
    if (p->context && p->context_mark.line != at.line)
        bw_problems_add(r->problems, r->file, line_of(at), column_of(at), hint,
                        "syntax error: %s (%s that begins in line %d)", problem, p->context,
                        line_of(p->context_mark));
    else
        bw_problems_add(r->problems, r->file, line_of(at), column_of(at), hint, "syntax error: %s",
                        problem);
    return false;
}

static bool next(reader *r)
{
    if (r->have_event)
        yaml_event_delete(&r->event);
    r->have_event = yaml_parser_parse(&r->parser, &r->event) == 1;
    return r->have_event || syntax_error(r);
}

static bool tagged(const yaml_char_t *anchor, const yaml_char_t *tag)
{
    return anchor || tag;
}

/* Aliases, anchors and tags make a file mean something else than it shows. */
static bool refused(reader *r)
{
    const yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_ALIAS_EVENT) {
        refuse(r, e->start_mark, "Quote a text that begins with *.",
               "aliases (*name) are not supported");
        return true;
    }
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    }
    if (!tagged(anchor, tag))
        return false;
    if (anchor)
        refuse(r, e->start_mark, "Quote a text that begins with &.",
               "anchors (&name) are not supported");
    else
        refuse(r, e->start_mark, "Quote a text that begins with !.",
               "tags (!name) are not supported");
    return true;
}

/* Where the first character of a scalar's text stands, when every character of it stands in the
   file as it is. */
static int text_column(const yaml_event_t *e)
{
    size_t quote = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? 0 : 1;
    if (e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
        e->data.scalar.style == YAML_FOLDED_SCALAR_STYLE || e->start_mark.line != e->end_mark.line)
        return 0;
    size_t written = e->end_mark.column - e->start_mark.column;
    if (written != e->data.scalar.length + 2 * quote)
        return 0;
    return column_of(e->start_mark) + (int)quote;
}

static bool read_node(reader *r, int depth, bw_tree **out);

static bool read_scalar(reader *r, bw_tree *t)
{
    const yaml_event_t *e = &r->event;
    const char *text = (const char *)e->data.scalar.value;
    if (memchr(text, '\0', e->data.scalar.length))
        return refuse(r, e->start_mark, NULL, "a text holds a NUL character");
    t->kind = BW_TREE_SCALAR;
    t->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    t->text = bw_arena_strndup(r->arena, text, e->data.scalar.length);
    t->text_column = text_column(e);
    return true;
}

/* Growing arrays of one container, copied into the arena when it ends. */
typedef struct collected {
    bw_tree_entry *entries;
    size_t count, cap;
    uint32_t *slots; /* open addressing: index + 1 of the entry with that hash */
    size_t n_slots;
} collected;

static void index_keys(collected *c, size_t n_slots)
{
    free(c->slots);
    c->slots = bw_xcalloc(n_slots, sizeof(*c->slots));
    c->n_slots = n_slots;
    for (size_t i = 0; i < c->count; i++) {
        size_t at = XXH3_64bits(c->entries[i].key, strlen(c->entries[i].key)) & (n_slots - 1);
        while (c->slots[at])
            at = (at + 1) & (n_slots - 1);
        c->slots[at] = (uint32_t)i + 1;
    }
}

static const bw_tree_entry *find_key(const collected *c, const char *key)
{
    if (c->n_slots == 0)
        return NULL;
    size_t at = XXH3_64bits(key, strlen(key)) & (c->n_slots - 1);
    for (; c->slots[at]; at = (at + 1) & (c->n_slots - 1))
        if (strcmp(c->entries[c->slots[at] - 1].key, key) == 0)
            return &c->entries[c->slots[at] - 1];
    return NULL;
}

static void add_entry(reader *r, collected *c, bw_tree_entry entry)
{
    const bw_tree_entry *have = entry.key ? find_key(c, entry.key) : NULL;
    if (have) {
        char hint[64];
        snprintf(hint, sizeof(hint), "It is there already in line %d.", have->line);
        bw_problems_add(r->problems, r->file, entry.line, entry.column, hint,
                        "duplicate key %.100s", entry.key);
        return;
    }
    BW_GROW(c->entries, c->count + 1, c->cap);
    c->entries[c->count++] = entry;
    if (!entry.key)
        return;
    /* At most half full; the index is rebuilt at each doubling, else extended by one. */
    if (c->count * 2 > c->n_slots) {
        index_keys(c, c->n_slots ? c->n_slots * 2 : 16);
        return;
    }
    size_t at = XXH3_64bits(entry.key, strlen(entry.key)) & (c->n_slots - 1);
    while (c->slots[at])
        at = (at + 1) & (c->n_slots - 1);
    c->slots[at] = (uint32_t)c->count;
}

static bool read_entries(reader *r, bw_tree *t, int depth, collected *c)
{
    bool map = t->kind == BW_TREE_MAP;
    yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    for (;;) {
        if (!next(r))
            return false;
        if (r->event.type == end)
            return true;
        bw_tree_entry entry = {.line = line_of(r->event.start_mark),
                               .column = column_of(r->event.start_mark)};
        if (map) {
            bw_tree key = {0};
            if (refused(r))
                return false;
            if (r->event.type != YAML_SCALAR_EVENT)
                return refuse(r, r->event.start_mark,
                              "Within { } and [ ], quote a text that holds ${...}.",
                              "a key must be a text");
            if (!read_scalar(r, &key) || !next(r))
                return false;
            entry.key = key.text;
        }
        if (!read_node(r, depth + 1, &entry.value))
            return false;
        add_entry(r, c, entry);
    }
}

static bool read_container(reader *r, bw_tree *t, int depth)
{
    collected c = {0};
    bool ok = read_entries(r, t, depth, &c);
    if (ok && c.count > 0) {
        t->count = c.count;
        t->entries = bw_arena_alloc(r->arena, c.count * sizeof(*c.entries));
        memcpy(t->entries, c.entries, c.count * sizeof(*c.entries));
    }
    free(c.entries);
    free(c.slots);
    return ok;
}

/* The node whose first event is the current one. */
static bool read_node(reader *r, int depth, bw_tree **out)
{
    const yaml_event_t *e = &r->event;
    if (refused(r))
        return false;
    bw_tree *t = BW_ARENA_NEW(r->arena, bw_tree);
    *out = t;
    t->line = line_of(e->start_mark);
    t->column = column_of(e->start_mark);
    if (e->type == YAML_SCALAR_EVENT)
        return read_scalar(r, t);
    if (depth > BW_CONFIG_MAX_DEPTH)
        return refuse(r, e->start_mark, NULL, "nested more than 32 levels deep");
    t->kind = e->type == YAML_MAPPING_START_EVENT ? BW_TREE_MAP : BW_TREE_LIST;
    return read_container(r, t, depth);
}

static bool read_stream(reader *r, bw_tree **out)
{
    /* Stream start, then document start or the end of an empty stream. */
    if (!next(r) || !next(r))
        return false;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return true;
    if (!next(r) || !read_node(r, 1, out))
        return false;
    if (!next(r) || !next(r))
        return false;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return refuse(r, r->event.start_mark, "Put everything into the first document.",
                      "a second document is not supported");
    return true;
}

bool bw_tree_read(bw_slice text, const char *file, bw_arena *arena, bw_config_problems *problems,
                  bw_tree **out)
{
    *out = NULL;
    if (text.len > BW_CONFIG_MAX_SIZE) {
        bw_problems_add(problems, file, 1, 1, NULL, "the file is larger than 1 MiB");
        return false;
    }
    /* What some editors put at the beginning of UTF-8. */
    if (text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0)
        text = (bw_slice){text.ptr + 3, text.len - 3};
    reader r = {.text = text, .file = file, .arena = arena, .problems = problems};
    if (!yaml_parser_initialize(&r.parser)) {
        bw_problems_add(problems, file, 0, 0, NULL, "out of memory");
        return false;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                                 text.len);
    bool ok = read_stream(&r, out);
    if (r.have_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return ok;
}
