/* The set of actions: which exist where, under which keys. */
#include "views/kit/action.h"

#include <stdlib.h>

#include "backend/core/text.h"
#include "views/kit/keys.h"

typedef struct entry {
    const bw_action *action;
    uint32_t screens;
    char (*keys)[BW_KEY_NAME];
    size_t count;
    bool configured; /* its keys come from the configuration */
} entry;

struct bw_action_set {
    entry *entries;
    size_t count, cap;
    bw_buf conflicts;
};

bw_action_set *bw_action_set_new(void)
{
    return bw_xcalloc(1, sizeof(bw_action_set));
}

void bw_action_set_free(bw_action_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        free(set->entries[i].keys);
    free(set->entries);
    bw_buf_fini(&set->conflicts);
    free(set);
}

static entry *entry_of(const bw_action_set *set, const bw_action *action)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->entries[i].action == action)
            return &set->entries[i];
    }
    return NULL;
}

static entry *holder_of(const bw_action_set *set, uint32_t screens, const char *key)
{
    for (size_t i = 0; i < set->count; i++) {
        entry *e = &set->entries[i];
        if (!(e->screens & screens))
            continue;
        for (size_t k = 0; k < e->count; k++) {
            if (strcmp(e->keys[k], key) == 0)
                return e;
        }
    }
    return NULL;
}

static void add_key(entry *e, const char *key)
{
    e->keys = bw_xrealloc(e->keys, (e->count + 1) * sizeof(*e->keys));
    memcpy(e->keys[e->count++], key, BW_KEY_NAME);
}

static void remove_key(entry *e, const char *key)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (strcmp(e->keys[i], key) != 0)
            memmove(e->keys[kept++], e->keys[i], BW_KEY_NAME);
    }
    e->count = kept;
}

/* Keys that are pressed without thinking: nothing that changes anything may start there. */
static bool reflex(const char *key)
{
    bool letter = strncmp(key, "ctrl-", 5) == 0 && key[5] >= 'a' && key[5] <= 'z' && !key[6];
    return letter || (key[0] && !key[1] && strchr("asdfghjkl;", key[0]));
}

static bw_status add_default_keys(bw_action_set *set, entry *e, bw_error *err)
{
    const char *p = e->action->keys ? e->action->keys : "";
    while (*p) {
        char word[BW_KEY_NAME] = "", name[BW_KEY_NAME];
        size_t n = strcspn(p, " ");
        memcpy(word, p, n < sizeof(word) ? n : sizeof(word) - 1);
        p += n + strspn(p + n, " ");
        bw_status status = bw_key_parse(word, name, err);
        if (status != BW_OK) {
            bw_error_wrap(err, "action %s", e->action->name);
            err->status = BW_INTERNAL;
            return BW_INTERNAL;
        }
        if ((e->action->flags & (BW_ACT_MUTATES | BW_ACT_DANGEROUS)) && reflex(name))
            return bw_error_set(err, BW_INTERNAL, "action %s: %s is pressed without thinking",
                                e->action->name, name);
        const entry *other = holder_of(set, e->screens, name);
        if (other)
            return bw_error_set(err, BW_INTERNAL, "actions %s and %s both have the key %s",
                                other->action->name, e->action->name, name);
        add_key(e, name);
    }
    return BW_OK;
}

bw_status bw_action_set_add(bw_action_set *set, const bw_action *actions, size_t count,
                            uint32_t screens, bw_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bw_action *a = &actions[i];
        if (bw_action_by_id(set, a->id) || bw_action_by_name(set, a->name))
            return bw_error_set(err, BW_INTERNAL, "action %s (%d) is there twice", a->name, a->id);
        entry e = {.action = a, .screens = a->screens & screens};
        bw_status status = add_default_keys(set, &e, err);
        BW_GROW(set->entries, set->count + 1, set->cap);
        set->entries[set->count++] = e;
        if (status != BW_OK)
            return status;
    }
    return BW_OK;
}

static bw_status no_action(const bw_action_set *set, const char *name, bw_error *err)
{
    char shown[96];
    const char **names = bw_xcalloc(set->count + 1, sizeof(*names));
    for (size_t i = 0; i < set->count; i++)
        names[i] = set->entries[i].action->name;
    const char *near = bw_nearest(name, names, set->count);
    bw_error_set(err, BW_INVALID, "no action is called %s",
                 bw_text_sanitise_to(shown, sizeof(shown), name));
    if (near)
        bw_error_hint(err, "Did you mean %s?", near);
    free(names);
    return BW_INVALID;
}

bw_status bw_action_set_bind(bw_action_set *set, const char *action, const char *const *keys,
                             size_t count, bw_error *err)
{
    const bw_action *a = bw_action_by_name(set, action);
    if (!a)
        return no_action(set, action, err);
    entry *e = entry_of(set, a);
    char(*names)[BW_KEY_NAME] = bw_xcalloc(count + 1, sizeof(*names));
    bw_status status = BW_OK;
    for (size_t i = 0; i < count && status == BW_OK; i++) {
        status = bw_key_parse(keys[i], names[i], err);
        const entry *other = status == BW_OK ? holder_of(set, e->screens, names[i]) : NULL;
        if (other && other != e && other->configured)
            status = bw_error_set(err, BW_CONFLICT, "the key %s is given to %s and to %s", names[i],
                                  other->action->name, action);
    }
    if (status != BW_OK) {
        free(names);
        return status;
    }
    free(e->keys);
    e->keys = NULL;
    e->count = 0;
    e->configured = true;
    for (size_t i = 0; i < count; i++) {
        entry *other;
        while ((other = holder_of(set, e->screens, names[i])) != NULL && other != e) {
            remove_key(other, names[i]);
            bw_buf_addf(&set->conflicts, "%s now means %s and no longer %s\n", names[i], action,
                        other->action->name);
        }
        if (!other)
            add_key(e, names[i]);
    }
    free(names);
    return BW_OK;
}

