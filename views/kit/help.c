/* The help of a screen, generated from the action table. */
#include "views/kit/layout.h"

#define KEYS_WIDTH 18
#define NAME_WIDTH 24

typedef struct section {
    const char *title;
    bool (*has)(const bw_action *a);
} section;

static bool is_moving(const bw_action *a)
{
    return a->flags & BW_ACT_HIDDEN;
}

static bool is_going(const bw_action *a)
{
    return !is_moving(a) && (a->flags & BW_ACT_SCREEN);
}

static bool is_own(const bw_action *a)
{
    return !is_moving(a) && !is_going(a) && a->id >= BW_ACTION_FIRST_FREE;
}

static bool is_shared(const bw_action *a)
{
    return !is_moving(a) && !is_going(a) && a->id < BW_ACTION_FIRST_FREE;
}

static void pad(bw_buf *out, int width)
{
    int cells = bw_cells(bw_buf_slice(out));
    do
        bw_buf_addc(out, ' ');
    while (++cells < width);
}

static void add_action(bw_text_view *v, const bw_action_set *set, const bw_action *a,
                       const bw_action_context *context)
{
    bw_buf keys = BW_BUF_INIT, name = BW_BUF_INIT;
    bw_buf_adds(&keys, "  ");
    const char *key;
    for (size_t k = 0; (key = bw_action_key(set, a, k)) != NULL; k++)
        bw_buf_addf(&keys, "%s%s", k ? " " : "", key);
    pad(&keys, KEYS_WIDTH);
    if (!is_moving(a))
        bw_buf_addf(&name, ":%s%s%s", a->name, a->argument ? " " : "",
                    a->argument ? a->argument : "");
    pad(&name, NAME_WIDTH);
    const char *refusal = bw_action_refusal(set, a, context);
    bw_style off = BW_ROLE_DISABLED;
    bw_text_view_add(v, refusal ? off : BW_ROLE_KEY, bw_buf_slice(&keys));
    bw_text_view_extend(v, refusal ? off : BW_ROLE_MUTED, bw_buf_slice(&name));
    bw_text_view_extend(v, refusal ? off : BW_ROLE_TEXT, bw_slice_cstr(a->help));
    if (a->flags & BW_ACT_DANGEROUS)
        bw_text_view_extend(v, BW_ROLE_DANGER, BW_SLICE_LIT(" (destroys)"));
    if (refusal) {
        bw_text_view_extend(v, BW_ROLE_WARN, BW_SLICE_LIT("  not now: "));
        bw_text_view_extend(v, BW_ROLE_WARN, bw_slice_cstr(refusal));
    }
    bw_buf_fini(&keys);
    bw_buf_fini(&name);
}

void bw_help_fill(bw_text_view *v, const bw_action_set *set, const bw_action_context *context,
                  const char *screen_title)
{
    static const section sections[] = {
        {"On this screen", is_own},
        {"Everywhere", is_shared},
        {"Other screens", is_going},
        {"Moving", is_moving},
    };
    bw_text_view_refill(v);
    bw_text_view_hang(v, KEYS_WIDTH + NAME_WIDTH);
    bw_text_view_addf(v, BW_ROLE_TITLE, "%s", screen_title);
    for (size_t s = 0; s < BW_COUNT(sections); s++) {
        bool begun = false;
        for (size_t i = 0; i < bw_action_set_count(set); i++) {
            const bw_action *a = bw_action_at(set, i);
            if (!sections[s].has(a) || !bw_action_on(set, a, context->screen))
                continue;
            if (!begun) {
                bw_text_view_add(v, BW_ROLE_TEXT, BW_SLICE_LIT(""));
                bw_text_view_add(v, BW_ROLE_TITLE, bw_slice_cstr(sections[s].title));
            }
            begun = true;
            add_action(v, set, a, context);
        }
    }
}
