#include "tests/support/http_client.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct bw_test_http {
    CURL *curl;
    char *base;
    bw_buf body, headers, value;
    const char *upload;
    size_t upload_left;
};

bw_test_http *bw_test_http_new(const char *base)
{
    bw_test_http *h = bw_xcalloc(1, sizeof *h);
    h->curl = curl_easy_init();
    h->base = bw_xstrdup(base);
    return h;
}

void bw_test_http_free(bw_test_http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    free(h->base);
    bw_buf_fini(&h->body);
    bw_buf_fini(&h->headers);
    bw_buf_fini(&h->value);
    free(h);
}

static size_t on_data(char *data, size_t size, size_t count, void *user)
{
    bw_buf_add(user, data, size * count);
    return size * count;
}

static size_t on_upload(char *data, size_t size, size_t count, void *user)
{
    bw_test_http *h = user;
    size_t n = size * count < h->upload_left ? size * count : h->upload_left;
    memcpy(data, h->upload, n);
    h->upload += n;
    h->upload_left -= n;
    return n;
}

static void set_body(bw_test_http *h, const bw_test_request *r, bool has_body)
{
    if (r->chunked) {
        h->upload = r->body;
        h->upload_left = r->body_size;
        curl_easy_setopt(h->curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(h->curl, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(h->curl, CURLOPT_READDATA, h);
    } else if (has_body) {
        curl_easy_setopt(h->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
        curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, r->body ? r->body : "");
    }
}

static struct curl_slist *header_list(const bw_test_request *r)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool typed = false;
    for (size_t i = 0; r->headers && r->headers[i]; i++) {
        typed = typed || strncasecmp(r->headers[i], "Content-Type:", 13) == 0;
        list = curl_slist_append(list, r->headers[i]);
    }
    if (!typed)
        list = curl_slist_append(list, "Content-Type: application/json");
    return list;
}

int bw_test_http_send(bw_test_http *h, const bw_test_request *r)
{
    const char *verb = r->verb ? r->verb : "GET";
    char *url = bw_xasprintf("%s%s", r->url[0] == '/' ? h->base : "", r->url);
    struct curl_slist *headers = header_list(r);
    bw_buf_clear(&h->body);
    bw_buf_clear(&h->headers);
    curl_easy_reset(h->curl);
    curl_easy_setopt(h->curl, CURLOPT_URL, url);
    curl_easy_setopt(h->curl, CURLOPT_PATH_AS_IS, 1L); /* a test's .. is meant */
    curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS,
                     (long)((r->timeout_s > 0 ? r->timeout_s : 60) * 1000));
    /* On a kept connection that dies libcurl sends the request again by itself, which would hide
       what a test wants to see: only reading may use one. */
    curl_easy_setopt(h->curl, CURLOPT_FRESH_CONNECT, strcmp(verb, "GET") != 0 ? 1L : 0L);
    set_body(h, r, r->body || (strcmp(verb, "GET") != 0 && strcmp(verb, "DELETE") != 0));
    curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, verb);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, &h->body);
    curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, on_data);
    curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, &h->headers);
    CURLcode code = curl_easy_perform(h->curl);
    long status = 0;
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    free(url);
    return code == CURLE_OK ? (int)status : -(int)code;
}

int bw_test_http_json(bw_test_http *h, const char *verb, const char *path, const char *fmt, ...)
{
    bw_buf body = BW_BUF_INIT;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        char *text;
        int n = vasprintf(&text, fmt, ap);
        va_end(ap);
        if (n >= 0) {
            bw_buf_add(&body, text, (size_t)n);
            free(text);
        }
    }
    int status = bw_test_http_send(
        h, &(bw_test_request){
               .verb = verb, .url = path, .body = fmt ? body.ptr : NULL, .body_size = body.len});
    bw_buf_fini(&body);
    return status;
}

int bw_test_http_get(bw_test_http *h, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *path;
    if (vasprintf(&path, fmt, ap) < 0)
        abort();
    va_end(ap);
    int status = bw_test_http_send(h, &(bw_test_request){.url = path});
    free(path);
    return status;
}

const char *bw_test_http_body(bw_test_http *h)
{
    return bw_buf_cstr(&h->body);
}

size_t bw_test_http_body_size(const bw_test_http *h)
{
    return h->body.len;
}

const char *bw_test_http_header(bw_test_http *h, const char *name)
{
    size_t name_len = strlen(name);
    const char *line = bw_buf_cstr(&h->headers);
    for (; *line; line = strchr(line, '\n') + 1) {
        size_t len = strcspn(line, "\r\n");
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            value += strspn(value, " ");
            bw_buf_clear(&h->value);
            bw_buf_add(&h->value, value, (size_t)(line + len - value));
            return bw_buf_cstr(&h->value);
        }
        if (!strchr(line, '\n'))
            break;
    }
    return NULL;
}
