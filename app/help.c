#include "app/help.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 80
/* Where explanations begin; a longer term puts its explanation on the next line. */
#define COLUMN 26

void bw_help_wrap(const char *text, size_t indent, size_t at, size_t width, bw_buf *out)
{
    bool first = true;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");
        if (!first && at + 1 + n > width) {
            bw_buf_addf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            bw_buf_addc(out, ' ');
            at++;
        }
        bw_buf_add(out, p, n);
        at += n;
        first = false;
        p += n + strspn(p + n, " ");
    }
}

void bw_help_option_term(const bw_cli_option *option, bw_buf *out)
{
    if (option->letter)
        bw_buf_addf(out, "-%c, ", option->letter);
    bw_buf_addf(out, "--%s", option->name);
    if (option->arg)
        bw_buf_addf(out, " %s%s", option->arg, option->many ? "..." : "");
}

void bw_help_usage(const bw_cli_command *command, bw_buf *out)
{
    bw_buf_addf(out, "bridgewatch %s", command->name);
    if (command->args[0])
        bw_buf_addf(out, " %s", command->args);
    for (size_t i = 0; i < command->n_options; i++) {
        const bw_cli_option *o = &command->options[i];
        if (o->hidden)
            continue;
        bw_buf_addf(out, " [--%s", o->name);
        if (o->arg)
            bw_buf_addf(out, " %s%s", o->arg, o->many ? "..." : "");
        bw_buf_addc(out, ']');
    }
}

/* One term and its explanation, a sentence without its capital and full stop. */
static void add_item(const char *term, const char *help, bw_buf *out)
{
    size_t n = strlen(term);
    bw_buf_addf(out, "  %s", term);
    if (n + 4 > COLUMN)
        bw_buf_addf(out, "\n%*s", COLUMN, "");
    else
        bw_buf_addf(out, "%*s", (int)(COLUMN - 2 - n), "");
    bw_help_wrap(help, COLUMN, COLUMN, WIDTH, out);
    bw_buf_addc(out, '\n');
}

static void add_options(const bw_cli_option *options, size_t n, bw_buf *out)
{
    bw_buf term = BW_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        if (options[i].hidden)
            continue;
        bw_buf_clear(&term);
        /* Those without a letter line up behind those with one. */
        if (!options[i].letter)
            bw_buf_adds(&term, "    ");
        bw_help_option_term(&options[i], &term);
        add_item(bw_buf_cstr(&term), options[i].help, out);
    }
    bw_buf_fini(&term);
}

static void add_command_help(const bw_cli_command *c, bw_buf *out)
{
    bw_buf usage = BW_BUF_INIT;
    bw_help_usage(c, &usage);
    bw_buf_adds(out, "usage: ");
    bw_help_wrap(bw_buf_cstr(&usage), 11, 7, WIDTH, out);
    bw_buf_adds(out, "\n\n");
    bw_buf_fini(&usage);
    size_t from = out->len;
    bw_help_wrap(c->help, 0, 0, WIDTH, out);
    if (out->ptr[from] >= 'a' && out->ptr[from] <= 'z')
        out->ptr[from] = (char)(out->ptr[from] - 'a' + 'A');
    bw_buf_adds(out, ".\n");
    for (const char *p = c->details; p && *p;) {
        size_t n = strcspn(p, "\n");
        char *paragraph = bw_xstrndup(p, n);
        bw_buf_addc(out, '\n');
        bw_help_wrap(paragraph, 0, 0, WIDTH, out);
        bw_buf_addc(out, '\n');
        free(paragraph);
        p += n + (p[n] == '\n');
    }
    size_t before = out->len;
    bw_buf_adds(out, "\nOptions:\n");
    size_t heading = out->len;
    add_options(c->options, c->n_options, out);
    if (out->len == heading)
        out->len = before;
    bw_buf_adds(out, "\n`bridgewatch help` lists the options that every command has.\n");
}

static void add_program_help(bw_buf *out)
{
    size_t n;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    bw_buf term = BW_BUF_INIT;
    bw_help_wrap(BW_HELP_SUMMARY, 0, 0, WIDTH, out);
    bw_buf_adds(out, "\n\nusage: bridgewatch [OPTION...] [COMMAND [ARGUMENT...]]\n\nCommands:\n");
    for (size_t i = 0; i < n; i++) {
        bw_buf_clear(&term);
        bw_buf_addf(&term, "%s%s%s", commands[i]->name, commands[i]->args[0] ? " " : "",
                    commands[i]->args);
        add_item(bw_buf_cstr(&term), commands[i]->help, out);
    }
    bw_buf_fini(&term);
    bw_buf_adds(out, "\nOptions, before or after the command:\n");
    const bw_cli_option *globals = bw_cli_globals(&n);
    add_options(globals, n, out);
    bw_buf_adds(out,
                "\n`bridgewatch help COMMAND` says more about a command; the manual pages are\n"
                "bridgewatch(1) and bridgewatch.yaml(5).\n");
}

void bw_help_print(const bw_cli_command *command, FILE *out)
{
    bw_buf text = BW_BUF_INIT;
    if (command)
        add_command_help(command, &text);
    else
        add_program_help(&text);
    fputs(bw_buf_cstr(&text), out);
    bw_buf_fini(&text);
}
