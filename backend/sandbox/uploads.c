#include "backend/sandbox/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/sandbox/json_edit.h"

#define BUCKETS 256
/* The service keeps sessions for about a week; here nobody comes back to one after so long. */
#define SESSION_LIFE BW_DAY
/* A finished one only answers a repeated end of its upload. */
#define FINISHED_LIFE BW_HOUR
#define SWEEP_EVERY   64

struct bw_sb_uploads {
    char *directory; /* NULL: nothing survives */
    bool discard;
    bw_sb_stats *stats;
    pthread_mutex_t mu;
    bw_sb_session *buckets[BUCKETS]; /* guarded by mu; each with a reference */
    unsigned started;                /* guarded by mu: sessions since the last look for old ones */
    char **adopted;                  /* guarded by mu: ids of spools that jobs hold at the start */
    size_t adopted_count, adopted_cap;
};

/* ---- Files of a session ----------------------------------------------------------------------- */

static char *session_path(const bw_sb_uploads *u, const char *id, const char *suffix)
{
    return bw_xasprintf("%s/%s.%s", u->directory, id, suffix);
}

void bw_sb_session_save(const bw_sb_session *s)
{
    if (!s->uploads->directory)
        return;
    bw_buf out = BW_BUF_INIT;
    bw_buf_addc(&out, '{');
    bw_sb_json_add_text(&out, "project", s->project);
    bw_sb_json_add_text(&out, "location", s->location);
    bw_sb_json_add_text(&out, "jobId", s->job_id);
    bw_sb_json_add_int64(&out, "size", (int64_t)s->size);
    bw_sb_json_add_raw(&out, "job", s->job);
    bw_buf_addc(&out, '}');
    char *path = session_path(s->uploads, s->id, "json");
    char *temporary = session_path(s->uploads, s->id, "json.new");
    int fd = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool whole = write(fd, out.ptr, out.len) == (ssize_t)out.len;
        if (close(fd) == 0 && whole && rename(temporary, path) != 0)
            unlink(temporary);
    }
    free(temporary);
    free(path);
    bw_buf_fini(&out);
}

