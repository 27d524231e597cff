/* Theme files: reading, finding, listing. The format is described in theme.h. */
#include "views/kit/theme.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/core/text.h"
#include "views/kit/shipped_themes.h"

#define SUFFIX         ".theme"
#define THEME_FILE_MAX 65536
#define INHERIT_DEPTH  4

static const char *const colour_names[16] = {
    "black",      "red",           "green",       "yellow",      "blue",        "magenta",
    "cyan",       "white",         "brightblack", "brightred",   "brightgreen", "brightyellow",
    "brightblue", "brightmagenta", "brightcyan",  "brightwhite",
};

static const struct {
    const char *name;
    unsigned attr;
} attr_names[] = {
    {"bold", BW_ATTR_BOLD},       {"dim", BW_ATTR_DIM},       {"underline", BW_ATTR_UNDERLINE},
    {"reverse", BW_ATTR_REVERSE}, {"italic", BW_ATTR_ITALIC},
};

typedef struct reader {
    const char *file;
    int line;
    bw_slice text; /* the line */
    size_t at;
    bw_error *err;
} reader;

static bw_status complain(const reader *r, bw_slice word, const char *what)
{
    char shown[80], copy[64];
    snprintf(copy, sizeof(copy), "%.*s", (int)(word.len < 60 ? word.len : 60), word.ptr);
    bw_text_sanitise_to(shown, sizeof(shown), copy);
    int column = (int)(word.ptr - r->text.ptr) + 1;
    return bw_error_set(r->err, BW_INVALID, "%s:%d:%d: %s %s", r->file, r->line, column, what,
                        word.len ? shown : "at the end of the line");
}

static bw_status unknown(const reader *r, bw_slice word, const char *what, const char *const *names,
                         size_t count)
{
    char copy[64];
    snprintf(copy, sizeof(copy), "%.*s", (int)(word.len < 60 ? word.len : 60), word.ptr);
    const char *near = bw_nearest(copy, names, count);
    bw_status status = complain(r, word, what);
    if (near)
        status = bw_error_hint(r->err, "Did you mean %s?", near);
    return status;
}

