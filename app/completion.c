#include "app/completion.h"

#include "app/command.h"

/* ---- what every shell needs ---- */

static void add_names(const bw_cli_option *options, size_t n, bw_buf *out)
{
    for (size_t i = 0; i < n; i++)
        if (!options[i].hidden)
            bw_buf_addf(out, "%s--%s", out->len > 0 ? " " : "", options[i].name);
}

static void add_words(const char *const *words, bw_buf *out)
{
    for (size_t i = 0; words && words[i]; i++)
        bw_buf_addf(out, "%s%s", i > 0 ? " " : "", words[i]);
}

static void add_command_names(bw_buf *out)
{
    size_t n;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        bw_buf_addf(out, "%s%s", i > 0 ? " " : "", commands[i]->name);
}

/* What the first argument of a command may be: its own words, for help the commands. */
static void add_argument_words(const bw_cli_command *c, bw_buf *out)
{
    if (strcmp(c->name, "help") == 0)
        add_command_names(out);
    else
        add_words(c->words, out);
}

/* Prints the names of the syncs, quickly and without a word where there are none. */
#define LIST_SYNCS "status --names 2>/dev/null"

static bool takes_syncs(const bw_cli_command *c)
{
    return strstr(c->args, "SYNC...") != NULL;
}

static bool takes_file(const bw_cli_option *o)
{
    return o->arg && (strcmp(o->arg, "FILE") == 0 || strcmp(o->arg, "DIR") == 0);
}

/* In single quotes, for all three shells. */
static void add_quoted(const char *s, bw_buf *out)
{
    bw_buf_addc(out, '\'');
    for (; *s; s++)
        bw_buf_adds(out, *s == '\'' ? "'\\''" : (char[]){*s, '\0'});
    bw_buf_addc(out, '\'');
}

/* ---- bash ---- */

/* A case of the word before the one that is completed: an option that takes a value. */
static void add_bash_value(const bw_cli_option *o, bw_buf *out)
{
    if (!o->arg || o->hidden || (!takes_file(o) && !o->choices))
        return;
    bw_buf_adds(out, "    ");
    if (o->letter)
        bw_buf_addf(out, "-%c | ", o->letter);
    bw_buf_addf(out, "--%s)\n", o->name);
    if (takes_file(o)) {
        bw_buf_adds(out, "        COMPREPLY=($(compgen -f -- \"$word\"))\n");
    } else {
        bw_buf_adds(out, "        COMPREPLY=($(compgen -W '");
        add_words(o->choices, out);
        bw_buf_adds(out, "' -- \"$word\"))\n");
    }
    bw_buf_adds(out, "        return\n        ;;\n");
}

static void bash(bw_buf *out)
{
    size_t n, n_globals;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    const bw_cli_option *globals = bw_cli_globals(&n_globals);
    bw_buf words = BW_BUF_INIT;
    bw_buf_adds(out,
                "# bash completion for bridgewatch: source it, or put it into\n"
                "# ~/.local/share/bash-completion/completions/bridgewatch\n"
                "_bridgewatch()\n{\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                "    local command='' i options arguments='' syncs='' config=()\n"
                "    COMPREPLY=()\n"
                "    case $before in\n");
    for (size_t i = 0; i < n_globals; i++)
        add_bash_value(&globals[i], out);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < commands[i]->n_options; k++)
            add_bash_value(&commands[i]->options[k], out);
    bw_buf_adds(out, "    esac\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in\n"
                     "        -c | --config) config+=(-c \"${COMP_WORDS[i + 1]}\"); ((i++)) ;;\n"
                     "        --profile) config+=(--profile \"${COMP_WORDS[i + 1]}\"); ((i++)) ;;\n"
                     "        --theme | --log-level) ((i++)) ;;\n"
                     "        -*) ;;\n"
                     "        *) [[ $command ]] || command=${COMP_WORDS[i]} ;;\n"
                     "        esac\n"
                     "    done\n");
    add_names(globals, n_globals, &words);
    bw_buf_addf(out, "    options='%s'\n    case $command in\n    '') arguments='",
                bw_buf_cstr(&words));
    add_command_names(out);
    bw_buf_adds(out, "' ;;\n");
    for (size_t i = 0; i < n; i++) {
        bw_buf_clear(&words);
        add_names(commands[i]->options, commands[i]->n_options, &words);
        bw_buf_addf(out, "    %s) options+=' %s' arguments='", commands[i]->name,
                    bw_buf_cstr(&words));
        add_argument_words(commands[i], out);
        bw_buf_addc(out, '\'');
        if (takes_syncs(commands[i]))
            bw_buf_adds(out, " syncs=1");
        bw_buf_adds(out, " ;;\n");
    }
    bw_buf_adds(out,
                "    esac\n"
                "    if [[ $word == -* ]]; then\n"
                "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
                "    else\n"
                "        [[ $syncs ]] && arguments+=\" $(bridgewatch \"${config[@]}\" " LIST_SYNCS
                ")\"\n"
                "        COMPREPLY=($(compgen -W \"$arguments\" -- \"$word\"))\n"
                "    fi\n"
                "}\n"
                "complete -F _bridgewatch bridgewatch\n");
    bw_buf_fini(&words);
}

/* ---- zsh ---- */

/* Within an _arguments specification, [ ] and : have a meaning. */
static void add_zsh_text(const char *s, bw_buf *out)
{
    for (; *s; s++) {
        if (strchr("[]:\\", *s))
            bw_buf_addc(out, '\\');
        bw_buf_adds(out, *s == '\'' ? "'\\''" : (char[]){*s, '\0'});
    }
}

