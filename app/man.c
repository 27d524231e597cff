#include "app/man.h"

#include <stdlib.h>
#include <string.h>

#include "app/help.h"
#include "backend/core/clock.h"
#include "views/console.h"

/* Text as roff shows it unchanged. */
static void add_text(const char *s, bw_buf *out)
{
    bool line_start = out->len == 0 || out->ptr[out->len - 1] == '\n';
    for (; *s; s++) {
        if (line_start && (*s == '.' || *s == '\''))
            bw_buf_adds(out, "\\&");
        line_start = *s == '\n';
        switch (*s) {
        case '\\':
            bw_buf_adds(out, "\\e");
            break;
        case '-':
            bw_buf_adds(out, "\\-");
            break;
        case '`':
            bw_buf_adds(out, "\\`");
            break;
        case '^':
            bw_buf_adds(out, "\\(ha");
            break;
        case '~':
            bw_buf_adds(out, "\\(ti");
            break;
        default:
            bw_buf_addc(out, *s);
        }
    }
}

/* A help text as a sentence: capital, full stop. */
static void add_sentence(const char *s, bw_buf *out)
{
    size_t from = out->len, n = strlen(s);
    add_text(s, out);
    if (n > 0 && out->ptr[from] >= 'a' && out->ptr[from] <= 'z')
        out->ptr[from] = (char)(out->ptr[from] - 'a' + 'A');
    bw_buf_adds(out, n > 0 && s[n - 1] == '.' ? "\n" : ".\n");
}

static void add_paragraphs(const char *s, bw_buf *out)
{
    while (s && *s) {
        size_t n = strcspn(s, "\n");
        char *paragraph = bw_xstrndup(s, n);
        bw_buf_adds(out, ".PP\n");
        add_text(paragraph, out);
        bw_buf_addc(out, '\n');
        free(paragraph);
        s += n + (s[n] == '\n');
    }
}

static void add_term(const char *term, bw_buf *out)
{
    bw_buf_adds(out, ".TP\n.B ");
    add_text(term, out);
    bw_buf_addc(out, '\n');
}

static void add_title(const char *page, const char *section, bw_buf *out)
{
    bw_buf_adds(out, ".\\\" Written by `bridgewatch help --man`: do not edit.\n");
    bw_buf_addf(out, ".TH %s %s \"\" \"bridgewatch " BW_VERSION "\" \"bridgewatch\"\n.nh\n.ad l\n",
                page, section);
}

/* Items of fixed tables below. */
typedef struct item {
    const char *term, *text;
} item;

static void add_items(const char *heading, const item *items, size_t n, bw_buf *out)
{
    bw_buf_addf(out, ".SH %s\n", heading);
    for (size_t i = 0; i < n; i++) {
        add_term(items[i].term, out);
        add_text(items[i].text, out);
        bw_buf_addc(out, '\n');
    }
}

/* ---- bridgewatch(1) ---- */

static const item documents[] = {
    {"--json",
     "One document on standard output; the log goes to standard error. Times are RFC 3339 in UTC, "
     "what ends in _s is seconds, and what is not known is null, never 0. Members may be added."},
    {"run --once",
     "{ok, syncs: [{sync, mode, state (ok, failed, skipped), rows_read, rows_loaded, rows_present, "
     "dead_letters, bytes_uploaded, batches, duration_s, checkpoint, error: {message, hint} or "
     "null}]}. What is paused or parked is left out; the log says so."},
    {"check",
     "{ok, checks: [{what, ok, note, message, hint}]}; note is true for what is worth knowing "
     "and not wrong."},
    {"status",
     "{engine: {state, version, started_at}, syncs: [{sync, source, target, mode, state, health, "
     "activity, freshness (0 to 100), lag_s, last_success_at, next_run_at, slowed, rows_per_s, "
     "rows_total, dead_letters, checkpoint, error}], dead_letters: {open, remote}}"},
    {"sync, pause, resume, dlq edit, cancel, discard", "{ok, message, hint}"},
    {"dlq list, dlq show",
     "{dead_letters: [{id, sync, key, event_id, contradicts, reason, column, detail, "
     "attempts, state, first_seen_at, last_seen_at, attributes, content}]}; key is a text that "
     "holds JSON. Content "
     "that is no text is in content_base64, and content is null. dlq export writes the same, one "
     "letter per line."},
    {"dlq replay",
     "{ok, message, hint, counts: {replayed, refused, gone, open}, letters: [{id, outcome, "
     "reason, detail}]}, the letters being those that were not replayed. With --dry-run "
     "{dry_run: true, letters: [{id, outcome, detail, done_already, before, after}], counts}."},
    {"audit", "{audit: [{id, at, who, action, subject, detail, hash}]}"},
    {"audit verify", "{ok, entries, newest}; newest is the newest entry's hash."},
    {"provision --format json",
     "{ok, resources: [{kind, name, for, action, changes, note, hint, done, error}], notes}; done "
     "is null where nothing was to be done."},
};

