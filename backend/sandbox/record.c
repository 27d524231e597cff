#include "backend/sandbox/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/core/clock.h"
#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/sandbox/json_shape.h"

struct bw_sb_record {
    int fd;
    pthread_mutex_t mu;
    uint64_t *seen; /* guarded by mu: open addressing, 0 is free */
    size_t seen_count, seen_places;
};

/* What of a request's header says something about the contract. */
static const char *const kept_headers[] = {
    "User-Agent",     "Content-Type",          "Content-Encoding",        "Content-Range",
    "If-Match",       "X-Upload-Content-Type", "X-Upload-Content-Length", "X-HTTP-Method-Override",
    "Metadata-Flavor"};

bw_status bw_sb_record_open(const char *directory, bw_sb_record **out, bw_error *err)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return bw_error_errno(err, BW_IO, errno, "cannot make the directory %s", directory);
    char *path = bw_xasprintf("%s/%ld-%lld.jsonl", directory, (long)getpid(),
                              (long long)bw_wall_us(bw_clock_system()));
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0666);
    int saved_errno = errno;
    free(path);
    if (fd < 0)
        return bw_error_errno(err, BW_IO, saved_errno, "cannot record in %s", directory);
    bw_sb_record *record = bw_xcalloc(1, sizeof *record);
    record->fd = fd;
    pthread_mutex_init(&record->mu, NULL);
    record->seen_places = 4096;
    record->seen = bw_xcalloc(record->seen_places, sizeof *record->seen);
    *out = record;
    return BW_OK;
}

void bw_sb_record_close(bw_sb_record *record)
{
    if (!record)
        return;
    close(record->fd);
    pthread_mutex_destroy(&record->mu);
    free(record->seen);
    free(record);
}

/* ---- What has been seen ----------------------------------------------------------------------- */

static bool insert(uint64_t *places, size_t count, uint64_t fact)
{
    size_t i = fact & (count - 1);
    for (; places[i]; i = (i + 1) & (count - 1)) {
        if (places[i] == fact)
            return false;
    }
    places[i] = fact;
    return true;
}

static void grow(bw_sb_record *record)
{
    size_t count = record->seen_places * 2;
    uint64_t *places = bw_xcalloc(count, sizeof *places);
    for (size_t i = 0; i < record->seen_places; i++) {
        if (record->seen[i])
            insert(places, count, record->seen[i]);
    }
    free(record->seen);
    record->seen = places;
    record->seen_places = count;
}

static bool add_facts(bw_sb_record *record, const bw_buf *facts)
{
    bool new = false;
    pthread_mutex_lock(&record->mu);
    for (size_t at = 0; at < facts->len; at += sizeof(uint64_t)) {
        uint64_t fact;
        memcpy(&fact, facts->ptr + at, sizeof fact);
        if (!insert(record->seen, record->seen_places, fact ? fact : 1))
            continue;
        new = true;
        if (++record->seen_count * 2 > record->seen_places)
            grow(record);
    }
    pthread_mutex_unlock(&record->mu);
    return new;
}

/* ---- The facts of an exchange ----------------------------------------------------------------- */

static void take_fact(void *user, uint64_t fact)
{
    bw_buf_add(user, &fact, sizeof fact);
}

/* The query's names and the classes of its values. */
static void query_facts(const char *query, uint64_t seed, bw_buf *facts)
{
    uint64_t together = 0;
    while (*query) {
        size_t len = strcspn(query, "&"), name = strcspn(query, "=&");
        uint64_t hash = bw_sb_shape_mix(seed, (bw_slice){query, name});
        together += hash;
        if (name < len) {
            uint64_t class = bw_sb_shape_text((bw_slice){query + name + 1, len - name - 1});
            take_fact(facts, bw_sb_shape_mix(hash, (bw_slice){(char *)&class, sizeof class}));
        }
        query += len + (query[len] == '&');
    }
    take_fact(facts, together ^ seed);
}

/* Who asks which method through which door, and how it was answered. */
static uint64_t exchange_seed(const bw_sb_request *r, unsigned status, const char *fault)
{
    bw_buf key = BW_BUF_INIT;
    const char *agent = bw_sb_request_header(r, "User-Agent");
    bw_slice path = bw_slice_cstr(r->path);
    if (r->route)
        path.len = strcspn(r->path + (*r->path == '/'), "/");
    bw_buf_addf(&key, "%s %s %.*s %s %u %s %.*s", r->verb, r->route ? r->route->method : "",
                BW_SLICE_ARG(path), r->route ? r->route->pattern : "", status,
                *fault ? "fault" : "", agent ? (int)strcspn(agent, "/") : 0, agent ? agent : "");
    uint64_t seed = bw_sb_shape_mix(0, bw_buf_slice(&key));
    bw_buf_fini(&key);
    return seed;
}

