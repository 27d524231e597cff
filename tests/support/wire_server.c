#include "tests/support/wire_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/core/buf.h"
#include "backend/core/clock.h"
#include "backend/core/text.h"

#define MAX_CONNECTIONS 32
#define MAX_REQUESTS    256
#define RECORDED        ((size_t)1 << 20) /* bytes of one request */

typedef struct connection {
    int fd; /* -1: free */
    bw_buf in, reply;
    const bw_wire_step *step; /* being answered; NULL: reading a request */
    size_t written;
    int64_t next_byte_us;
    bool hanging;
} connection;

struct bw_wire_server {
    const bw_wire_step *steps;
    size_t n_steps;
    int listener, wake;
    char url[64];
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    /* guarded by mu */
    bool stop, released;
    size_t count, accepted;
    char *requests[MAX_REQUESTS];
    /* the server's thread only */
    connection connections[MAX_CONNECTIONS];
};

static const bw_wire_step unexpected = {
    .reply = BW_WIRE_REPLY("500 unexpected", ""),
};

static size_t head_size(const bw_buf *in)
{
    const char *end = in->len ? memmem(in->ptr, in->len, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - in->ptr) + 4 : 0;
}

static size_t content_length(const bw_buf *in, size_t head)
{
    for (size_t i = 0; i + 16 < head; i++)
        if (strncasecmp(in->ptr + i, "\r\nContent-Length:", 17) == 0)
            return strtoul(in->ptr + i + 17, NULL, 10);
    return 0;
}

static void drop(connection *c, bool reset)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(c->fd);
    bw_buf_fini(&c->in);
    bw_buf_fini(&c->reply);
    *c = (connection){.fd = -1};
}

static void make_reply(bw_buf *out, const char *reply)
{
    static const char mark[] = "Content-Length: @";
    bw_buf_clear(out);
    const char *at = reply ? strstr(reply, mark) : NULL;
    const char *body = reply ? strstr(reply, "\r\n\r\n") : NULL;
    if (!at || !body) {
        bw_buf_adds(out, reply ? reply : "");
        return;
    }
    bw_buf_add(out, reply, (size_t)(at - reply));
    bw_buf_addf(out, "Content-Length: %zu", strlen(body + 4));
    bw_buf_adds(out, at + strlen(mark));
}

/* Takes the next step when the request is there as far as the step wants it. */
static void take_step(bw_wire_server *s, connection *c)
{
    size_t head = head_size(&c->in);
    if (!head || c->step || c->hanging)
        return;
    pthread_mutex_lock(&s->mu);
    const bw_wire_step *step = s->count < s->n_steps ? &s->steps[s->count] : &unexpected;
    size_t size = head + content_length(&c->in, head);
    if ((step->early || c->in.len >= size) && s->count < MAX_REQUESTS) {
        size_t have = c->in.len < size ? c->in.len : size;
        s->requests[s->count] = bw_xstrndup(c->in.ptr, have);
        s->count++;
        pthread_cond_broadcast(&s->changed);
        bw_buf_consume(&c->in, have);
        c->step = step;
        make_reply(&c->reply, step->reply);
        c->written = 0;
        c->next_byte_us = 0;
    }
    pthread_mutex_unlock(&s->mu);
}

static void end_step(connection *c)
{
    bw_wire_after after = c->step->after;
    c->step = NULL;
    if (after == BW_WIRE_CLOSE || after == BW_WIRE_RESET)
        drop(c, after == BW_WIRE_RESET);
    c->hanging = after == BW_WIRE_HANG;
}

/* Milliseconds until it can go on, -1 when only the socket or a release can tell. */
static int answer(bw_wire_server *s, connection *c)
{
    pthread_mutex_lock(&s->mu);
    bool wait = c->step->hold && !s->released;
    pthread_mutex_unlock(&s->mu);
    if (wait)
        return -1;
    const char *reply = bw_buf_cstr(&c->reply);
    size_t size = c->reply.len;
    const char *body = strstr(reply, "\r\n\r\n");
    size_t head = body ? (size_t)(body - reply) + 4 : size;
    while (c->written < size) {
        int64_t now = bw_mono_us(bw_clock_system());
        if (now < c->next_byte_us)
            return (int)((c->next_byte_us - now) / 1000) + 1;
        size_t part = size - c->written;
        if (c->step->drip_ms)
            part = c->written < head ? head - c->written : 1;
        ssize_t n = send(c->fd, reply + c->written, part, MSG_NOSIGNAL);
        if (n <= 0) {
            drop(c, false);
            return -1;
        }
        c->written += (size_t)n;
        c->next_byte_us = now + (int64_t)c->step->drip_ms * 1000;
    }
    end_step(c);
    return -1;
}

static void receive(connection *c)
{
    char bytes[65536];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n > 0)
        bw_buf_add(&c->in, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        drop(c, false);
}

static void accept_one(bw_wire_server *s)
{
    int fd = accept(s->listener, NULL, NULL);
    pthread_mutex_lock(&s->mu);
    s->accepted += fd >= 0;
    pthread_mutex_unlock(&s->mu);
    for (size_t i = 0; fd >= 0 && i < MAX_CONNECTIONS; i++)
        if (s->connections[i].fd < 0) {
            s->connections[i] = (connection){.fd = fd};
            return;
        }
    if (fd >= 0)
        close(fd);
}