static bool read_whole(const char *path, bw_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    if (fd < 0)
        return false;
    do {
        n = read(fd, bw_buf_reserve(out, 65536), 65536);
        out->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    close(fd);
    return n == 0;
}

/* ---- The table -------------------------------------------------------------------------------- */

static bw_sb_session *session_alloc(bw_sb_uploads *u, const char *id)
{
    bw_sb_session *s = bw_xcalloc(1, sizeof *s);
    s->uploads = u;
    s->refs = 1;
    snprintf(s->id, sizeof s->id, "%s", id);
    s->touched_us = bw_mono_us(bw_clock_system());
    pthread_mutex_init(&s->mu, NULL);
    return s;
}

static void session_free(bw_sb_session *s)
{
    if (s->dropped && s->uploads->directory) {
        char *path = session_path(s->uploads, s->id, "json");
        unlink(path);
        free(path);
    }
    if (s->dropped)
        bw_sb_spool_remove(s->spool);
    else
        bw_sb_spool_close(s->spool);
    pthread_mutex_destroy(&s->mu);
    bw_arena_fini(&s->arena);
    free(s);
}

static bw_sb_session **bucket_of(bw_sb_uploads *u, const char *id)
{
    return &u->buckets[bw_sb_key(id) % BUCKETS];
}

static bool is_old(bw_sb_session *s, int64_t now)
{
    pthread_mutex_lock(&s->mu);
    int64_t life = s->job_id ? FINISHED_LIFE : SESSION_LIFE;
    bool old = now - s->touched_us > life;
    pthread_mutex_unlock(&s->mu);
    return old;
}

/* Under uploads->mu. */
static void drop_old(bw_sb_uploads *u)
{
    int64_t now = bw_mono_us(bw_clock_system());
    for (size_t i = 0; i < BUCKETS; i++) {
        for (bw_sb_session **at = &u->buckets[i]; *at;) {
            bw_sb_session *s = *at;
            if (!is_old(s, now)) {
                at = &s->next;
                continue;
            }
            *at = s->next;
            s->dropped = true;
            if (--s->refs == 0)
                session_free(s);
        }
    }
}

static void table_add(bw_sb_uploads *u, bw_sb_session *s)
{
    pthread_mutex_lock(&u->mu);
    if (++u->started % SWEEP_EVERY == 0)
        drop_old(u);
    s->next = *bucket_of(u, s->id);
    *bucket_of(u, s->id) = s;
    pthread_mutex_unlock(&u->mu);
}

static void make_id(char id[40])
{
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort(); /* the kernel promises this much at once */
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
}

static bool id_is_valid(const char *id)
{
    return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

/* A session that an earlier process has left. */
static void restore(bw_sb_uploads *u, const char *id)
{
    bw_buf text = BW_BUF_INIT;
    char *path = session_path(u, id, "json");
    bw_sb_session *s = session_alloc(u, id);
    bool fine = read_whole(path, &text) && bw_sb_json_is_object(bw_buf_slice(&text));
    bw_slice record = bw_buf_slice(&text);
    if (fine) {
        s->project = bw_sb_json_text(&s->arena, record, "project");
        s->location = bw_sb_json_text(&s->arena, record, "location");
        s->job_id = bw_sb_json_text(&s->arena, record, "jobId");
        s->job = bw_arena_slice(&s->arena, bw_sb_json_object(record, "job"));
        s->size = (uint64_t)bw_sb_json_int(record, "size", 0);
        fine = s->project && s->job.len;
    }
    if (fine && !s->job_id) {
        bw_error ignored = BW_ERROR_INIT;
        fine = bw_sb_spool_open(u->directory, id, &s->spool, &ignored) == BW_OK;
        s->size = fine ? s->spool->size : 0;
    }
    if (fine)
        table_add(u, s);
    else
        session_free(s);
    free(path);
    bw_buf_fini(&text);
}

static void restore_all(bw_sb_uploads *u)
{
    DIR *dir = opendir(u->directory);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char id[40] = "";
        if (strlen(entry->d_name) == 37 && strcmp(entry->d_name + 32, ".json") == 0)
            memcpy(id, entry->d_name, 32);
        if (id_is_valid(id))
            restore(u, id);
    }
    if (dir)
        closedir(dir);
}

bw_status bw_sb_uploads_new(const char *directory, bool discard, bw_sb_stats *stats,
                            bw_sb_uploads **out, bw_error *err)
{
    bw_sb_uploads *u = bw_xcalloc(1, sizeof *u);
    u->discard = discard;
    u->stats = stats;
    pthread_mutex_init(&u->mu, NULL);
    if (directory && !discard) {
        u->directory = bw_xasprintf("%s/uploads", directory);
        if (mkdir(u->directory, 0700) != 0 && errno != EEXIST) {
            bw_status status = bw_error_errno(err, BW_IO, errno, "cannot make %s", u->directory);
            bw_sb_uploads_free(u);
            return status;
        }
        restore_all(u);
    }
    *out = u;
    return BW_OK;
}

/* Takes every session out of the table. */
static void empty(bw_sb_uploads *u, bool drop)
{
    pthread_mutex_lock(&u->mu);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (u->buckets[i]) {
            bw_sb_session *s = u->buckets[i];
            u->buckets[i] = s->next;
            s->dropped = s->dropped || drop;
            if (--s->refs == 0)
                session_free(s);
        }
    }
    pthread_mutex_unlock(&u->mu);
}

void bw_sb_uploads_reset(bw_sb_uploads *u)
{
    empty(u, true);
}

void bw_sb_uploads_free(bw_sb_uploads *u)
{
    if (!u)
        return;
    empty(u, false);
    for (size_t i = 0; i < u->adopted_count; i++)
        free(u->adopted[i]);
    free(u->adopted);
    free(u->directory);
    pthread_mutex_destroy(&u->mu);
    free(u);
}

static bool is_needed(bw_sb_uploads *u, const char *id)
{
    for (size_t i = 0; i < u->adopted_count; i++) {
        if (strcmp(u->adopted[i], id) == 0)
            return true;
    }
    for (const bw_sb_session *s = *bucket_of(u, id); s; s = s->next) {
        if (strcmp(s->id, id) == 0)
            return true;
    }
    return false;
}

