/* The screens' classes, one file each. Threads: const. */
#ifndef BW_VIEWS_SCREENS_H
#define BW_VIEWS_SCREENS_H

#include "views/host.h"

extern const bw_view_class bw_view_syncs, bw_view_sync, bw_view_runs, bw_view_run,
    bw_view_letter_groups, bw_view_letters, bw_view_letter, bw_view_preview, bw_view_audit,
    bw_view_audit_entry, bw_view_sources, bw_view_log, bw_view_messages, bw_view_help,
    bw_view_themes;

#endif
