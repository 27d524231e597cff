#include "views/screens.h"

const bw_view_class *const bw_view_classes[BW_SCREEN_COUNT] = {
    [BW_SCREEN_SYNCS] = &bw_view_syncs,
    [BW_SCREEN_SYNC] = &bw_view_sync,
    [BW_SCREEN_RUNS] = &bw_view_runs,
    [BW_SCREEN_RUN] = &bw_view_run,
    [BW_SCREEN_LETTER_GROUPS] = &bw_view_letter_groups,
    [BW_SCREEN_LETTERS] = &bw_view_letters,
    [BW_SCREEN_LETTER] = &bw_view_letter,
    [BW_SCREEN_PREVIEW] = &bw_view_preview,
    [BW_SCREEN_AUDIT] = &bw_view_audit,
    [BW_SCREEN_AUDIT_ENTRY] = &bw_view_audit_entry,
    [BW_SCREEN_SOURCES] = &bw_view_sources,
    [BW_SCREEN_LOG] = &bw_view_log,
    [BW_SCREEN_MESSAGES] = &bw_view_messages,
    [BW_SCREEN_HELP] = &bw_view_help,
    [BW_SCREEN_THEMES] = &bw_view_themes,
};