static bw_slice next_word(reader *r)
{
    const char *p = r->text.ptr;
    while (r->at < r->text.len && (p[r->at] == ' ' || p[r->at] == '\t'))
        r->at++;
    size_t from = r->at;
    while (r->at < r->text.len && p[r->at] != ' ' && p[r->at] != '\t' && p[r->at] != '=')
        r->at++;
    if (r->at == from && r->at < r->text.len && p[r->at] == '=')
        r->at++;
    return (bw_slice){p + from, r->at - from};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* True when the word has the form of a colour and is one. */
static bool parse_colour(bw_slice word, bw_colour *colour)
{
    if (bw_slice_is(word, "default")) {
        *colour = BW_COLOUR_DEFAULT;
        return true;
    }
    for (int i = 0; i < 16; i++) {
        if (bw_slice_is(word, colour_names[i])) {
            *colour = i;
            return true;
        }
    }
    bool hex = word.len == 7 && word.ptr[0] == '#';
    if (!hex && (word.len == 0 || word.len > 3))
        return false;
    int value = 0;
    for (size_t i = hex ? 1 : 0; i < word.len; i++) {
        int digit = hex_digit(word.ptr[i]);
        if (digit < 0 || (!hex && digit > 9))
            return false;
        value = value * (hex ? 16 : 10) + digit;
    }
    if (!hex && value > 255)
        return false;
    *colour = hex ? (bw_colour)(value | BW_COLOUR_RGB) : value;
    return true;
}

static bool parse_attr(bw_slice word, unsigned *attrs)
{
    for (size_t i = 0; i < BW_COUNT(attr_names); i++) {
        if (bw_slice_is(word, attr_names[i].name)) {
            *attrs |= attr_names[i].attr;
            return true;
        }
    }
    return false;
}

static bw_status unknown_look(const reader *r, bw_slice word)
{
    const char *names[16 + BW_COUNT(attr_names) + 2];
    size_t n = 0;
    for (size_t i = 0; i < 16; i++)
        names[n++] = colour_names[i];
    for (size_t i = 0; i < BW_COUNT(attr_names); i++)
        names[n++] = attr_names[i].name;
    names[n++] = "default";
    names[n++] = "on";
    return unknown(r, word, "unknown colour or attribute", names, n);
}

/* [COLOUR] [on COLOUR] [ATTRIBUTE]... */
static bw_status parse_look(reader *r, bw_look *look)
{
    *look = (bw_look){BW_COLOUR_DEFAULT, BW_COLOUR_DEFAULT, 0};
    bool fg_given = false;
    for (bw_slice word = next_word(r); word.len; word = next_word(r)) {
        if (bw_slice_is(word, "on")) {
            word = next_word(r);
            if (!parse_colour(word, &look->bg))
                return word.len ? unknown_look(r, word) : complain(r, word, "no colour after on:");
        } else if (parse_attr(word, &look->attrs)) {
            continue;
        } else if (fg_given || !parse_colour(word, &look->fg)) {
            return fg_given && parse_colour(word, &look->fg)
                       ? complain(r, word, "a second colour without on:")
                       : unknown_look(r, word);
        } else {
            fg_given = true;
        }
    }
    return BW_OK;
}

static bw_status role_by_name(const reader *r, bw_slice word, bw_role *role)
{
    const char *names[BW_ROLE_COUNT + 2];
    for (int i = 0; i < BW_ROLE_COUNT; i++) {
        names[i] = bw_role_name((bw_role)i);
        if (bw_slice_is(word, names[i])) {
            *role = (bw_role)i;
            return BW_OK;
        }
    }
    names[BW_ROLE_COUNT] = "name";
    names[BW_ROLE_COUNT + 1] = "inherit";
    return unknown(r, word, "unknown role", names, BW_COUNT(names));
}

static void cut_comment(bw_slice *line)
{
    /* '#' begins a comment at the start of a line or after a blank, unless six hex digits follow. */
    for (size_t i = 0; i < line->len; i++) {
        if (line->ptr[i] != '#' || (i > 0 && line->ptr[i - 1] != ' ' && line->ptr[i - 1] != '\t' &&
                                    line->ptr[i - 1] != '='))
            continue;
        size_t digits = 0;
        while (i + 1 + digits < line->len && hex_digit(line->ptr[i + 1 + digits]) >= 0)
            digits++;
        if (i > 0 && digits >= 3)
            continue;
        line->len = i;
        return;
    }
}

static bw_status parse_line(reader *r, bw_theme *theme, bool *any_role, const bw_theme *base)
{
    bw_slice key = next_word(r);
    if (key.len == 0)
        return BW_OK;
    bw_role role = BW_ROLE_TEXT;
    bool is_name = bw_slice_is(key, "name"), is_inherit = bw_slice_is(key, "inherit");
    if (!is_name && !is_inherit) {
        bw_status status = role_by_name(r, key, &role);
        if (status != BW_OK)
            return status;
    }
    bw_slice sign = next_word(r);
    if (!bw_slice_is(sign, "="))
        return complain(r, sign, "expected = but found");
    if (!is_name && !is_inherit) {
        *any_role = true;
        return parse_look(r, &theme->look[role]);
    }
    bw_slice value = next_word(r);
    if (value.len == 0)
        return complain(r, value, "expected a name");
    if (is_name) {
        snprintf(theme->name, sizeof(theme->name), "%.*s", (int)(value.len < 60 ? value.len : 60),
                 value.ptr);
        return BW_OK;
    }
    if (!base)
        return complain(r, value, "cannot inherit from");
    if (*any_role)
        return complain(r, value, "inherit has to stand before the first role:");
    memcpy(theme->look, base->look, sizeof(theme->look));
    return BW_OK;
}

bw_status bw_theme_parse(bw_theme *theme, bw_slice text, const char *file, const bw_theme *base,
                         bw_error *err)
{
    bw_theme result = {.name = ""};
    const char *slash = strrchr(file, '/');
    const char *stem = slash ? slash + 1 : file;
    snprintf(result.name, sizeof(result.name), "%.*s", (int)strcspn(stem, "."), stem);
    for (int i = 0; i < BW_ROLE_COUNT; i++)
        result.look[i] = (bw_look){BW_COLOUR_DEFAULT, BW_COLOUR_DEFAULT, 0};
    bool any_role = false;
    reader r = {.file = file, .err = err};
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.ptr) - at : text.len - at;
        r.text = (bw_slice){text.ptr + at, len};
        at += len + 1;
        r.line++;
        r.at = 0;
        if (r.text.len && r.text.ptr[r.text.len - 1] == '\r')
            r.text.len--;
        cut_comment(&r.text);
        bw_status status = parse_line(&r, &result, &any_role, base);
        if (status != BW_OK)
            return status;
    }
    *theme = result;
    return BW_OK;
}

