/* What replaying dead letters would do now: counts, and of each letter its entity before and after. */
#include <stdio.h>
#include <stdlib.h>

#include "views/json_diff.h"
#include "views/letter_actions.h"
#include "views/screens.h"
#include "views/table_view.h"

typedef struct view_preview {
    bw_text_screen base;
    bw_view_at at;
    int64_t read_us; /* of the page that is shown; 0: none yet */
} view_preview;

static bw_view *open_view(const bw_view_class *class, bw_view_host *host, const bw_view_at *at)
{
    view_preview *v = bw_xcalloc(1, sizeof(*v));
    bw_text_screen_init(&v->base, class, host, 0);
    bw_text_view_wrap(v->base.text, true);
    bw_text_view_addf(v->base.text, BW_ROLE_MUTED, "asking what replaying would do");
    v->at = *at;
    snprintf(v->base.view.crumb, sizeof(v->base.view.crumb), "Preview");
    return &v->base.view;
}

static bool query(const bw_view *view, bw_page_query *out)
{
    const view_preview *v = (const view_preview *)view;
    *out = (bw_page_query){.kind = BW_PAGE_PREVIEW, .limit = BW_PAGE_IDS, .n_ids = v->at.n_ids};
    memcpy(out->ids, v->at.ids, v->at.n_ids * sizeof(v->at.ids[0]));
    memcpy(out->sync, v->at.sync, sizeof(out->sync));
    memcpy(out->reason, v->at.reason, sizeof(out->reason));
    return true;
}

static bw_role outcome_role(bw_preview_outcome outcome)
{
    static const bw_role roles[BW_PREVIEW_OUTCOMES] = {
        [BW_PREVIEW_READ_AGAIN] = BW_ROLE_TEXT, [BW_PREVIEW_NO_KEY] = BW_ROLE_ERROR,
        [BW_PREVIEW_REFUSED] = BW_ROLE_ERROR,   [BW_PREVIEW_APPLIED] = BW_ROLE_OK,
        [BW_PREVIEW_MERGED] = BW_ROLE_OK,       [BW_PREVIEW_DELETED] = BW_ROLE_WARN,
        [BW_PREVIEW_IGNORED] = BW_ROLE_MUTED,   [BW_PREVIEW_MANUAL] = BW_ROLE_WARN,
    };
    return roles[outcome];
}

/* Of marked letters, all that were marked: what is not open any more is not replayed. */
static void add_counts(bw_text_view *t, const bw_page *page, size_t targets)
{
    int64_t all = targets > BW_PAGE_IDS ? (int64_t)targets : page->total;
    size_t counts[BW_PREVIEW_OUTCOMES] = {0};
    for (size_t i = 0; i < page->n_letters; i++)
        counts[page->previews[i].outcome]++;
    bw_text_view_addf(t, BW_ROLE_TITLE, "Replaying now, nothing is done yet:");
    for (int i = 0; i < BW_PREVIEW_OUTCOMES; i++) {
        if (counts[i] > 0)
            bw_text_view_addf(t, outcome_role((bw_preview_outcome)i), "%8zu %s", counts[i],
                              bw_preview_name((bw_preview_outcome)i));
    }
    if (all > (int64_t)page->n_letters)
        bw_text_view_addf(t, BW_ROLE_WARN,
                          "of the first %zu of %lld letters; `dlq replay --dry-run` shows them all",
                          page->n_letters, (long long)all);
}

static void add_letter(bw_text_view *t, const bw_dead_letter *l, const bw_letter_preview *p)
{
    bw_text_view_add(t, BW_ROLE_TEXT, BW_SLICE_LIT(""));
    bw_text_view_addf(t, BW_ROLE_TITLE, "%lld  %s  ", (long long)l->id, l->key ? l->key : "-");
    bw_text_view_extend(t, outcome_role(p->outcome), bw_slice_cstr(bw_preview_name(p->outcome)));
    if (p->detail[0])
        bw_text_view_addf(t, BW_ROLE_TEXT, "  %s", p->detail);
    if (p->before.len == 0 && p->after.len == 0)
        return;
    size_t changes = bw_json_diff(t, p->before, p->after);
    if (changes == 0)
        bw_text_view_addf(t, BW_ROLE_MUTED, "  the entity stays as it is");
}

static void update(bw_view *view, const bw_snapshot *snapshot, const bw_page *page)
{
    view_preview *v = (view_preview *)view;
    (void)snapshot;
    if (!page || page->read_mono_us == v->read_us)
        return;
    v->read_us = page->read_mono_us;
    bw_text_view *t = v->base.text;
    bw_text_view_refill(t);
    bw_text_view_hang(t, 4);
    if (page->error || page->n_letters == 0) {
        bw_text_view_addf(t, page->error ? BW_ROLE_ERROR : BW_ROLE_MUTED, "%s",
                          page->error ? page->error : "no dead letters are left here");
        return;
    }
    add_counts(t, page, v->at.targets);
    for (size_t i = 0; i < page->n_letters; i++)
        add_letter(t, &page->letters[i], &page->previews[i]);
}

const bw_view_class bw_view_preview = {
    .id = BW_SCREEN_PREVIEW,
    .name = "preview",
    .title = "Preview",
    .has_text = true,
    .open = open_view,
    .free = bw_text_screen_free,
    .query = query,
    .update = update,
    .draw = bw_text_screen_draw,
    .act = bw_text_screen_act,
    .mouse = bw_text_screen_mouse,
    .text = bw_text_screen_text,
};
