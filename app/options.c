#include "app/options.h"

#include <stdio.h>

#include "app/command.h"
#include "backend/core/text.h"

#define MAX_NAMES 64

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

static const bw_cli_option globals[] = {
    {.name = "config",
     .letter = 'c',
     .arg = "FILE",
     .help = "the configuration to read instead of the one that is found"},
    {.name = "profile",
     .arg = "NAME",
     .help = "lay this profile of the configuration over the rest"},
    {.name = "read-only",
     .help = "refuse every command that changes something; runs of the schedule go on",
     .setting = "read_only",
     .value = "true"},
    {.name = "theme",
     .arg = "NAME",
     .help = "the theme's name, or the path of a theme file",
     .setting = "ui.theme"},
    {.name = "ascii",
     .help = "draw with ASCII characters only",
     .setting = "ui.ascii",
     .value = "true"},
    {.name = "plain",
     .help = "no borders, graphs or animation, for screen readers",
     .setting = "ui.plain",
     .value = "true"},
    {.name = "log-level",
     .arg = "LEVEL",
     .help = "the least severe log lines: error, warn, info or debug",
     .type = BW_SETTING_ENUM,
     .choices = log_levels,
     .setting = "log.level"},
    {.name = "no-mouse",
     .help = "leave the mouse to the terminal",
     .setting = "ui.mouse",
     .value = "false"},
    {.name = "help", .letter = 'h', .help = "explain the program, or the command"},
    {.name = "version", .letter = 'V', .help = "print the version"},
};

const bw_cli_option *bw_cli_globals(size_t *count)
{
    *count = BW_COUNT(globals);
    return globals;
}

/* ---- reading a line ---- */

typedef struct cli_parser {
    const bw_cli_command *const *commands;
    size_t n_commands;
    int argc, at; /* at: the word that is read next */
    char *const *argv;
    bw_cli_line *line;
    bw_cli_given *given;
    const char **args;
    bw_error *err;
} cli_parser;

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static const bw_cli_option *by_name(const bw_cli_option *options, size_t n, bw_slice name)
{
    for (size_t i = 0; i < n; i++)
        if (bw_slice_is(name, options[i].name))
            return &options[i];
    return NULL;
}

static const bw_cli_option *by_letter(const bw_cli_option *options, size_t n, char letter)
{
    for (size_t i = 0; i < n; i++)
        if (options[i].letter && options[i].letter == letter)
            return &options[i];
    return NULL;
}

static const bw_cli_command *command_named(const cli_parser *p, const char *name)
{
    for (size_t i = 0; i < p->n_commands; i++)
        if (strcmp(p->commands[i]->name, name) == 0)
            return p->commands[i];
    return NULL;
}

static const char *near_option(const bw_cli_command *c, const char *name)
{
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (size_t i = 0; c && i < c->n_options && n < MAX_NAMES; i++)
        if (!c->options[i].hidden)
            names[n++] = c->options[i].name;
    for (size_t i = 0; i < BW_COUNT(globals) && n < MAX_NAMES; i++)
        names[n++] = globals[i].name;
    return bw_nearest(name, names, n);
}

/* The command that has such an option, for one that stands before it or beside a wrong one. */
static const bw_cli_command *owner_of(const cli_parser *p, bw_slice name)
{
    for (size_t i = 0; i < p->n_commands; i++)
        if (by_name(p->commands[i]->options, p->commands[i]->n_options, name))
            return p->commands[i];
    return NULL;
}

static bw_status unknown_option(const cli_parser *p, const char *word, bw_slice name)
{
    const bw_cli_command *c = p->line->command, *owner = owner_of(p, name);
    char plain[64];
    snprintf(plain, sizeof(plain), "%.*s", BW_SLICE_ARG(name));
    const char *near = near_option(c, plain);
    bw_error_set(p->err, BW_INVALID, "%s%sunknown option %s", c ? c->name : "", c ? ": " : "",
                 word);
    if (!c && owner)
        return bw_error_hint(p->err, "Write --%s after the command that it belongs to.", plain);
    if (near)
        return bw_error_hint(p->err, "Did you mean --%s?", near);
    return bw_error_hint(p->err, "`bridgewatch help%s%s` lists the options.", c ? " " : "",
                         c ? c->name : "");
}

static bw_status unknown_command(const cli_parser *p, const char *word)
{
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (size_t i = 0; i < p->n_commands && n < MAX_NAMES; i++)
        names[n++] = p->commands[i]->name;
    const char *near = bw_nearest(word, names, n);
    bw_error_set(p->err, BW_INVALID, "unknown command %s", word);
    if (near)
        return bw_error_hint(p->err, "Did you mean %s?", near);
    return bw_error_hint(p->err, "`bridgewatch help` lists the commands.");
}

/* As a setting, so that an option's value is read and described like one. */
static bw_setting as_setting(const bw_cli_option *o)
{
    return (bw_setting){
        .path = o->name, .type = o->type, .min = o->min, .max = o->max, .choices = o->choices};
}

static bool is_choice(const bw_cli_option *o, const char *value)
{
    for (size_t i = 0; o->choices[i]; i++)
        if (strcmp(o->choices[i], value) == 0)
            return true;
    return false;
}

static bw_status check_value(const cli_parser *p, const bw_cli_option *o, const char *value)
{
    bw_setting s = as_setting(o);
    int64_t number;
    if (o->type == BW_SETTING_STRING ||
        (o->type == BW_SETTING_ENUM ? is_choice(o, value)
                                    : bw_setting_parse_number(&s, bw_slice_cstr(value), &number)))
        return BW_OK;
    bw_buf want = BW_BUF_INIT;
    bw_setting_describe(&s, &want);
    bw_error_set(p->err, BW_INVALID, "--%s must be %s, not %s", o->name, bw_buf_cstr(&want), value);
    bw_buf_fini(&want);
    return BW_INVALID;
}