static void exchange_facts(const bw_sb_request *r, bw_slice body, bw_slice reply, uint64_t seed,
                           bw_buf *facts)
{
    take_fact(facts, seed);
    query_facts(r->query, seed + 1, facts);
    for (size_t i = 0; i < BW_COUNT(kept_headers); i++) {
        const char *value = bw_sb_request_header(r, kept_headers[i]);
        if (value)
            take_fact(facts, bw_sb_shape_mix(seed + 2, bw_slice_cstr(kept_headers[i])));
    }
    if (!bw_sb_json_shape(body, seed + 3, take_fact, facts))
        take_fact(facts, seed + 4);
    if (!bw_sb_json_shape(reply, seed + 5, take_fact, facts))
        take_fact(facts, seed + 6);
}

/* ---- Lines ------------------------------------------------------------------------------------ */

static void add_text(bw_buf *out, const char *name, const char *text)
{
    bw_slice s = bw_slice_cstr(text);
    s.len = bw_utf8_valid_prefix(s);
    bw_buf_addf(out, "%s\"%s\":", out->ptr[out->len - 1] == '{' ? "" : ",", name);
    bw_json_add_string(out, s);
}

static void add_body(bw_buf *out, const char *name, bw_slice body, uint64_t size)
{
    bw_buf_addf(out, ",\"%sSize\":%llu,\"%s\":", name, (unsigned long long)size, name);
    if (body.len == 0 || !bw_utf8_valid(body)) {
        bw_buf_adds(out, "null");
    } else if (!bw_json_valid(body, NULL, NULL)) {
        bw_json_add_string(out, body);
    } else {
        for (size_t i = 0; i < body.len; i++) /* line breaks are white space there, nothing else */
            bw_buf_addc(out, body.ptr[i] == '\n' || body.ptr[i] == '\r' ? ' ' : body.ptr[i]);
    }
}

static void print_line(const bw_sb_request *r, const bw_sb_reply *reply, unsigned status,
                       const char *fault, bw_slice body, bw_slice reply_body, bw_buf *out)
{
    bw_buf_addc(out, '{');
    add_text(out, "verb", r->verb);
    add_text(out, "path", r->path);
    add_text(out, "query", r->query);
    add_text(out, "method", r->route ? r->route->method : "");
    bw_buf_adds(out, ",\"headers\":{");
    for (size_t i = 0; i < BW_COUNT(kept_headers); i++) {
        const char *value = bw_sb_request_header(r, kept_headers[i]);
        if (value)
            add_text(out, kept_headers[i], value);
    }
    bw_buf_addc(out, '}');
    add_body(out, "body", body, r->body_size);
    bw_buf_addf(out, ",\"status\":%u", status);
    add_text(out, "fault", fault);
    bw_buf_adds(out, ",\"replyHeaders\":{");
    for (size_t i = 0; i < reply->header_count; i++)
        add_text(out, reply->headers[i].name, reply->headers[i].value);
    if (reply->content_type)
        add_text(out, "Content-Type", reply->content_type);
    bw_buf_addc(out, '}');
    add_body(out, "reply", reply_body, reply->body.len);
    bw_buf_adds(out, "}\n");
}

static void write_line(bw_sb_record *record, const bw_buf *line)
{
    size_t at = 0;
    pthread_mutex_lock(&record->mu);
    while (at < line->len) {
        ssize_t n = write(record->fd, line->ptr + at, line->len - at);
        if (n < 0 && errno != EINTR)
            break; /* the check misses the exchange, the service must not */
        at += n > 0 ? (size_t)n : 0;
    }
    pthread_mutex_unlock(&record->mu);
}

static bw_slice kept_body(const bw_buf *body)
{
    return body->len <= BW_SB_RECORD_BODY ? bw_buf_slice(body) : (bw_slice){"", 0};
}

void bw_sb_record_add(bw_sb_record *record, const bw_sb_request *r, const bw_sb_reply *reply,
                      unsigned status, const char *fault)
{
    bw_slice body = kept_body(&r->body), reply_body = kept_body(&reply->body);
    bw_buf facts = BW_BUF_INIT, line = BW_BUF_INIT;
    exchange_facts(r, body, reply_body, exchange_seed(r, status, fault), &facts);
    if (add_facts(record, &facts)) {
        print_line(r, reply, status, fault, body, reply_body, &line);
        write_line(record, &line);
    }
    bw_buf_fini(&facts);
    bw_buf_fini(&line);
}