static const item exit_statuses[] = {
    {"0", "All is well. Dead letters within max_dead_letters are well."},
    {"1", "Something that was asked for failed."},
    {"2", "Usage or configuration; no terminal for the console; another engine on the same state."},
    {"3", "Interrupted: SIGINT, or any ending signal under --once. SIGTERM on run is a clean stop, "
          "0."},
};

static const item environment[] = {
    {"BRIDGEWATCH_CONFIG", "The configuration to read, unless -c names one."},
    {"XDG_CONFIG_HOME, XDG_STATE_HOME", "Where the user's configuration and the state are kept; "
                                        "~/.config and ~/.local/state by default."},
    {"GOOGLE_APPLICATION_CREDENTIALS, GOOGLE_CLOUD_PROJECT, GCE_METADATA_HOST",
     "As for Google's own clients."},
    {"BIGQUERY_EMULATOR_HOST, PUBSUB_EMULATOR_HOST, DATASTORE_EMULATOR_HOST",
     "Use an emulator; without credentials in the configuration none are used."},
    {"PGHOST, PGPORT, PGUSER, PGPASSWORD, ...",
     "As for PostgreSQL's own programs, where a source does not say otherwise."},
    {"NO_COLOR", "No colours when set to anything."},
    {"TZ", "The time zone of cron schedules and of the clocks on the screen."},
};

static const item files[] = {
    {"./bridgewatch.yaml, $XDG_CONFIG_HOME/bridgewatch/bridgewatch.yaml",
     "The configuration, see bridgewatch.yaml(5)."},
    {"$XDG_CONFIG_HOME/bridgewatch/themes/*.theme",
     "The user's own themes; those that come with the program are part of it."},
    {"$XDG_STATE_HOME/bridgewatch",
     "Checkpoints, dead letters, history, the log and how the console's lists are arranged "
     "(console.layout), where state_dir does not say otherwise."},
};

static void add_option_items(const bw_cli_option *options, size_t n, bw_buf *out)
{
    bw_buf term = BW_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        if (options[i].hidden)
            continue;
        bw_buf_clear(&term);
        bw_help_option_term(&options[i], &term);
        add_term(bw_buf_cstr(&term), out);
        add_sentence(options[i].help, out);
    }
    bw_buf_fini(&term);
}

static void add_command(const bw_cli_command *c, bw_buf *out)
{
    bw_buf usage = BW_BUF_INIT;
    bw_help_usage(c, &usage);
    bw_buf_adds(out, ".SS ");
    add_text(c->name, out);
    bw_buf_adds(out, "\n.B ");
    add_text(bw_buf_cstr(&usage), out);
    bw_buf_adds(out, "\n.PP\n");
    add_sentence(c->help, out);
    bw_buf_fini(&usage);
    add_paragraphs(c->details, out);
    add_option_items(c->options, c->n_options, out);
}

