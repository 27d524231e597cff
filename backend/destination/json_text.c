#include "backend/destination/json_text.h"

static bool special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* The letter of the short escapes; 0 where \u00XX is the only form. */
static char short_escape(unsigned char c)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    return c < 0x20 ? letters[c] : (char)c;
}

char *bw_json_escape_byte(char *p, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char letter = short_escape(c);

    *p++ = '\\';
    if (letter) {
        *p++ = letter;
        return p;
    }
    memcpy(p, "u00", 3);
    p[3] = hex[c >> 4];
    p[4] = hex[c & 15];
    return p + 5;
}

char *bw_json_escape_slow(char *p, const char *text, size_t n)
{
    size_t i = 0;
    while (i < n) {
        size_t from = i;
        while (i < n && !special((unsigned char)text[i]))
            i++;
        p = bw_copy(p, text + from, i - from);
        if (i < n)
            p = bw_json_escape_byte(p, (unsigned char)text[i++]);
    }
    return p;
}

size_t bw_json_escaped_size(const char *text, size_t n)
{
    size_t size = n;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (special(c))
            size += short_escape(c) ? 1 : BW_JSON_EXPANSION - 1;
    }
    return size;
}
