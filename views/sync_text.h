/* The readable part of the Sync screen: what is known of one sync, in words. Threads: UI. */
#ifndef BW_VIEWS_SYNC_TEXT_H
#define BW_VIEWS_SYNC_TEXT_H

#include "backend/engine/page.h"
#include "backend/engine/snapshot.h"
#include "views/kit/text_view.h"

/* Fills the text anew. `page` is a BW_PAGE_SYNC of the same sync; NULL while it is being read.
   `width`: cells there are, for what stands side by side. */
void bw_sync_text(bw_text_view *out, const bw_sync_view *sync, const bw_page *page, int64_t now_us,
                  int width);

#endif
