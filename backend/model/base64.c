/* base64 (RFC 4648, section 4): standard alphabet, with padding. */
#include "backend/model/value.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void bw_base64_encode(bw_buf *out, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    char *q = bw_buf_reserve(out, (n + 2) / 3 * 4);
    out->len += (n + 2) / 3 * 4;
    for (; n >= 3; n -= 3, p += 3) {
        *q++ = alphabet[p[0] >> 2];
        *q++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *q++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *q++ = alphabet[p[2] & 63];
    }
    if (n == 0)
        return;
    unsigned second = n == 2 ? p[1] : 0;
    *q++ = alphabet[p[0] >> 2];
    *q++ = alphabet[(p[0] & 3u) << 4 | second >> 4];
    *q++ = n == 2 ? alphabet[(second & 15) << 2] : '=';
    *q++ = '=';
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool bw_base64_decode(bw_buf *out, bw_slice text)
{
    if (text.len % 4)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        bool last = i + 4 == text.len;
        int pad = 0;
        int v[4];
        for (int k = 0; k < 4; k++) {
            v[k] = value_of(text.ptr[i + (size_t)k]);
            if (v[k] < 0) {
                if (!last || text.ptr[i + (size_t)k] != '=' || k < 2)
                    return false;
                v[k] = 0;
                pad++;
            } else if (pad) {
                return false;
            }
        }
        int word = v[0] << 18 | v[1] << 12 | v[2] << 6 | v[3];
        if (pad && (word & (pad == 2 ? 0xFFFF : 0xFF)))
            return false; /* bits that no encoder writes: two texts for one value */
        char bytes[3] = {(char)(word >> 16), (char)(word >> 8), (char)word};
        bw_buf_add(out, bytes, (size_t)(3 - pad));
    }
    return true;
}
