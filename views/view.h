/*
 * The contract of a screen. A view owns its widgets and its place in them (selection, filter, sort,
 * scrolling); it knows the engine only by snapshots, pages and commands, and the terminal only by
 * canvases and events. It never waits, and it draws only in draw().
 *
 * The console (console.h) keeps a stack of views: the home screen at the bottom, what was drilled
 * into above it, so that BACK finds everything as it was left.
 * Threads: UI.
 */
#ifndef BW_VIEWS_VIEW_H
#define BW_VIEWS_VIEW_H

#include "backend/engine/command.h"
#include "backend/engine/page.h"
#include "backend/engine/snapshot.h"
#include "views/kit/action.h"
#include "views/kit/canvas.h"
#include "views/kit/keys.h"
#include "views/kit/reaction.h"
#include "views/kit/table.h"
#include "views/kit/text_view.h"

/* The screens' numbers: bits of bw_action.screens. */
typedef enum bw_screen_id {
    BW_SCREEN_SYNCS,
    BW_SCREEN_SYNC,
    BW_SCREEN_RUNS,
    BW_SCREEN_RUN,
    BW_SCREEN_LETTER_GROUPS,
    BW_SCREEN_LETTERS,
    BW_SCREEN_LETTER,
    BW_SCREEN_PREVIEW,
    BW_SCREEN_AUDIT,
    BW_SCREEN_AUDIT_ENTRY,
    BW_SCREEN_SOURCES,
    BW_SCREEN_LOG,
    BW_SCREEN_MESSAGES,
    BW_SCREEN_HELP,
    BW_SCREEN_THEMES,
    BW_SCREEN_COUNT,
} bw_screen_id;

typedef struct bw_view bw_view;
typedef struct bw_view_class bw_view_class;
typedef struct bw_console bw_console;

/* What a view may ask of the console that holds it (console.h implements it). */
typedef struct bw_view_host bw_view_host;

/* Where a view is opened at: empty strings and 0 for what does not apply. */
typedef struct bw_view_at {
    char sync[128];
    char reason[48];
    int64_t id;               /* of a run, a dead letter or an audit entry */
    int64_t ids[BW_PAGE_IDS]; /* PREVIEW: the first of the letters that it is about */
    size_t n_ids, targets;    /* how many of them; how many there are in all */
} bw_view_at;

struct bw_view_class {
    bw_screen_id id;
    const char *name; /* in the palette: "syncs" */
    const char *title;
    const bw_action *actions; /* its own, beside the kit's */
    size_t n_actions;
    bool has_table, has_text, follows; /* which of the kit's action tables apply */

    bw_view *(*open)(const bw_view_class *class, bw_view_host *host, const bw_view_at *at);
    void (*free)(bw_view *view);
    /* The page that the view needs now; false when it needs none. Asked again when it changes, or
       when a page is older than the refresh. */
    bool (*query)(const bw_view *view, bw_page_query *out);
    /* New facts: takes what it needs (the snapshot and page stay valid until the next update). */
    void (*update)(bw_view *view, const bw_snapshot *snapshot, const bw_page *page);
    /* Draws into the region below the header; pure but for remembering where things are. */
    void (*draw)(bw_view *view, bw_region region, bool focused);
    /* One of its actions, or a generic one; `argument` is the palette's, "" from a key. */
    bw_reaction (*act)(bw_view *view, const bw_action *action, const char *argument);
    bw_reaction (*mouse)(bw_view *view, const bw_input *event);
    /* Its table and its text, for filter, sort, export, search; NULL when it has none. */
    bw_table *(*table)(bw_view *view);
    bw_text_view *(*text)(bw_view *view);
    /* Why an action cannot run now, or NULL; may be NULL itself. */
    const char *(*refuse)(bw_view *view, const bw_action *action);
};

struct bw_view {
    const bw_view_class *class;
    bw_view_host *host;
    char crumb[160]; /* what the path shows: "shop.orders" */
};

/* All screens, in the order of their numbers. */
extern const bw_view_class *const bw_view_classes[BW_SCREEN_COUNT];

#endif