/* The console's keys, from the same table as its footer, help and command line. */
static void add_keys(bw_buf *out)
{
    bw_error err = BW_ERROR_INIT;
    bw_console_options defaults = {.clock = bw_clock_system(), .refresh_us = BW_SECOND};
    bw_console *console;
    bw_buf_adds(out, ".SH KEYS\nAfter : every action can be typed by its name, and Tab completes "
                     "it. The setting ui.keys gives an action other keys.\n");
    if (bw_console_new(&defaults, &console, &err) != BW_OK)
        return; /* the tables contradict themselves: every test of the console fails on that */
    const char *titles[BW_SCREEN_COUNT];
    for (size_t i = 0; i < BW_SCREEN_COUNT; i++)
        titles[i] = bw_view_classes[i]->title;
    bw_action_set_man(bw_console_actions(console), titles, BW_SCREEN_COUNT, out);
    bw_console_free(console);
}

void bw_man_program(bw_buf *out)
{
    size_t n;
    add_title("BRIDGEWATCH", "1", out);
    bw_buf_adds(out, ".SH NAME\nbridgewatch \\- a console for data syncs, with the engine in it\n"
                     ".SH SYNOPSIS\n.B bridgewatch\n[\\fIOPTION\\fR...] [\\fICOMMAND\\fR "
                     "[\\fIARGUMENT\\fR...]]\n.SH DESCRIPTION\n");
    add_text(BW_HELP_SUMMARY, out);
    bw_buf_adds(out, "\n.SH OPTIONS\nThey stand before or after the command.\n");
    const bw_cli_option *globals = bw_cli_globals(&n);
    add_option_items(globals, n, out);
    bw_buf_adds(out, ".SH COMMANDS\n");
    const bw_cli_command *const *commands = bw_cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        add_command(commands[i], out);
    add_keys(out);
    add_items("JSON", documents, BW_COUNT(documents), out);
    add_items("EXIT STATUS", exit_statuses, BW_COUNT(exit_statuses), out);
    add_items("ENVIRONMENT", environment, BW_COUNT(environment), out);
    add_items("FILES", files, BW_COUNT(files), out);
    bw_buf_adds(out, ".SH SEE ALSO\n.BR bridgewatch.yaml (5)\n");
}

/* ---- bridgewatch.yaml(5) ---- */

static const char description[] =
    "The configuration is one YAML document of at most 1 MiB. It is read from the file that -c "
    "names, else from $BRIDGEWATCH_CONFIG, ./bridgewatch.yaml or "
    "$XDG_CONFIG_HOME/bridgewatch/bridgewatch.yaml. `bridgewatch config` prints what is in force "
    "and where it comes from, secrets hidden; `bridgewatch config --reference` prints every "
    "setting, ready to be edited.\n"
    "A syntax error is reported with line and column; otherwise every unknown or duplicate key, "
    "wrong type, value out of range and missing value at once. Types come from the setting, not "
    "from YAML: a table named 01 or no needs no quotes. Aliases, anchors, tags, further documents "
    "and nesting deeper than 32 levels are refused.";

static const item notations[] = {
    {"${NAME}, ${NAME:-default}",
     "Within a text: the environment variable. The default is for a variable that is unset or "
     "empty, and may hold another ${}. Without a default an unset variable is an error. A setting "
     "whose text expands to nothing counts as not given. $${ stands for ${ itself. Within { } and "
     "[ ] quote a text that holds ${."},
    {"file:PATH, secret:projects/P/secrets/S",
     "Instead of a secret: the content of a file (relative to the configuration, read when it is "
     "needed, without the line end), or the newest version of a secret in Secret Manager."},
    {"Durations", "500ms, 30s, 5m, 2h, 7d, 2w, also 1m30s."},
    {"Sizes", "64KiB, 256MiB, 1GiB, 1TiB; 10MB and 1GB are decimal."},
    {"Times", "RFC 3339: 2026-11-20T08:37:00Z; without an offset UTC is meant."},
    {"Schedules",
     "\"every 5m\", \"manual\", or five cron fields (minute, hour, day of month, month, day of "
     "week) in local time, with names, ranges, lists and steps, or @hourly, @daily, @weekly, "
     "@monthly, @yearly: \"0 */2 * * *\", also written \"cron: 0 */2 * * *\" or as the setting "
     "cron. Where both days are restricted, either may match. When the clocks change, a schedule "
     "whose minute or hour begins with * runs by real time; any other runs once for each time that "
     "it names, and what falls into the skipped hour runs when that hour ends."},
};

