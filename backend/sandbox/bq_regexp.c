#define PCRE2_CODE_UNIT_WIDTH 8
#include "backend/sandbox/bq_regexp.h"

#include <pcre2.h>
#include <stdlib.h>

#include "backend/sandbox/bq_re2.h"

#define MAX_STEPS 2000000
#define MAX_HEAP  65536 /* KiB */

struct bq_regexp {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    bool text;
};

static pcre2_code *compile(const bw_buf *pattern, bool text, bw_slice written, bw_buf *why)
{
    pcre2_compile_context *how = pcre2_compile_context_create(NULL);
    uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    int code = 0;
    size_t at = 0;

    if (!how)
        abort();
    pcre2_set_newline(how, PCRE2_NEWLINE_LF);
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)(pattern->ptr ? pattern->ptr : ""), pattern->len,
                                   options | (text ? PCRE2_UTF : PCRE2_NEVER_UTF), &code, &at, how);
    pcre2_compile_context_free(how);
    if (!re) {
        PCRE2_UCHAR message[120] = "";
        pcre2_get_error_message(code, message, sizeof message);
        bw_buf_addf(why, "Cannot parse regular expression: %s: %.*s", (const char *)message,
                    BW_SLICE_ARG(written));
    }
    return re;
}

bq_regexp *bq_regexp_new(bw_slice pattern, bool text, bw_buf *why)
{
    bw_buf rewritten = BW_BUF_INIT;
    pcre2_code *code = NULL;

    bw_buf_clear(why);
    if (bq_re2_rewrite(pattern, text, &rewritten, why))
        code = compile(&rewritten, text, pattern, why);
    bw_buf_fini(&rewritten);
    if (!code)
        return NULL;
    bq_regexp *re = bw_xcalloc(1, sizeof *re);
    re->code = code;
    re->text = text;
    re->match = pcre2_match_data_create(BQ_REGEXP_GROUPS, NULL);
    re->limits = pcre2_match_context_create(NULL);
    if (!re->match || !re->limits)
        abort();
    pcre2_set_match_limit(re->limits, MAX_STEPS);
    pcre2_set_heap_limit(re->limits, MAX_HEAP);
    return re;
}

void bq_regexp_free(bq_regexp *re)
{
    if (!re)
        return;
    pcre2_match_context_free(re->limits);
    pcre2_match_data_free(re->match);
    pcre2_code_free(re->code);
    free(re);
}

int bq_regexp_groups(const bq_regexp *re)
{
    uint32_t n = 0;

    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &n);
    return (int)n;
}

int bq_regexp_find(bq_regexp *re, bw_slice subject, size_t from, bq_span groups[BQ_REGEXP_GROUPS])
{
    /* After the first search the subject has been checked. */
    uint32_t options = from > 0 && re->text ? PCRE2_NO_UTF_CHECK : 0;
    int found = pcre2_match(re->code, (PCRE2_SPTR)(subject.ptr ? subject.ptr : ""), subject.len,
                            from, options, re->match, re->limits);

    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found < 0)
        return -1;
    const size_t *spans = pcre2_get_ovector_pointer(re->match);
    size_t known = found == 0 ? BQ_REGEXP_GROUPS : (size_t)found;
    for (size_t i = 0; i < BQ_REGEXP_GROUPS; i++) {
        bool set = i < known && spans[2 * i] != PCRE2_UNSET;
        groups[i] = set ? (bq_span){spans[2 * i], spans[2 * i + 1]} : (bq_span){SIZE_MAX, SIZE_MAX};
    }
    return 1;
}