static void add_zsh_option(const bw_cli_option *o, bw_buf *out)
{
    if (o->hidden)
        return;
    if (o->letter)
        bw_buf_addf(out, " \\\n        '(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter,
                    o->name);
    else
        bw_buf_addf(out, " \\\n        '%s--%s[", o->many ? "*" : "", o->name);
    add_zsh_text(o->help, out);
    bw_buf_addc(out, ']');
    if (o->arg) {
        bw_buf_addf(out, ":%s:", o->arg);
        if (takes_file(o))
            bw_buf_adds(out, "_files");
        if (o->choices) {
            bw_buf_addc(out, '(');
            add_words(o->choices, out);
            bw_buf_addc(out, ')');
        }
    }
    bw_buf_addc(out, '\'');
}

static void add_zsh_command(const bw_cli_command *c, bw_buf *out)
{
    bw_buf words = BW_BUF_INIT;
    add_argument_words(c, &words);
    bw_buf_addf(out, "    %s)\n        _arguments $globals", c->name);
    for (size_t i = 0; i < c->n_options; i++)
        add_zsh_option(&c->options[i], out);
    if (words.len > 0)
        bw_buf_addf(out, " \\\n        '1:argument:(%s)'", bw_buf_cstr(&words));
    if (takes_syncs(c))
        bw_buf_adds(out,
                    " \\\n        '*:sync:{compadd -- ${(f)\"$(bridgewatch " LIST_SYNCS ")\"}}'");
    bw_buf_adds(out, "\n        ;;\n");
    bw_buf_fini(&words);
}

static void zsh(bw_buf *out)
{
    size_t n, n_globals;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    const bw_cli_option *globals = bw_cli_globals(&n_globals);
    bw_buf_adds(out, "#compdef bridgewatch\n"
                     "# zsh completion for bridgewatch: put it as _bridgewatch into a directory of "
                     "$fpath\n"
                     "_bridgewatch()\n{\n"
                     "    local context state line curcontext=$curcontext\n"
                     "    local -a globals commands\n"
                     "    globals=(");
    for (size_t i = 0; i < n_globals; i++)
        add_zsh_option(&globals[i], out);
    bw_buf_adds(out, ")\n    commands=(");
    for (size_t i = 0; i < n; i++) {
        bw_buf_addf(out, "\n        '%s:", commands[i]->name);
        add_zsh_text(commands[i]->help, out);
        bw_buf_addc(out, '\'');
    }
    bw_buf_adds(out, ")\n"
                     "    _arguments -C $globals '1: :->command' '*:: :->arguments'\n"
                     "    if [[ $state == command ]]; then\n"
                     "        _describe command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    case $line[1] in\n");
    for (size_t i = 0; i < n; i++)
        add_zsh_command(commands[i], out);
    bw_buf_adds(out, "    esac\n}\n"
                     "if [[ $funcstack[1] == _bridgewatch ]]; then\n"
                     "    _bridgewatch \"$@\"\n"
                     "else\n"
                     "    compdef _bridgewatch bridgewatch\n"
                     "fi\n");
}

/* ---- fish ---- */

static void add_fish_option(const char *condition, const bw_cli_option *o, bw_buf *out)
{
    if (o->hidden)
        return;
    bw_buf_addf(out, "complete -c bridgewatch%s -l %s", condition, o->name);
    if (o->letter)
        bw_buf_addf(out, " -s %c", o->letter);
    if (o->arg)
        bw_buf_adds(out, takes_file(o) ? " -r -F" : " -x");
    if (o->choices) {
        bw_buf_adds(out, " -a '");
        add_words(o->choices, out);
        bw_buf_addc(out, '\'');
    }
    bw_buf_adds(out, " -d ");
    add_quoted(o->help, out);
    bw_buf_addc(out, '\n');
}

static void fish(bw_buf *out)
{
    size_t n, n_globals;
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    const bw_cli_option *globals = bw_cli_globals(&n_globals);
    bw_buf condition = BW_BUF_INIT, words = BW_BUF_INIT;
    bw_buf_adds(out, "# fish completion for bridgewatch: put it into "
                     "~/.config/fish/completions/bridgewatch.fish\n"
                     "complete -c bridgewatch -f\n");
    for (size_t i = 0; i < n_globals; i++)
        add_fish_option("", &globals[i], out);
    for (size_t i = 0; i < n; i++) {
        const bw_cli_command *c = commands[i];
        bw_buf_addf(out, "complete -c bridgewatch -n __fish_use_subcommand -a %s -d ", c->name);
        add_quoted(c->help, out);
        bw_buf_addc(out, '\n');
        bw_buf_clear(&condition);
        bw_buf_addf(&condition, " -n '__fish_seen_subcommand_from %s'", c->name);
        bw_buf_cstr(&condition);
        for (size_t k = 0; k < c->n_options; k++)
            add_fish_option(condition.ptr, &c->options[k], out);
        bw_buf_clear(&words);
        add_argument_words(c, &words);
        if (words.len > 0)
            bw_buf_addf(out, "complete -c bridgewatch%s -a '%s'\n", condition.ptr,
                        bw_buf_cstr(&words));
        if (takes_syncs(c))
            bw_buf_addf(out, "complete -c bridgewatch%s -a '(bridgewatch " LIST_SYNCS ")'\n",
                        condition.ptr);
    }
    bw_buf_fini(&condition);
    bw_buf_fini(&words);
}

/* ---- the table ---- */

const char *const bw_completion_shells[] = {"bash", "zsh", "fish", NULL};

bool bw_completion_script(const char *shell, bw_buf *out)
{
    static void (*const writers[])(bw_buf *) = {bash, zsh, fish};
    for (size_t i = 0; bw_completion_shells[i]; i++) {
        if (strcmp(shell, bw_completion_shells[i]) != 0)
            continue;
        writers[i](out);
        return true;
    }
    return false;
}
