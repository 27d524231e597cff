/* The sanitiser, the redactor and everything that measures text, against arbitrary bytes: what is
   meant for a terminal holds no byte that acts on one, and no measure runs past the text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_harmless(bw_slice s)
{
    int32_t cp;
    if (!bw_utf8_valid(s))
        abort();
    for (size_t n; (n = bw_utf8_decode(s, &cp)) > 0; s.ptr += n, s.len -= n) {
        bool control = cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
        bool direction = (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
        if (control || direction)
            abort();
    }
}

static void check_measures(bw_slice s, int cells)
{
    int used = -1, sum = 0, width;
    size_t fits = bw_text_fit(s, cells, &used);
    if (fits > s.len || used < 0 || used > cells)
        abort();
    if (bw_text_width((bw_slice){s.ptr, fits}) != used)
        abort();
    for (bw_slice rest = s; rest.len;) {
        size_t n = bw_cluster_next(rest, &width);
        if (n == 0 || n > rest.len || width < 0 || width > 2)
            abort();
        sum += width;
        rest.ptr += n;
        rest.len -= n;
    }
    if (sum != bw_text_width(s))
        abort();
}

static void check_as_json(bw_slice s)
{
    bw_buf out = BW_BUF_INIT;
    bw_json_add_string(&out, s);
    if (!bw_json_valid(bw_buf_slice(&out), NULL, NULL))
        abort();
    bw_buf_fini(&out);
}

static void check_fixed(const char *text, size_t room)
{
    char small[64];
    bw_text_sanitise_to(small, 1 + room % sizeof(small), text);
    check_harmless((bw_slice){small, strlen(small)});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bw_slice raw = {(const char *)data, size};
    char *text = bw_xstrndup((const char *)data, size);
    bw_buf clean = BW_BUF_INIT, redacted = BW_BUF_INIT;
    bw_text_sanitise(&clean, raw);
    check_harmless(bw_buf_slice(&clean));
    check_measures(bw_buf_slice(&clean), size ? data[0] : 0);
    check_as_json(bw_buf_slice(&clean));
    check_fixed(text, size);
    bw_text_redact(&redacted, raw);
    if (bw_utf8_valid_prefix(raw) > size)
        abort();
    char *split = strchr(text, '\n');
    if (split) {
        static const char *const names[] = {"project", "dataset", "sources", "syncs"};
        *split = '\0';
        (void)bw_glob_match(text, split + 1);
        (void)bw_nearest(text, names, BW_COUNT(names));
    }
    bw_buf_fini(&clean);
    bw_buf_fini(&redacted);
    free(text);
    return 0;
}