void bw_sb_uploads_sweep(bw_sb_uploads *u)
{
    DIR *dir = u->directory ? opendir(u->directory) : NULL;
    struct dirent *entry;
    pthread_mutex_lock(&u->mu);
    while (dir && (entry = readdir(dir))) {
        char id[40] = "";
        if (strlen(entry->d_name) > 33 && entry->d_name[32] == '.')
            memcpy(id, entry->d_name, 32);
        if (!id_is_valid(id) || is_needed(u, id))
            continue;
        char *path = bw_xasprintf("%s/%s", u->directory, entry->d_name);
        unlink(path);
        free(path);
    }
    pthread_mutex_unlock(&u->mu);
    if (dir)
        closedir(dir);
}

/* ---- Spools ----------------------------------------------------------------------------------- */

bw_status bw_sb_uploads_spool(bw_sb_uploads *u, bw_sb_spool **out, bw_error *err)
{
    char id[40];
    make_id(id);
    return bw_sb_spool_new(u->directory, id, u->discard, out, err);
}

bw_sb_spool *bw_sb_uploads_adopt(bw_sb_uploads *u, const char *id)
{
    bw_sb_spool *spool = NULL;
    bw_error ignored = BW_ERROR_INIT;
    if (!u->directory || !id_is_valid(id) ||
        bw_sb_spool_open(u->directory, id, &spool, &ignored) != BW_OK)
        return NULL;
    pthread_mutex_lock(&u->mu);
    BW_GROW(u->adopted, u->adopted_count + 1, u->adopted_cap);
    u->adopted[u->adopted_count++] = bw_xstrdup(id);
    pthread_mutex_unlock(&u->mu);
    return spool;
}

bw_status bw_sb_uploads_write(bw_sb_uploads *u, bw_sb_spool *spool, const char *bytes, size_t size,
                              bw_error *err)
{
    uint64_t lines = spool->lines;
    atomic_fetch_add(&u->stats->upload_bytes, size);
    if (spool->fd < 0)
        atomic_fetch_add(&u->stats->discarded_bytes, size);
    bw_status status = bw_sb_spool_write(spool, bytes, size, err);
    atomic_fetch_add(&u->stats->upload_lines, spool->lines - lines);
    return status;
}

/* ---- Sessions --------------------------------------------------------------------------------- */

bw_status bw_sb_session_new(bw_sb_uploads *u, const char *project, bw_slice job,
                            const char **out_id, bw_error *err)
{
    char id[40];
    make_id(id);
    bw_sb_session *s = session_alloc(u, id);
    s->project = bw_arena_strdup(&s->arena, project);
    s->job = bw_arena_slice(&s->arena, job);
    bw_status status = bw_sb_spool_new(u->directory, id, u->discard, &s->spool, err);
    if (status != BW_OK) {
        session_free(s);
        return status;
    }
    bw_sb_session_save(s);
    *out_id = s->id;
    table_add(u, s);
    return BW_OK;
}

bw_sb_session *bw_sb_session_find(bw_sb_uploads *u, const char *id)
{
    pthread_mutex_lock(&u->mu);
    bw_sb_session *s = *bucket_of(u, id);
    while (s && strcmp(s->id, id) != 0)
        s = s->next;
    if (s)
        s->refs++;
    pthread_mutex_unlock(&u->mu);
    return s;
}

void bw_sb_session_unref(bw_sb_session *s)
{
    if (!s)
        return;
    bw_sb_uploads *u = s->uploads;
    pthread_mutex_lock(&u->mu);
    if (--s->refs == 0)
        session_free(s);
    pthread_mutex_unlock(&u->mu);
}

void bw_sb_session_drop(bw_sb_session *s)
{
    bw_sb_uploads *u = s->uploads;
    pthread_mutex_lock(&u->mu);
    for (bw_sb_session **at = bucket_of(u, s->id); *at; at = &(*at)->next) {
        if (*at != s)
            continue;
        *at = s->next;
        s->dropped = true;
        s->refs--; /* the caller has another one */
        break;
    }
    pthread_mutex_unlock(&u->mu);
}