const char *bw_action_set_conflicts(const bw_action_set *set)
{
    /* The text is complete; only its NUL is still missing. */
    return bw_buf_cstr(&((bw_action_set *)set)->conflicts);
}

size_t bw_action_set_count(const bw_action_set *set)
{
    return set->count;
}

const bw_action *bw_action_at(const bw_action_set *set, size_t index)
{
    return set->entries[index].action;
}

bool bw_action_on(const bw_action_set *set, const bw_action *action, unsigned screen)
{
    const entry *e = entry_of(set, action);
    return e && (e->screens & BW_SCREEN(screen));
}

const bw_action *bw_action_by_id(const bw_action_set *set, int id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->entries[i].action->id == id)
            return set->entries[i].action;
    }
    return NULL;
}

const bw_action *bw_action_by_name(const bw_action_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->entries[i].action->name, name) == 0)
            return set->entries[i].action;
    }
    return NULL;
}

const bw_action *bw_action_for_key(const bw_action_set *set, unsigned screen, const char *key)
{
    const entry *e = holder_of(set, BW_SCREEN(screen), key);
    return e ? e->action : NULL;
}

const char *bw_action_key(const bw_action_set *set, const bw_action *action, size_t n)
{
    const entry *e = entry_of(set, action);
    return e && n < e->count ? e->keys[n] : NULL;
}

const char *bw_action_label(const bw_action *action)
{
    return action->label ? action->label : action->name;
}

const char *bw_action_refusal(const bw_action_set *set, const bw_action *action,
                              const bw_action_context *context)
{
    if (!bw_action_on(set, action, context->screen))
        return "not on this screen";
    if (context->read_only && (action->flags & (BW_ACT_MUTATES | BW_ACT_DANGEROUS)))
        return "read-only: nothing can be changed from here";
    if ((action->flags & BW_ACT_ROW) && !context->has_row)
        return "no row is selected";
    return context->refuse ? context->refuse(context->user, action) : NULL;
}

/* roff takes a line that begins with a dot as a request, and a minus as a hyphen. */
static void add_roff(bw_buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '-' || *p == '\\')
            bw_buf_addc(out, '\\');
        if (*p == '\\')
            bw_buf_adds(out, "e");
        else
            bw_buf_addc(out, *p);
    }
}

/* Screens of one title, such as both of dead letters, are named once. */
static void add_screens(uint32_t screens, const char *const *titles, size_t n, bw_buf *out)
{
    bool all = true, any = false;
    bw_buf_adds(out, ".SS ");
    for (size_t i = 0; i < n; i++)
        all &= (screens & BW_SCREEN(i)) != 0;
    for (size_t i = 0; i < n && !all; i++) {
        bool named = (screens & BW_SCREEN(i)) == 0;
        for (size_t k = 0; k < i && !named; k++)
            named = (screens & BW_SCREEN(k)) != 0 && strcmp(titles[k], titles[i]) == 0;
        if (named)
            continue;
        bw_buf_adds(out, any ? ", " : "");
        add_roff(out, titles[i]);
        any = true;
    }
    bw_buf_adds(out, all ? "Everywhere\n" : "\n");
}

void bw_action_set_man(const bw_action_set *set, const char *const *titles, size_t n, bw_buf *out)
{
    bw_buf before = BW_BUF_INIT, heading = BW_BUF_INIT;
    for (size_t i = 0; i < set->count; i++) {
        const entry *e = &set->entries[i];
        bw_buf_clear(&heading);
        add_screens(e->screens, titles, n, &heading);
        if (!bw_slice_eq(bw_buf_slice(&heading), bw_buf_slice(&before))) {
            bw_buf_add(out, heading.ptr, heading.len);
            bw_buf_clear(&before);
            bw_buf_add(&before, heading.ptr, heading.len);
        }
        bw_buf_adds(out, ".TP\n\\&");
        for (size_t k = 0; k < e->count; k++) {
            bw_buf_adds(out, k ? ", \\fB" : "\\fB");
            add_roff(out, e->keys[k]);
            bw_buf_adds(out, "\\fR");
        }
        if (!(e->action->flags & BW_ACT_HIDDEN)) {
            bw_buf_adds(out, e->count ? ", \\fB:" : "\\fB:");
            add_roff(out, e->action->name);
            bw_buf_adds(out, "\\fR");
            if (e->action->argument) {
                bw_buf_adds(out, " \\fI");
                add_roff(out, e->action->argument);
                bw_buf_adds(out, "\\fR");
            }
        }
        bw_buf_adds(out, "\n");
        add_roff(out, e->action->help);
        bw_buf_adds(out, ".\n");
    }
    bw_buf_fini(&before);
    bw_buf_fini(&heading);
}
