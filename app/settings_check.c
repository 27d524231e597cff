/* What the tables of settings cannot say. */
#include "app/settings.h"

#include <string.h>

#include "backend/engine/events_stage.h"
#include "backend/engine/intake.h"
#include "backend/sources/source.h"

/* Whether each character is a letter, a digit or one of `others`; what is not ASCII is left to the
   service where `wide`. */
static bool made_of(const char *name, const char *others, bool wide)
{
    for (; *name; name++) {
        bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
        bool digit = *name >= '0' && *name <= '9';
        if (!letter && !digit && !strchr(others, *name) && !(wide && (unsigned char)*name >= 0x80))
            return false;
    }
    return true;
}

/* BigQuery would refuse them too, but only when the first run asks. */
static void check_names_of(const bw_config_node *n, bw_config_problems *problems)
{
    static const struct {
        const char *path, *what, *others;
        bool wide;
        const char *hint;
    } rules[] = {
        {"project", "project", ":.-_", false, "Write the project's id, as in my-project."},
        {"dataset", "dataset", "_", false,
         "Write its name alone, of letters, digits and underscores."},
        {"target", "BigQuery table", " _-", true,
         "Write the table's name alone, without project or dataset."},
    };
    for (size_t i = 0; i < BW_COUNT(rules); i++) {
        const char *path = rules[i].path;
        const char *name = bw_config_knows(n, path) ? bw_config_string(n, path) : NULL;
        if (name && !made_of(name, rules[i].others, rules[i].wide))
            bw_config_complain(problems, n, path, rules[i].hint,
                               "%s holds a character that no %s has in its name", path,
                               rules[i].what);
    }
}

static void check_names(const bw_config *c, bw_config_problems *problems)
{
    check_names_of(bw_config_top(c), problems);
    for (size_t i = 0; i < bw_config_count(c, "syncs"); i++)
        check_names_of(bw_config_at(c, "syncs", i), problems);
}

static void check_urls(const bw_config *c, bw_config_problems *problems)
{
    const bw_config_node *top = bw_config_top(c);
    for (size_t i = 0; i < bw_config_node_count(top); i++) {
        const bw_setting *s = bw_config_node_setting(top, i);
        const char *url =
            strncmp(s->path, "endpoints.", 10) == 0 ? bw_config_string(top, s->path) : NULL;
        if (url && strpbrk(url, "@"))
            bw_config_complain(problems, top, s->path, "Write http://HOST:PORT or https://HOST.",
                               "%s must not hold a user or a password", s->path);
        else if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
            bw_config_complain(problems, top, s->path, "Write http://HOST:PORT or https://HOST.",
                               "%s must be a URL", s->path);
    }
}

/* What the configuration has a word for and the engine does not do yet is refused: a promise that
   nobody keeps would be shown as kept. */
static void check_not_there_yet(const bw_config_node *n, bw_config_problems *problems)
{
    const char *deletes = bw_config_string(n, "deletes");
    if (deletes && strcmp(deletes, "reconcile") == 0)
        bw_config_complain(problems, n, "deletes",
                           "Write deletes: ignore; mode: replace sees every delete.",
                           "this version does not compare keys to find deletes");
}

static bool is_stream(const bw_source_class *class)
{
    return class && (class->capabilities & BW_SOURCE_STREAM) != 0;
}

static const bw_source_class *class_of(const bw_config *c, const bw_config_node *n)
{
    const bw_config_node *source = bw_config_find(c, "sources", bw_config_string(n, "source"));
    return source ? bw_source_find(bw_config_string(source, "type")) : NULL;
}

/* Which modes are for tables and which for subscriptions. */
static void check_mode(const bw_config *c, const bw_config_node *n, bw_config_problems *problems)
{
    const char *mode = bw_config_string(n, "mode");
    const bw_source_class *class = class_of(c, n);
    if (!mode || !class)
        return;
    bool stream = is_stream(class);
    if (!stream && strcmp(mode, "events") == 0)
        bw_config_complain(problems, n, "mode", "Use upsert, append or replace.",
                           "mode events is for subscriptions, not for sources of type %s",
                           class->kind);
    if (stream && strcmp(mode, "events") != 0 && strcmp(mode, "append") != 0)
        bw_config_complain(problems, n, "mode", "Use events or append.",
                           "a subscription has no rows to %s", mode);
}

/* A connection string where a host belongs holds a password, which messages would show. */
static void check_hosts(const bw_config *c, bw_config_problems *problems)
{
    for (size_t i = 0; i < bw_config_count(c, "sources"); i++) {
        const bw_config_node *n = bw_config_at(c, "sources", i);
        const char *host = bw_config_knows(n, "host") ? bw_config_string(n, "host") : NULL;
        if (host && host[0] != '/' && strpbrk(host, "/@="))
            bw_config_complain(problems, n, "host",
                               "Write host: NAME, and beside it port:, database:, user: and "
                               "password:; take the password out of the file if it was in here.",
                               "sources.%s.host must be the name of a host, not a URL",
                               bw_config_node_name(n));
    }
}

static void check_syncs(const bw_config *c, bw_config_problems *problems)
{
    for (size_t i = 0; i < bw_config_count(c, "syncs"); i++) {
        const bw_config_node *n = bw_config_at(c, "syncs", i);
        const char *table = bw_config_string(n, "table"), *mode = bw_config_string(n, "mode");
        static const char *const single[] = {"name", "target", "key", "columns"};
        bool pattern = strpbrk(table, "*?[") != NULL;
        check_not_there_yet(n, problems);
        check_mode(c, n, problems);
        if (is_stream(class_of(c, n)))
            bw_events_settings_check(n, problems);
        for (size_t k = 0; pattern && k < BW_COUNT(single); k++)
            if (bw_config_given(n, single[k]))
                bw_config_complain(problems, n, single[k], "Name the table in an entry of its own.",
                                   "a pattern stands for many tables and takes no %s", single[k]);
        if (bw_config_bool(n, "only_if_empty") && mode && strcmp(mode, "replace") != 0)
            bw_config_complain(problems, n, "only_if_empty", NULL,
                               "only_if_empty is for mode replace");
        if (bw_config_given(n, "partition.by") && !bw_config_has(n, "partition.field"))
            bw_config_complain(problems, n, "partition.by",
                               "Write partition: {field: COLUMN, by: day}.",
                               "partition.by needs partition.field");
    }
}

void bw_settings_check(const bw_config *c, bw_config_problems *problems)
{
    check_names(c, problems);
    check_urls(c, problems);
    check_hosts(c, problems);
    check_syncs(c, problems);
    bw_subscriptions_check(c, problems);
}