/* The directories that are searched, the user's own first. */
typedef struct places {
    char user[4096];
    const char *const *dirs;
} places;

static places places_of(const char *const *dirs)
{
    places p = {.dirs = dirs};
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/')
        snprintf(p.user, sizeof(p.user), "%s/bridgewatch/themes", config);
    else if (home && home[0] == '/')
        snprintf(p.user, sizeof(p.user), "%s/.config/bridgewatch/themes", home);
    return p;
}

/* The n-th directory, NULL after the last. */
static const char *place(const places *p, size_t n)
{
    if (n == 0)
        return p->user;
    for (size_t i = 0; p->dirs && p->dirs[i]; i++) {
        if (i == n - 1)
            return p->dirs[i];
    }
    return NULL;
}

static bw_status read_file(const char *path, bw_buf *out, bw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return bw_error_errno(err, errno == ENOENT ? BW_NOT_FOUND : BW_IO, errno, "%s", path);
    bw_status status = BW_OK;
    for (;;) {
        ssize_t n = read(fd, bw_buf_reserve(out, 4096), 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = bw_error_errno(err, BW_IO, errno, "%s", path);
        if (n <= 0)
            break;
        out->len += (size_t)n;
        if (out->len > THEME_FILE_MAX) {
            status = bw_error_set(err, BW_INVALID, "%s: larger than a theme can be", path);
            break;
        }
    }
    close(fd);
    return status;
}

static bw_status not_found(const char *name, const char *const *dirs, bw_error *err)
{
    char **names, shown[96];
    size_t count = bw_theme_list(dirs, &names);
    const char *near = bw_nearest(name, (const char *const *)names, count), *dir;
    places p = places_of(dirs);
    bw_buf hint = BW_BUF_INIT;
    if (near)
        bw_buf_addf(&hint, "Did you mean %s? ", near);
    bw_buf_addf(&hint, "Looked for %s" SUFFIX " in ",
                bw_text_sanitise_to(shown, sizeof(shown), name));
    for (size_t i = 0; (dir = place(&p, i)) != NULL; i++) {
        if (dir[0])
            bw_buf_addf(&hint, "%s, ", dir);
    }
    bw_buf_adds(&hint, "and among the shipped ones:");
    for (size_t i = 0; i < bw_shipped_theme_count; i++)
        bw_buf_addf(&hint, "%s %s", i ? "," : "", bw_shipped_themes[i].name);
    bw_buf_addc(&hint, '.');
    (void)bw_error_set(err, BW_NOT_FOUND, "no theme is called %s", shown);
    bw_status status = bw_error_hint(err, "%s", bw_buf_cstr(&hint));
    bw_buf_fini(&hint);
    bw_theme_names_free(names, count);
    return status;
}

static bool find_shipped(const char *name, bw_buf *text)
{
    for (size_t i = 0; i < bw_shipped_theme_count; i++) {
        if (strcmp(bw_shipped_themes[i].name, name) == 0) {
            bw_buf_adds(text, bw_shipped_themes[i].text);
            return true;
        }
    }
    return false;
}

/* Finds and reads the file of a theme; *path is where it was. */
static bw_status find(const char *name, const char *const *dirs, char path[4200], bw_buf *text,
                      bw_error *err)
{
    if (strchr(name, '/')) {
        snprintf(path, 4200, "%s", name);
        return read_file(path, text, err);
    }
    places p = places_of(dirs);
    const char *dir;
    for (size_t i = 0; (dir = place(&p, i)) != NULL; i++) {
        snprintf(path, 4200, "%s/%.60s" SUFFIX, dir, name);
        if (access(path, F_OK) == 0)
            return read_file(path, text, err);
    }
    snprintf(path, 4200, "%.60s" SUFFIX, name);
    return find_shipped(name, text) ? BW_OK : not_found(name, dirs, err);
}

/* The name after `inherit =`, false when the file has none. */
static bool inherits(bw_slice text, char name[64])
{
    reader r = {.file = ""};
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.ptr) - at : text.len - at;
        r.text = (bw_slice){text.ptr + at, len};
        r.at = 0;
        at += len + 1;
        cut_comment(&r.text);
        bw_slice key = next_word(&r), sign = next_word(&r), value = next_word(&r);
        if (bw_slice_is(key, "inherit") && bw_slice_is(sign, "=") && value.len && value.len < 60 &&
            !memchr(value.ptr, '/', value.len)) {
            snprintf(name, 64, "%.*s", BW_SLICE_ARG(value));
            return true;
        }
    }
    return false;
}