static const char profiles[] =
    "Below profiles stand named parts of a configuration. --profile NAME lays one over the rest: "
    "maps are merged key by key, everything else, lists included, is replaced. All profiles are "
    "checked, whether they are used or not.";

static void add_setting(const bw_setting *s, bw_buf *out)
{
    bw_buf text = BW_BUF_INIT;
    add_term(s->path, out);
    if (s->same_as) {
        bw_buf_addf(&text, "the same as %s", s->same_as);
        add_sentence(bw_buf_cstr(&text), out);
        bw_buf_fini(&text);
        return;
    }
    add_sentence(s->help, out);
    if (s->type != BW_SETTING_STRING) {
        bw_setting_describe(s, &text);
        add_sentence(bw_buf_cstr(&text), out);
    }
    if (s->required) {
        bw_buf_adds(out, "Required.\n");
    } else if (s->fallback) {
        bw_buf_adds(out, "Default: ");
        add_text(s->fallback, out);
        bw_buf_adds(out, ".\n");
    } else if (s->absent) {
        bw_buf_adds(out, "Default: ");
        add_text(s->absent, out);
        bw_buf_adds(out, ".\n");
    }
    if (s->example && !s->required) {
        bw_buf_adds(out, "Example: ");
        add_text(s->example, out);
        bw_buf_adds(out, "\n");
    }
    bw_buf_fini(&text);
}

static void add_table(const bw_setting_table *t, bw_buf *out)
{
    for (size_t i = 0; i < t->count; i++)
        add_setting(&t->items[i], out);
}

static void add_section(const bw_config_section *s, bw_buf *out)
{
    bw_buf_addf(out, ".SH %s\n", s->name);
    add_sentence(s->help, out);
    for (size_t i = 0; i < s->n_tables; i++)
        add_table(&s->tables[i], out);
    for (size_t i = 0; i < s->n_variants; i++) {
        if (s->variants[i].settings.count == 0)
            continue;
        bw_buf_addf(out, ".SS %s: %s\n", s->selector, s->variants[i].name);
        add_table(&s->variants[i].settings, out);
    }
}

static const char example[] = "project: my-project\n"
                              "dataset: analytics\n"
                              "environment: {label: PROD, colour: red, confirm: type}\n"
                              "sources:\n"
                              "  shop:\n"
                              "    type: postgres\n"
                              "    host: db.example.com\n"
                              "    database: shop\n"
                              "    user: reader\n"
                              "    password: ${SHOP_PASSWORD}\n"
                              "syncs:\n"
                              "  - {source: shop, table: public.orders}\n"
                              "  - source: shop\n"
                              "    table: \"public.*\"\n"
                              "    exclude: [public.orders, public.audit_*]\n"
                              "    schedule: every 5m\n";

void bw_man_configuration(const bw_config_schema *schema, bw_buf *out)
{
    add_title("BRIDGEWATCH.YAML", "5", out);
    bw_buf_adds(out, ".SH NAME\nbridgewatch.yaml \\- the configuration of bridgewatch\n"
                     ".SH DESCRIPTION\n");
    add_paragraphs(description, out);
    add_items("NOTATION", notations, BW_COUNT(notations), out);
    bw_buf_adds(out, ".SH TOP LEVEL\nA dot stands for a level: log.level is written log: {level: "
                     "info}.\n");
    for (size_t i = 0; i < schema->n_tables; i++)
        add_table(&schema->tables[i], out);
    for (size_t i = 0; i < schema->n_sections; i++)
        add_section(&schema->sections[i], out);
    bw_buf_adds(out, ".SH profiles\n");
    add_text(profiles, out);
    bw_buf_adds(out, "\n.SH EXAMPLE\n.nf\n");
    add_text(example, out);
    bw_buf_adds(out, ".fi\n.SH SEE ALSO\n.BR bridgewatch (1)\n");
}
