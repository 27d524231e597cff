/* What can be read out of an answer and written into a URL, without the network. */
#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/net/http.h"

void bw_http_response_fini(bw_http_response *response)
{
    bw_buf_fini(&response->body);
    bw_buf_fini(&response->headers);
}

const char *bw_http_header(const bw_http_response *response, const char *name)
{
    const char *found = NULL;
    if (response->headers.len == 0)
        return NULL;
    const char *at = response->headers.ptr, *end = at + response->headers.len;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0)
            found = value;
        at = value + strlen(value) + 1;
    }
    return found;
}

/* An HTTP date (RFC 9110, 5.6.7) as microseconds; BW_TIME_NONE when it is none. */
static int64_t parse_date(const char *text)
{
    time_t t = text ? curl_getdate(text, NULL) : -1;
    return t == -1 ? BW_TIME_NONE : (int64_t)t * BW_SECOND;
}

int64_t bw_http_date(const bw_http_response *response)
{
    return parse_date(bw_http_header(response, "Date"));
}

double bw_http_retry_after(const bw_http_response *response, const bw_clock *clock)
{
    const char *text = bw_http_header(response, "Retry-After");
    if (!text || !text[0])
        return 0;
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);
    if (*end == '\0' && text[0] >= '0' && text[0] <= '9')
        return seconds > 86400 ? 86400 : (double)seconds;
    int64_t when = parse_date(text), now = bw_http_date(response);
    if (now == BW_TIME_NONE)
        now = bw_wall_us(clock);
    return when == BW_TIME_NONE || when <= now ? 0 : (double)(when - now) / 1e6;
}

void bw_http_add_escaped(bw_buf *out, bw_slice s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            bw_buf_addc(out, (char)c);
            continue;
        }
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        bw_buf_add(out, escape, sizeof(escape));
    }
}

bool bw_http_is_loopback(const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL;
    bool loopback = false;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        size_t digits = strspn(host, "0123456789.");
        loopback = strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
                   (strncmp(host, "127.", 4) == 0 && host[digits] == '\0');
    }
    curl_free(host);
    curl_url_cleanup(u);
    return loopback;
}