static bw_status load(bw_theme *theme, const char *name, const char *const *dirs, int depth,
                      bw_error *err)
{
    char path[4200], parent[64];
    bw_buf text = BW_BUF_INIT;
    bw_theme base;
    bool has_base = false;
    bw_status status = find(name, dirs, path, &text, err);
    if (status == BW_OK && inherits(bw_buf_slice(&text), parent)) {
        if (depth == 0)
            status = bw_error_set(err, BW_INVALID, "%s: inherits in a circle", path);
        else
            status = load(&base, parent, dirs, depth - 1, err);
        if (status != BW_OK)
            bw_error_wrap(err, "%s inherits %s", path, parent);
        has_base = true;
    }
    if (status == BW_OK)
        status = bw_theme_parse(theme, bw_buf_slice(&text), path, has_base ? &base : NULL, err);
    bw_buf_fini(&text);
    return status;
}

bw_status bw_theme_load(bw_theme *theme, const char *name, const char *const *dirs, bw_error *err)
{
    if (name[0] == '\0')
        return bw_error_set(err, BW_INVALID, "a theme has to be named");
    return load(theme, name, dirs, INHERIT_DEPTH, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t bw_theme_list(const char *const *dirs, char ***names)
{
    char **list = NULL;
    size_t count = 0, cap = 0;
    places p = places_of(dirs);
    const char *dir;
    for (size_t i = 0; (dir = place(&p, i)) != NULL; i++) {
        DIR *d = dir[0] ? opendir(dir) : NULL;
        for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
            size_t len = strlen(e->d_name), suffix = strlen(SUFFIX);
            if (len <= suffix || strcmp(e->d_name + len - suffix, SUFFIX) != 0 ||
                e->d_name[0] == '.')
                continue;
            BW_GROW(list, count + 1, cap);
            list[count++] = bw_xstrndup(e->d_name, len - suffix);
        }
        if (d)
            closedir(d);
    }
    for (size_t i = 0; i < bw_shipped_theme_count; i++) {
        BW_GROW(list, count + 1, cap);
        list[count++] = bw_xstrdup(bw_shipped_themes[i].name);
    }
    if (count > 1)
        qsort(list, count, sizeof(*list), by_name);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && strcmp(list[kept - 1], list[i]) == 0)
            free(list[i]);
        else
            list[kept++] = list[i];
    }
    *names = list;
    return kept;
}

void bw_theme_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}