static bool stopping(bw_wire_server *s)
{
    pthread_mutex_lock(&s->mu);
    bool stop = s->stop;
    pthread_mutex_unlock(&s->mu);
    return stop;
}

static void *serve(void *arg)
{
    bw_wire_server *s = arg;
    while (!stopping(s)) {
        struct pollfd fds[MAX_CONNECTIONS + 2];
        int timeout = -1;
        for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
            connection *c = &s->connections[i];
            if (c->fd >= 0)
                take_step(s, c);
            int wait = c->fd >= 0 && c->step ? answer(s, c) : -1;
            if (c->fd >= 0 && !c->step && c->in.len && !c->hanging)
                take_step(s, c);
            if (wait >= 0 && (timeout < 0 || wait < timeout))
                timeout = wait;
            /* A finished answer may have let another request of the same connection through. */
            if (c->fd >= 0 && c->step && wait < 0 && !c->step->hold)
                timeout = 0;
            fds[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
        }
        fds[MAX_CONNECTIONS] = (struct pollfd){.fd = s->listener, .events = POLLIN};
        fds[MAX_CONNECTIONS + 1] = (struct pollfd){.fd = s->wake, .events = POLLIN};
        if (poll(fds, MAX_CONNECTIONS + 2, timeout) < 0)
            continue;
        for (size_t i = 0; i < MAX_CONNECTIONS; i++)
            if (fds[i].fd >= 0 && fds[i].revents)
                receive(&s->connections[i]);
        if (fds[MAX_CONNECTIONS].revents)
            accept_one(s);
        if (fds[MAX_CONNECTIONS + 1].revents) {
            eventfd_t n;
            eventfd_read(s->wake, &n);
        }
    }
    return NULL;
}

bw_wire_server *bw_wire_start(const bw_wire_step *steps, size_t n_steps)
{
    bw_wire_server *s = bw_xcalloc(1, sizeof(*s));
    s->steps = steps;
    s->n_steps = n_steps;
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        s->connections[i].fd = -1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->wake < 0 || s->listener < 0 ||
        bind(s->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(s->listener, 16) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    char *url = bw_xasprintf("http://127.0.0.1:%d", ntohs(address.sin_port));
    memcpy(s->url, url, strlen(url) + 1);
    free(url);
    pthread_mutex_init(&s->mu, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (pthread_create(&s->thread, NULL, serve, s) != 0)
        abort();
    return s;
}

/* For the contract check: what was asked, as JSON strings, beside what the sandboxes record. */
static void record_requests(const bw_wire_server *s)
{
    const char *directory = getenv("BRIDGEWATCH_SANDBOX_RECORD");
    if (!directory || s->count == 0)
        return;
    char *path =
        bw_xasprintf("%s/%ld-%s.jsonl", directory, (long)getpid(), strrchr(s->url, ':') + 1);
    FILE *file = fopen(path, "a");
    free(path);
    for (size_t i = 0; file && i < s->count; i++) {
        bw_buf line = BW_BUF_INIT;
        bw_slice text = bw_slice_cstr(s->requests[i]);
        text.len = text.len < RECORDED ? text.len : RECORDED;
        text.len = bw_utf8_valid_prefix(text);
        bw_buf_adds(&line, "{\"raw\":");
        bw_json_add_string(&line, text);
        fprintf(file, "%s}\n", bw_buf_cstr(&line));
        bw_buf_fini(&line);
    }
    if (file)
        fclose(file);
}

void bw_wire_stop(bw_wire_server *s)
{
    pthread_mutex_lock(&s->mu);
    s->stop = true;
    pthread_mutex_unlock(&s->mu);
    eventfd_write(s->wake, 1);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        if (s->connections[i].fd >= 0)
            drop(&s->connections[i], false);
    record_requests(s);
    for (size_t i = 0; i < s->count; i++)
        free(s->requests[i]);
    close(s->listener);
    close(s->wake);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mu);
    free(s);
}

const char *bw_wire_url(const bw_wire_server *s)
{
    return s->url;
}

size_t bw_wire_count(bw_wire_server *s)
{
    pthread_mutex_lock(&s->mu);
    size_t count = s->count;
    pthread_mutex_unlock(&s->mu);
    return count;
}

size_t bw_wire_connections(bw_wire_server *s)
{
    pthread_mutex_lock(&s->mu);
    size_t accepted = s->accepted;
    pthread_mutex_unlock(&s->mu);
    return accepted;
}

bool bw_wire_wait(bw_wire_server *s, size_t count, double timeout_s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)timeout_s + 1;
    pthread_mutex_lock(&s->mu);
    while (s->count < count && pthread_cond_timedwait(&s->changed, &s->mu, &until) == 0)
        ;
    bool reached = s->count >= count;
    pthread_mutex_unlock(&s->mu);
    return reached;
}

const char *bw_wire_request(bw_wire_server *s, size_t index)
{
    pthread_mutex_lock(&s->mu);
    const char *request = index < s->count ? s->requests[index] : "";
    pthread_mutex_unlock(&s->mu);
    return request;
}

void bw_wire_release(bw_wire_server *s)
{
    pthread_mutex_lock(&s->mu);
    s->released = true;
    pthread_mutex_unlock(&s->mu);
    eventfd_write(s->wake, 1);
}
