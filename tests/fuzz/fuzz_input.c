/* Any bytes as input from a terminal: events have names that can be configured, a prompt's text stays
   valid and harmless, and after a pause the next key is a key again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/clock.h"
#include "backend/core/text.h"
#include "views/kit/keys.h"
#include "views/kit/prompt.h"

static const char *const feeds[] = {BW_FEED_PASTE_BEGIN, BW_FEED_PASTE_END, BW_FEED_MOUSE, "up",
                                    "ctrl-right"};

static void complete(void *user, const char *text, bw_candidates *out)
{
    (void)user;
    bw_candidates_add(out, text, NULL);
    bw_candidates_add(out, "resync-full", NULL);
}

static void take(bw_prompt *p, const bw_input *e)
{
    char name[BW_KEY_NAME];
    bw_error err = BW_ERROR_INIT;
    /* What is printable may be half a cluster, an accent by itself: typed, but no key to bind. */
    if (e->type == BW_EVENT_KEY && !e->printable &&
        (bw_key_parse(e->key, name, &err) != BW_OK || strcmp(name, e->key) != 0))
        abort();
    bw_prompt_event(p, e);
    bw_slice text = bw_slice_cstr(bw_prompt_text(p));
    if (!bw_utf8_valid(text))
        abort();
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bw_key_decoder *d = bw_key_decoder_new();
    bw_history history = {0};
    bw_prompt *p = bw_prompt_new(
        &(bw_prompt_options){.label = ":", .history = &history, .complete = complete, .max = 200});
    bw_canvas *c = bw_canvas_new(4, 20, bw_glyphs_pick(true, false, false));
    bw_input e;
    int64_t now = 0;
    bw_slice s = {(const char *)data, size};
    int32_t cp;
    for (size_t n; (n = bw_utf8_decode(s, &cp)) > 0;) {
        s.ptr += n;
        s.len -= n;
        now += 1000;
        bool got;
        if (cp < 0) { /* bytes that are no text stand for what curses has recognised */
            unsigned char byte = (unsigned char)s.ptr[-1];
            got = bw_key_decoder_key(d, feeds[byte % BW_COUNT(feeds)], now, &e);
        } else {
            got = bw_key_decoder_char(d, cp, now, &e);
        }
        if (got)
            take(p, &e);
        if (cp == 'i' && bw_key_decoder_idle(d, &e))
            take(p, &e);
    }
    bw_prompt_draw(p, bw_canvas_region(c));
    if (!bw_key_decoder_char(d, 'q', now + BW_HOUR, &e) || strcmp(e.key, "q") != 0)
        abort();
    bw_canvas_free(c);
    bw_prompt_free(p);
    bw_history_fini(&history);
    bw_key_decoder_free(d);
    return 0;
}
