/* The plan as a list. */
#include "app/provision.h"

#include <stdlib.h>
#include <string.h>

const char *bw_provision_kind_name(bw_provision_kind kind)
{
    static const char *const names[] = {"topic", "subscription", "dataset", "table", "dashboard"};
    return names[kind];
}

const char *bw_provision_action_name(bw_provision_action action)
{
    static const char *const names[] = {"create",  "update", "unchanged", "conflict",
                                        "unknown", "delete", "keep",      "gone"};
    return names[action];
}

bw_status bw_provision_init(bw_provision *p, bw_session *session, bw_error *err)
{
    *p = (bw_provision){.session = session, .arena = BW_ARENA_INIT};
    bw_cancel_init(&p->cancel);
    p->project = bw_google_project(session->google);
    return bw_sync_defs_read(session->ctx->config, &p->arena, &p->defs, &p->n_defs, err);
}

void bw_provision_fini(bw_provision *p)
{
    for (size_t i = 0; i < p->count; i++) {
        json_decref(p->items[i].create);
        json_decref(p->items[i].wanted);
        json_decref(p->items[i].patch);
    }
    free(p->items);
    free(p->notes);
    bw_cancel_fini(&p->cancel);
    bw_arena_fini(&p->arena);
}

bw_provision_item *bw_provision_find(bw_provision *p, bw_provision_kind kind, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i].kind == kind && strcmp(p->items[i].name, name) == 0)
            return &p->items[i];
    return NULL;
}

bw_provision_item *bw_provision_add(bw_provision *p, bw_provision_kind kind, const char *name,
                                    const char *for_whom, bool *is_new)
{
    bw_provision_item *item = bw_provision_find(p, kind, name);
    *is_new = item == NULL;
    if (item)
        return item;
    BW_GROW(p->items, p->count + 1, p->cap);
    item = &p->items[p->count++];
    *item = (bw_provision_item){.kind = kind,
                                .name = bw_arena_strdup(&p->arena, name),
                                .for_whom = for_whom,
                                .action = BW_PROVISION_UNKNOWN,
                                .error = BW_ERROR_INIT};
    return item;
}

void bw_provision_note(bw_provision *p, const char *sentence)
{
    for (size_t i = 0; i < p->n_notes; i++)
        if (strcmp(p->notes[i], sentence) == 0)
            return;
    BW_GROW(p->notes, p->n_notes + 1, p->notes_cap);
    p->notes[p->n_notes++] = sentence;
}

size_t bw_provision_count(const bw_provision *p, bw_provision_action action)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        n += p->items[i].action == action;
    return n;
}

size_t bw_provision_failed(const bw_provision *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        n += p->items[i].tried && p->items[i].error.status != BW_OK;
    return n;
}
