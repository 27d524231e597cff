#include "views/kit/palette.h"

#include <stdlib.h>

#include "backend/core/text.h"

static bool in_palette(const bw_action_set *set, const bw_action *a, unsigned screen)
{
    return !(a->flags & BW_ACT_HIDDEN) && bw_action_on(set, a, screen);
}

/* Splits "name argument" without copying: the name's length, and where the argument begins. */
static size_t split(const char **line, const char **argument)
{
    *line += strspn(*line, " :");
    size_t n = strcspn(*line, " ");
    *argument = *line + n + strspn(*line + n, " ");
    return n;
}

static bw_status unknown(const bw_action_set *set, unsigned screen, const char *name, bw_error *err)
{
    char shown[96];
    size_t count = 0;
    const char **names = bw_xcalloc(bw_action_set_count(set) + 1, sizeof(*names));
    for (size_t i = 0; i < bw_action_set_count(set); i++) {
        if (in_palette(set, bw_action_at(set, i), screen))
            names[count++] = bw_action_at(set, i)->name;
    }
    const char *near = bw_nearest(name, names, count);
    free(names);
    const bw_action *elsewhere = bw_action_by_name(set, name);
    if (elsewhere && !(elsewhere->flags & BW_ACT_HIDDEN))
        return bw_error_set(err, BW_INVALID, "%s does not exist on this screen", name);
    bw_error_set(err, BW_NOT_FOUND, "unknown command %s",
                 bw_text_sanitise_to(shown, sizeof(shown), name));
    if (near)
        return bw_error_hint(err, "Did you mean :%s?", near);
    return bw_error_hint(err, "Press tab for what there is.");
}

/* The command that is called so, or the only one that begins so. */
static bw_status find(const bw_action_set *set, unsigned screen, const char *name,
                      const bw_action **found, bw_error *err)
{
    size_t n = strlen(name), matches = 0;
    const bw_action *other = NULL;
    for (size_t i = 0; i < bw_action_set_count(set); i++) {
        const bw_action *a = bw_action_at(set, i);
        if (!in_palette(set, a, screen) || strncmp(a->name, name, n) != 0)
            continue;
        if (a->name[n] == '\0') {
            *found = a;
            return BW_OK;
        }
        other = *found;
        *found = a;
        matches++;
    }
    if (matches == 1)
        return BW_OK;
    if (matches == 0)
        return unknown(set, screen, name, err);
    bw_error_set(err, BW_INVALID, "%s is the beginning of %s and %s", name, other->name,
                 (*found)->name);
    return bw_error_hint(err, "Type more of it, or press tab.");
}

bw_status bw_palette_parse(const bw_action_set *set, unsigned screen, const char *line,
                           bw_palette_command *command, bw_error *err)
{
    const char *argument;
    size_t n = split(&line, &argument);
    *command = (bw_palette_command){NULL, argument};
    if (n == 0)
        return bw_error_set(err, BW_INVALID, "no command");
    char *name = bw_xstrndup(line, n);
    bw_status status = find(set, screen, name, &command->action, err);
    free(name);
    if (status != BW_OK)
        return status;
    const char *form = command->action->argument;
    if (argument[0] && !form)
        return bw_error_set(err, BW_INVALID, "%s takes no argument", command->action->name);
    if (!argument[0] && form && form[0] != '[')
        return bw_error_set(err, BW_INVALID, "%s needs %s", command->action->name, form);
    return BW_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const bw_candidate *)a)->text, ((const bw_candidate *)b)->text);
}

static void complete_name(const bw_palette *p, const char *begun, bw_candidates *out)
{
    size_t n = strlen(begun);
    for (size_t i = 0; i < bw_action_set_count(p->set); i++) {
        const bw_action *a = bw_action_at(p->set, i);
        if (!in_palette(p->set, a, p->screen) || strncmp(a->name, begun, n) != 0)
            continue;
        char *text = bw_xasprintf("%s%s", a->name, a->argument ? " " : "");
        bw_candidates_add(out, text, a->help);
        free(text);
    }
    if (out->count > 1)
        qsort(out->items, out->count, sizeof(*out->items), by_text);
}

void bw_palette_complete(void *palette, const char *text, bw_candidates *out)
{
    const bw_palette *p = palette;
    const char *argument;
    size_t n = split(&text, &argument);
    if (text[n] == '\0') {
        complete_name(p, text, out);
        return;
    }
    char *name = bw_xstrndup(text, n);
    const bw_action *a = NULL;
    if (find(p->set, p->screen, name, &a, NULL) == BW_OK && p->arguments)
        p->arguments(p->user, a, argument, out);
    free(name);
}
