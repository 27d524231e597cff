/*
 * The head, up to where the media begins, is small and collected before it is taken apart. The media
 * is searched for the boundary as it passes; what could be the beginning of one at the end of a
 * piece is carried over to the next.
 */
#include "backend/sandbox/multipart.h"

#include <stdlib.h>
#include <strings.h>

typedef enum multipart_state { IN_HEAD, IN_MEDIA, IN_CLOSE, FAILED } multipart_state;

struct bw_sb_multipart {
    multipart_state state;
    char *delimiter; /* "\r\n--boundary" */
    size_t delimiter_len;
    bw_buf head;
    bw_slice metadata; /* in head */
    bw_buf carry;
    char close[2]; /* what followed the last delimiter */
    size_t close_len;
    size_t skip; /* bytes of the media's stream that belong to the head */
    const char *fault;
    void (*media)(void *user, const char *bytes, size_t size);
    void *user;
};

bw_sb_multipart *bw_sb_multipart_new(const char *content_type,
                                     void (*media)(void *user, const char *bytes, size_t size),
                                     void *user)
{
    const char *at = content_type && strncasecmp(content_type, "multipart/", 10) == 0
                         ? strcasestr(content_type, "boundary=")
                         : NULL;
    if (!at)
        return NULL;
    at += strlen("boundary=");
    bool quoted = *at == '"';
    at += quoted;
    size_t len = quoted ? strcspn(at, "\"") : strcspn(at, "; \t");
    if (len == 0 || len > 200)
        return NULL;
    bw_sb_multipart *m = bw_xcalloc(1, sizeof *m);
    m->delimiter = bw_xasprintf("\r\n--%.*s", (int)len, at);
    m->delimiter_len = strlen(m->delimiter);
    m->media = media;
    m->user = user;
    return m;
}

void bw_sb_multipart_free(bw_sb_multipart *m)
{
    if (!m)
        return;
    free(m->delimiter);
    bw_buf_fini(&m->head);
    bw_buf_fini(&m->carry);
    free(m);
}

static const char *find(const char *in, size_t size, const char *what, size_t len)
{
    return size >= len ? memmem(in, size, what, len) : NULL;
}

static void feed_close(bw_sb_multipart *m, const char *bytes, size_t size)
{
    while (size > 0 && m->close_len < 2) {
        m->close[m->close_len++] = *bytes++;
        size--;
    }
}

static void emit(bw_sb_multipart *m, const char *bytes, size_t size)
{
    size_t skip = m->skip < size ? m->skip : size;
    m->skip -= skip;
    if (size > skip)
        m->media(m->user, bytes + skip, size - skip);
}

/* The carried bytes with the beginning of the new ones. True when that was all of them. */
static bool feed_carry(bw_sb_multipart *m, const char *bytes, size_t size)
{
    size_t carried = m->carry.len;
    size_t joined = size < m->delimiter_len ? size : m->delimiter_len;
    bw_buf_add(&m->carry, bytes, joined);
    const char *hit = find(m->carry.ptr, m->carry.len, m->delimiter, m->delimiter_len);
    if (hit) {
        size_t before = (size_t)(hit - m->carry.ptr);
        size_t used = before + m->delimiter_len - carried;
        emit(m, m->carry.ptr, before);
        m->state = IN_CLOSE;
        bw_buf_clear(&m->carry);
        feed_close(m, bytes + used, size - used);
        return true;
    }
    if (joined == size) {
        /* Too little to decide about the last bytes: keep what could begin a delimiter. */
        size_t keep = m->delimiter_len - 1;
        size_t safe = m->carry.len > keep ? m->carry.len - keep : 0;
        emit(m, m->carry.ptr, safe);
        bw_buf_consume(&m->carry, safe);
        return true;
    }
    emit(m, m->carry.ptr, carried);
    bw_buf_clear(&m->carry);
    return false;
}

static void feed_media(bw_sb_multipart *m, const char *bytes, size_t size)
{
    if (size == 0 || (m->carry.len && feed_carry(m, bytes, size)))
        return;
    const char *hit = find(bytes, size, m->delimiter, m->delimiter_len);
    if (hit) {
        size_t before = (size_t)(hit - bytes), used = before + m->delimiter_len;
        emit(m, bytes, before);
        m->state = IN_CLOSE;
        feed_close(m, bytes + used, size - used);
        return;
    }
    size_t keep = size < m->delimiter_len - 1 ? size : m->delimiter_len - 1;
    emit(m, bytes, size - keep);
    bw_buf_add(&m->carry, bytes + size - keep, keep);
}

/* Skips a boundary line and a part's headers; NULL when they are not complete yet. */
static const char *part_content(const char *from, const char *end)
{
    const char *line = find(from, (size_t)(end - from), "\r\n", 2);
    if (!line)
        return NULL;
    /* A part without headers has its empty line at once. */
    if (end - line >= 4 && memcmp(line, "\r\n\r\n", 4) == 0)
        return line + 4;
    const char *blank = find(line, (size_t)(end - line), "\r\n\r\n", 4);
    return blank ? blank + 4 : NULL;
}

static void feed_head(bw_sb_multipart *m, const char *bytes, size_t size)
{
    bw_buf_add(&m->head, bytes, size);
    const char *end = m->head.ptr + m->head.len;
    /* The first delimiter may have no line before it. */
    const char *first = m->head.len >= m->delimiter_len - 2 &&
                                memcmp(m->head.ptr, m->delimiter + 2, m->delimiter_len - 2) == 0
                            ? m->head.ptr
                            : find(m->head.ptr, m->head.len, m->delimiter, m->delimiter_len);
    const char *metadata = first ? part_content(first + 2, end) : NULL;
    const char *second =
        metadata ? find(metadata, (size_t)(end - metadata), m->delimiter, m->delimiter_len) : NULL;
    const char *media = second ? part_content(second + 2, end) : NULL;
    if (second && end - second >= (ptrdiff_t)m->delimiter_len + 2 &&
        memcmp(second + m->delimiter_len, "--", 2) == 0) {
        m->state = FAILED;
        m->fault = "the media part is missing";
    } else if (media) {
        m->metadata = (bw_slice){metadata, (size_t)(second - metadata)};
        m->state = IN_MEDIA;
        /* The line break before the media comes along: it begins the delimiter when the media is
           empty. */
        m->skip = 2;
        feed_media(m, media - 2, (size_t)(end - media) + 2);
    } else if (m->head.len > BW_SB_MAX_METADATA) {
        m->state = FAILED;
        m->fault = "the metadata part is missing or too large";
    }
}

void bw_sb_multipart_feed(bw_sb_multipart *m, const char *bytes, size_t size)
{
    if (m->state == IN_HEAD)
        feed_head(m, bytes, size);
    else if (m->state == IN_MEDIA)
        feed_media(m, bytes, size);
    else if (m->state == IN_CLOSE)
        feed_close(m, bytes, size);
}

const char *bw_sb_multipart_fault(const bw_sb_multipart *m)
{
    if (m->fault)
        return m->fault;
    if (m->state == IN_HEAD)
        return "the metadata or the media part is missing";
    if (m->state != IN_CLOSE || m->close_len < 2 || memcmp(m->close, "--", 2) != 0)
        return "the closing boundary is missing";
    return NULL;
}

bw_slice bw_sb_multipart_metadata(const bw_sb_multipart *m)
{
    return m->metadata;
}
