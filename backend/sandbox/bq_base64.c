#include "backend/sandbox/bq_base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool bq_base64_decode(bw_slice text, bw_buf *out)
{
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        const char *p = text.ptr + i;
        bool last = i + 4 == text.len;
        int pad = !last || p[3] != '=' ? 0 : p[2] == '=' ? 2 : 1;
        uint32_t bits = 0;
        for (int k = 0; k < 4 - pad; k++) {
            int d = digit(p[k]);
            if (d < 0)
                return false;
            bits |= (uint32_t)d << (18 - 6 * k);
        }
        char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        /* The bits that padding leaves over must be zero: one text per value. */
        if ((pad == 1 && bytes[2] != 0) || (pad == 2 && bytes[1] != 0))
            return false;
        bw_buf_add(out, bytes, (size_t)(3 - pad));
    }
    return true;
}

bool bq_base64_normalise(bw_slice text, char *out, size_t *size)
{
    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    size_t rest = text.len % 4;
    int last = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        last = digit(c == '-' ? '+' : c == '_' ? '/' : c);
        if (last < 0)
            return false;
        out[i] = alphabet[last];
    }
    *size = text.len;
    if (rest == 1)
        return false;
    if (rest) { /* bits behind the last byte count for nothing */
        out[text.len - 1] = alphabet[last & (rest == 2 ? 0x30 : 0x3c)];
        memset(out + text.len, '=', 4 - rest);
        *size += 4 - rest;
    }
    return true;
}

void bq_base64_encode(bw_slice bytes, bw_buf *out)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        const unsigned char *p = (const unsigned char *)bytes.ptr + i;
        uint32_t bits =
            (uint32_t)p[0] << 16 | (uint32_t)(n > 1 ? p[1] : 0) << 8 | (uint32_t)(n > 2 ? p[2] : 0);
        char text[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                        n > 1 ? alphabet[bits >> 6 & 63] : '=', n > 2 ? alphabet[bits & 63] : '='};
        bw_buf_add(out, text, sizeof(text));
    }
}
