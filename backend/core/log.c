/*
 * Lines are formatted on the caller's stack, sanitised and redacted once, and handed to each sink
 * under one mutex: the order of the lines is the order in every sink.
 */
#include "backend/core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/core/text.h"
#include "backend/core/units.h"

#define MAX_SINKS 8
#define MAX_LINE  2048

static struct {
    pthread_mutex_t mu;
    struct {
        bw_log_sink *sink;
        void *user;
    } sinks[MAX_SINKS]; /* guarded by mu */
    uint64_t seq;       /* guarded by mu */
    atomic_int level;
} logger = {.mu = PTHREAD_MUTEX_INITIALIZER, .level = BW_LOG_INFO};

const char *bw_log_level_name(bw_log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    return names[level];
}

bool bw_log_level_parse(const char *name, bw_log_level *level)
{
    for (bw_log_level l = BW_LOG_ERROR; l <= BW_LOG_DEBUG; l++) {
        if (strcmp(name, bw_log_level_name(l)) == 0) {
            *level = l;
            return true;
        }
    }
    return false;
}

void bw_log_set_level(bw_log_level level)
{
    atomic_store(&logger.level, (int)level);
}

bw_log_level bw_log_get_level(void)
{
    return (bw_log_level)atomic_load(&logger.level);
}

int bw_log_add_sink(bw_log_sink *sink, void *user)
{
    int token = -1;
    pthread_mutex_lock(&logger.mu);
    for (int i = 0; i < MAX_SINKS && token < 0; i++) {
        if (!logger.sinks[i].sink) {
            logger.sinks[i].sink = sink;
            logger.sinks[i].user = user;
            token = i;
        }
    }
    pthread_mutex_unlock(&logger.mu);
    return token;
}

void bw_log_remove_sink(int token)
{
    if (token < 0 || token >= MAX_SINKS)
        return;
    pthread_mutex_lock(&logger.mu);
    logger.sinks[token].sink = NULL;
    pthread_mutex_unlock(&logger.mu);
}

static void emit(bw_log_level level, const char *subject, const char *raw)
{
    bw_buf clean = BW_BUF_INIT, text = BW_BUF_INIT;
    bw_text_redact(&clean, bw_slice_cstr(raw));
    bw_text_sanitise(&text, bw_buf_slice(&clean));
    char safe_subject[160];
    bw_text_sanitise_to(safe_subject, sizeof(safe_subject), subject ? subject : "");
    pthread_mutex_lock(&logger.mu);
    bw_log_line line = {
        .seq = ++logger.seq,
        .wall_us = bw_wall_us(bw_clock_system()),
        .level = level,
        .subject = safe_subject,
        .text = bw_buf_cstr(&text),
    };
    for (int i = 0; i < MAX_SINKS; i++) {
        if (logger.sinks[i].sink)
            logger.sinks[i].sink(logger.sinks[i].user, &line);
    }
    pthread_mutex_unlock(&logger.mu);
    bw_buf_fini(&clean);
    bw_buf_fini(&text);
}

void bw_log(bw_log_level level, const char *subject, const char *fmt, ...)
{
    if ((int)level > atomic_load(&logger.level))
        return;
    char raw[MAX_LINE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    emit(level, subject, raw);
}

void bw_log_error(bw_log_level level, const char *subject, const bw_error *err)
{
    if (err->hint[0])
        bw_log(level, subject, "%s; HINT: %s", err->message, err->hint);
    else
        bw_log(level, subject, "%s", err->message);
}

/* "2026-11-20T08:37:00.123Z": always three decimals, so that lines align. */
static const char *stamp(int64_t us, char out[BW_TIME_TEXT])
{
    bw_format_time(us - us % BW_SECOND, out);
    size_t n = strlen(out);
    if (n > 0)
        snprintf(out + n - 1, BW_TIME_TEXT - n + 1, ".%03dZ", (int)(us % BW_SECOND / 1000));
    return out;
}

void bw_log_format_text(const bw_log_line *line, char *dst, size_t size)
{
    char when[BW_TIME_TEXT];
    snprintf(dst, size, "%s %-5s %s%s%s", stamp(line->wall_us, when),
             bw_log_level_name(line->level), line->subject, line->subject[0] ? ": " : "",
             line->text);
}

void bw_log_format_json(const bw_log_line *line, char *dst, size_t size)
{
    char when[BW_TIME_TEXT];
    bw_buf b = BW_BUF_INIT;
    bw_buf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"subject\":", stamp(line->wall_us, when),
                bw_log_level_name(line->level));
    bw_json_add_string(&b, bw_slice_cstr(line->subject));
    bw_buf_adds(&b, ",\"message\":");
    bw_json_add_string(&b, bw_slice_cstr(line->text));
    bw_buf_addc(&b, '}');
    snprintf(dst, size, "%s", bw_buf_cstr(&b));
    bw_buf_fini(&b);
}

void bw_log_to_fd(void *user, const bw_log_line *line)
{
    const bw_log_fd *to = user;
    char text[MAX_LINE * 8];
    if (to->json)
        bw_log_format_json(line, text, sizeof(text) - 1);
    else
        bw_log_format_text(line, text, sizeof(text) - 1);
    size_t n = strlen(text), done = 0;
    text[n++] = '\n';
    while (done < n) {
        ssize_t w = write(to->fd, text + done, n - done);
        if (w <= 0)
            break; /* a full disk must not stop the engine; the ring still has the line */
        done += (size_t)w;
    }
}

typedef struct ring_line {
    bw_log_line line;
    char *subject, *text;
} ring_line;

struct bw_log_ring {
    pthread_mutex_t mu;
    ring_line *lines; /* guarded by mu */
    size_t cap, next; /* guarded by mu */
    _Atomic uint64_t newest;
};

bw_log_ring *bw_log_ring_new(size_t lines)
{
    bw_log_ring *r = bw_xcalloc(1, sizeof(*r));
    pthread_mutex_init(&r->mu, NULL);
    r->lines = bw_xcalloc(lines, sizeof(*r->lines));
    r->cap = lines;
    return r;
}

void bw_log_ring_free(bw_log_ring *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->cap; i++) {
        free(r->lines[i].subject);
        free(r->lines[i].text);
    }
    free(r->lines);
    pthread_mutex_destroy(&r->mu);
    free(r);
}

void bw_log_to_ring(void *user, const bw_log_line *line)
{
    bw_log_ring *r = user;
    pthread_mutex_lock(&r->mu);
    ring_line *slot = &r->lines[r->next++ % r->cap];
    free(slot->subject);
    free(slot->text);
    slot->line = *line;
    slot->line.subject = slot->subject = bw_xstrdup(line->subject);
    slot->line.text = slot->text = bw_xstrdup(line->text);
    pthread_mutex_unlock(&r->mu);
    atomic_store(&r->newest, line->seq);
}

uint64_t bw_log_ring_newest(const bw_log_ring *r)
{
    return atomic_load(&r->newest);
}

size_t bw_log_ring_read(bw_log_ring *r, uint64_t after, bw_log_level max_level, bw_arena *arena,
                        bw_log_line *out, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&r->mu);
    size_t have = r->next < r->cap ? r->next : r->cap;
    for (size_t i = r->next - have; i < r->next && n < max; i++) {
        const bw_log_line *line = &r->lines[i % r->cap].line;
        if (line->seq <= after || line->level > max_level)
            continue;
        out[n] = *line;
        out[n].subject = bw_arena_strdup(arena, line->subject);
        out[n].text = bw_arena_strdup(arena, line->text);
        n++;
    }
    pthread_mutex_unlock(&r->mu);
    return n;
}