static bw_status add_given(cli_parser *p, const bw_cli_option *o, const char *value)
{
    if (value) {
        bw_status s = check_value(p, o, value);
        if (s != BW_OK)
            return s;
    }
    p->given[p->line->n_given++] = (bw_cli_given){o, value};
    return BW_OK;
}

/* An option whose word has been read; `attached` is what stood after = or the letter. */
static bw_status take_option(cli_parser *p, const bw_cli_option *o, const char *attached)
{
    bw_status s;
    if (!o->arg) {
        if (attached)
            return bw_error_set(p->err, BW_INVALID, "--%s takes no value", o->name);
        return add_given(p, o, NULL);
    }
    if (attached)
        return add_given(p, o, attached);
    if (p->at >= p->argc) {
        bw_error_set(p->err, BW_INVALID, "--%s needs a value", o->name);
        return bw_error_hint(p->err, "Write --%s %s.", o->name, o->arg);
    }
    s = add_given(p, o, p->argv[p->at++]);
    while (s == BW_OK && o->many && p->at < p->argc && !is_option(p->argv[p->at]))
        s = add_given(p, o, p->argv[p->at++]);
    return s;
}

static const bw_cli_option *find_option(const cli_parser *p, bw_slice name, char letter)
{
    const bw_cli_command *c = p->line->command;
    const bw_cli_option *o = NULL;
    if (c)
        o = letter ? by_letter(c->options, c->n_options, letter)
                   : by_name(c->options, c->n_options, name);
    if (!o)
        o = letter ? by_letter(globals, BW_COUNT(globals), letter)
                   : by_name(globals, BW_COUNT(globals), name);
    return o;
}

static bw_status read_option(cli_parser *p, const char *word)
{
    bw_slice name = {word + 2, strcspn(word + 2, "=")};
    const char *attached = name.ptr[name.len] == '=' ? name.ptr + name.len + 1 : NULL;
    char letter = '\0';
    if (word[1] != '-') {
        letter = word[1];
        name = (bw_slice){word + 1, 1};
        attached = word[2] ? word + 2 : NULL;
    }
    const bw_cli_option *o = find_option(p, name, letter);
    return o ? take_option(p, o, attached) : unknown_option(p, word, name);
}

static bw_status read_words(cli_parser *p)
{
    bool options = true;
    while (p->at < p->argc) {
        const char *word = p->argv[p->at++];
        bw_status s = BW_OK;
        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (options && is_option(word))
            s = read_option(p, word);
        else if (p->line->command)
            p->args[p->line->n_args++] = word;
        else if (!(p->line->command = command_named(p, word)))
            s = unknown_command(p, word);
        if (s != BW_OK)
            return s;
    }
    return BW_OK;
}

static bw_status check_args(const cli_parser *p)
{
    const bw_cli_command *c = p->line->command;
    if (p->line->n_args < c->min_args)
        bw_error_set(p->err, BW_INVALID, "%s: an argument is missing", c->name);
    else if (p->line->n_args > c->max_args)
        bw_error_set(p->err, BW_INVALID, "%s: %s is one argument too many", c->name,
                     p->line->args[c->max_args]);
    else
        return BW_OK;
    return bw_error_hint(p->err, "Usage: bridgewatch %s%s%s", c->name, c->args[0] ? " " : "",
                         c->args);
}

bw_status bw_cli_parse(const bw_cli_command *const *commands, size_t n_commands,
                       const char *fallback, int argc, char *const *argv, bw_arena *arena,
                       bw_cli_line *out, bw_error *err)
{
    size_t room = argc > 0 ? (size_t)argc : 1;
    cli_parser p = {.commands = commands,
                    .n_commands = n_commands,
                    .argc = argc,
                    .at = 1,
                    .argv = argv,
                    .line = out,
                    .given = BW_ARENA_ARRAY(arena, bw_cli_given, room),
                    .args = BW_ARENA_ARRAY(arena, const char *, room),
                    .err = err};
    *out = (bw_cli_line){.given = p.given, .args = p.args};
    bw_status s = read_words(&p);
    if (s != BW_OK)
        return s;
    out->help = bw_cli_has(out, "help");
    out->version = bw_cli_has(out, "version");
    bool named = out->command != NULL;
    if (!named)
        out->command = command_named(&p, fallback);
    if (out->help || out->version)
        return BW_OK;
    if (!out->command)
        return unknown_command(&p, fallback);
    return check_args(&p);
}

/* ---- what was given ---- */

const char *bw_cli_nth(const bw_cli_line *line, const char *name, size_t n)
{
    for (size_t i = 0; i < line->n_given; i++)
        if (strcmp(line->given[i].option->name, name) == 0 && n-- == 0)
            return line->given[i].value;
    return NULL;
}

static const bw_cli_given *last_given(const bw_cli_line *line, const char *name)
{
    for (size_t i = line->n_given; i > 0; i--)
        if (strcmp(line->given[i - 1].option->name, name) == 0)
            return &line->given[i - 1];
    return NULL;
}

bool bw_cli_has(const bw_cli_line *line, const char *name)
{
    return last_given(line, name) != NULL;
}

const char *bw_cli_value(const bw_cli_line *line, const char *name)
{
    const bw_cli_given *g = last_given(line, name);
    return g ? g->value : NULL;
}

int64_t bw_cli_number(const bw_cli_line *line, const char *name, int64_t absent)
{
    const bw_cli_given *g = last_given(line, name);
    int64_t number = absent;
    if (g && g->value) {
        bw_setting s = as_setting(g->option);
        if (!bw_setting_parse_number(&s, bw_slice_cstr(g->value), &number))
            return absent;
    }
    return number;
}
