/*
 * Pages: long lists and bodies, read from the store by its own thread. A view declares a query and
 * gets an immutable, reference-counted page back when it is there; meanwhile it shows `loading`.
 * A page says which query it answers, so that a late one is recognised and dropped.
 * Threads: request and take from the UI; the store reader answers.
 */
#ifndef BW_ENGINE_PAGE_H
#define BW_ENGINE_PAGE_H

#include "backend/core/log.h"
#include "backend/engine/preview.h"
#include "backend/engine/tally.h"
#include "backend/store/store.h"

typedef enum bw_page_kind {
    BW_PAGE_RUNS,          /* sync or all: runs */
    BW_PAGE_RUN,           /* id: runs[0] and batches */
    BW_PAGE_LETTER_GROUPS, /* sync or all: groups */
    BW_PAGE_LETTERS,       /* sync, reason, text, offset: letters, of each content the first KiB */
    BW_PAGE_LETTER,        /* id: letters[0], whole */
    BW_PAGE_PREVIEW, /* ids, or sync and reason: letters, and previews of what replaying does */
    BW_PAGE_BATCHES, /* sync: batches in flight */
    BW_PAGE_SYNC,    /* sync: its runs, and its batches in flight */
    BW_PAGE_AUDIT,   /* sync (a subject) or all, id: audit, newest first; with verify, whether
                              nobody changed it */
    BW_PAGE_LOG,     /* text: lines of the log's ring */
} bw_page_kind;

/* What a content in a list ends with where it is longer. */
#define BW_PAGE_CUT " (cut: open the letter for the rest)"

/* Letters that a page is asked for by their ids: more are previewed at the command line. */
#define BW_PAGE_IDS 200

typedef struct bw_page_query {
    bw_page_kind kind;
    char sync[128];           /* "": all */
    char reason[48];          /* "": all */
    char text[128];           /* part of the text; "": all */
    int64_t ids[BW_PAGE_IDS]; /* PREVIEW */
    size_t n_ids;             /* 0: all of sync and reason */
    int64_t id;               /* RUN, LETTER; AUDIT: entries before this one, 0 the newest */
    int64_t offset;           /* first row wanted */
    int64_t limit;            /* rows at the most; 0: 500 */
    bw_log_level level;       /* LOG */
    bool any_state;           /* LETTERS: also those that are over */
    bool verify;              /* AUDIT: walk the whole chain, too */
} bw_page_query;

bool bw_page_query_equal(const bw_page_query *a, const bw_page_query *b);

typedef struct bw_page {
    bw_page_query query;
    int64_t total; /* rows that the query has in all; -1 unknown */
    int64_t read_mono_us;
    const bw_run_record *runs;
    size_t n_runs;
    const bw_batch_record *batches;
    size_t n_batches;
    const bw_letter_group *groups;
    size_t n_groups;
    const bw_dead_letter *letters;
    size_t n_letters;
    const bw_letter_preview *previews; /* n_letters of them */
    int64_t audit_verified;            /* entries that fit one another; -1: not asked, or see: */
    const char *audit_problem;         /* NULL, or what does not fit */
    const bw_audit_entry *audit;
    size_t n_audit;
    const bw_log_line *lines;
    size_t n_lines;
    const char *error; /* NULL, or why there is nothing */
} bw_page;

const bw_page *bw_page_ref(const bw_page *page);
void bw_page_unref(const bw_page *page);

#endif
