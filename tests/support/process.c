#include "tests/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/core/buf.h"
#include "backend/core/clock.h"

typedef struct stream_state {
    int fd;
    bw_buf text;     /* guarded by mu */
    size_t consumed; /* guarded by mu */
    bool ended;      /* guarded by mu */
} stream_state;

struct bw_process {
    pid_t pid;
    int pidfd;
    bool reaped;
    int status;
    int in;
    bool echo;
    pthread_t reader;
    pthread_mutex_t mu;
    pthread_cond_t changed;
    stream_state streams[2];
};

/* What the child needs is prepared before fork(), so that it only makes safe calls. */
typedef struct child_plan {
    const bw_process_options *options;
    char **env;
    int in, out, err, report;
    pid_t parent;
} child_plan;

static const char *env_name_end(const char *entry)
{
    const char *equal = strchr(entry, '=');
    return equal ? equal : entry + strlen(entry);
}

static bool env_overridden(const char *entry, const char *const *changes)
{
    size_t len = (size_t)(env_name_end(entry) - entry);
    for (size_t i = 0; changes && changes[i]; i++) {
        if ((size_t)(env_name_end(changes[i]) - changes[i]) == len &&
            memcmp(changes[i], entry, len) == 0)
            return true;
    }
    return false;
}

static char **env_build(const char *const *changes)
{
    size_t count = 0, extra = 0, n = 0;
    while (environ[count])
        count++;
    while (changes && changes[extra])
        extra++;
    char **env = bw_xcalloc(count + extra + 1, sizeof *env);
    for (size_t i = 0; i < count; i++) {
        if (!env_overridden(environ[i], changes))
            env[n++] = bw_xstrdup(environ[i]);
    }
    for (size_t i = 0; i < extra; i++) {
        if (strchr(changes[i], '='))
            env[n++] = bw_xstrdup(changes[i]);
    }
    return env;
}

static void env_free(char **env)
{
    for (size_t i = 0; env[i]; i++)
        free(env[i]);
    free(env);
}

_Noreturn static void child_fail(const child_plan *plan)
{
    int saved = errno;
    ssize_t n = write(plan->report, &saved, sizeof saved);
    _exit(n == (ssize_t)sizeof saved ? 127 : 126);
}

_Noreturn static void child_main(const child_plan *plan)
{
    const bw_process_options *o = plan->options;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(plan->in, 0) < 0 || dup2(plan->out, 1) < 0 || dup2(plan->err, 2) < 0)
        child_fail(plan);
    if (o->uid && (setgid(o->gid) != 0 || setuid(o->uid) != 0))
        child_fail(plan);
    if (o->cwd && chdir(o->cwd) != 0)
        child_fail(plan);
    /* After the change of user, which clears it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != plan->parent)
        _exit(126);
    execvpe(o->argv[0], (char *const *)o->argv, plan->env);
    child_fail(plan);
}

static bool read_stream(bw_process *p, stream_state *s)
{
    char bytes[65536];
    ssize_t n = read(s->fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0 && p->echo && write(2, bytes, (size_t)n) < 0)
        p->echo = false;
    pthread_mutex_lock(&p->mu);
    if (n > 0)
        bw_buf_add(&s->text, bytes, (size_t)n);
    else
        s->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mu);
    return n > 0;
}

static void *reader_main(void *arg)
{
    bw_process *p = arg;
    struct pollfd fds[2] = {{.fd = p->streams[0].fd, .events = POLLIN},
                            {.fd = p->streams[1].fd, .events = POLLIN}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0)
            continue;
        for (int i = 0; i < 2; i++) {
            if (fds[i].fd >= 0 && fds[i].revents && !read_stream(p, &p->streams[i]))
                fds[i].fd = -1;
        }
    }
    return NULL;
}

static void close_fds(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static bw_process *process_new(pid_t pid, const bw_process_options *o, int in, int out, int err)
{
    bw_process *p = bw_xcalloc(1, sizeof *p);
    p->pid = pid;
    p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    p->in = in;
    p->echo = o->echo;
    p->streams[0].fd = out;
    p->streams[1].fd = err;
    pthread_mutex_init(&p->mu, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_create(&p->reader, NULL, reader_main, p);
    return p;
}

bw_status bw_process_start(const bw_process_options *o, bw_process **out, bw_error *err)
{
    /* In this order: stdin r/w, stdout r/w, stderr r/w, report r/w. */
    int fds[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    *out = NULL;
    signal(SIGPIPE, SIG_IGN);
    if (pipe2(fds, O_CLOEXEC) || pipe2(fds + 2, O_CLOEXEC) || pipe2(fds + 4, O_CLOEXEC) ||
        pipe2(fds + 6, O_CLOEXEC)) {
        bw_status status = bw_error_errno(err, BW_IO, errno, "cannot make a pipe");
        close_fds(fds, 8);
        return status;
    }
    if (!o->with_stdin) {
        close(fds[0]);
        fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        close(fds[1]);
        fds[1] = -1;
    }
    child_plan plan = {.options = o,
                       .env = env_build(o->env),
                       .in = fds[0],
                       .out = fds[3],
                       .err = fds[5],
                       .report = fds[7],
                       .parent = getpid()};
    pid_t pid = fork();
    if (pid == 0)
        child_main(&plan);
    int saved = errno;
    env_free(plan.env);
    close_fds((int[]){fds[0], fds[3], fds[5], fds[7]}, 4);
    int failure = pid < 0 ? saved : 0;
    if (pid > 0 && read(fds[6], &failure, sizeof failure) == (ssize_t)sizeof failure)
        waitpid(pid, NULL, 0);
    close(fds[6]);
    if (failure) {
        close_fds((int[]){fds[1], fds[2], fds[4]}, 3);
        return bw_error_errno(err, BW_NOT_FOUND, failure, "cannot run %s", o->argv[0]);
    }
    *out = process_new(pid, o, fds[1], fds[2], fds[4]);
    return BW_OK;
}

void bw_process_free(bw_process *p)
{
    if (!p)
        return;
    bw_process_close_stdin(p);
    bw_process_signal(p, SIGKILL);
    while (!p->reaped && bw_process_wait(p, 60) < 0)
        ;
    for (int i = 0; i < 2; i++) {
        close(p->streams[i].fd);
        bw_buf_fini(&p->streams[i].text);
    }
    if (p->pidfd >= 0)
        close(p->pidfd);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mu);
    free(p);
}

pid_t bw_process_pid(const bw_process *p)
{
    return p->pid;
}

void bw_process_signal(bw_process *p, int signal_number)
{
    if (!p->reaped)
        kill(p->pid, signal_number);
}

bool bw_process_write(bw_process *p, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t n = write(p->in, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

void bw_process_close_stdin(bw_process *p)
{
    if (p->in >= 0)
        close(p->in);
    p->in = -1;
}

static struct timespec timespec_of(int64_t mono_us)
{
    return (struct timespec){.tv_sec = (time_t)(mono_us / BW_SECOND),
                             .tv_nsec = (long)(mono_us % BW_SECOND) * 1000};
}

static int64_t deadline_in(double timeout_s)
{
    return bw_mono_us(bw_clock_system()) + (int64_t)(timeout_s * (double)BW_SECOND);
}

/* The next complete line that begins with prefix, consuming up to it. */
static char *take_line(stream_state *s, const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    for (;;) {
        size_t left = s->text.len - s->consumed;
        const char *line = left ? s->text.ptr + s->consumed : NULL;
        const char *end = left ? memchr(line, '\n', left) : NULL;
        if (!end)
            return NULL;
        size_t len = (size_t)(end - line);
        s->consumed += len + 1;
        if (len >= prefix_len && memcmp(line, prefix, prefix_len) == 0)
            return bw_xstrndup(line, len);
    }
}

char *bw_process_wait_line(bw_process *p, bw_process_stream stream, const char *prefix,
                           double timeout_s)
{
    struct timespec deadline = timespec_of(deadline_in(timeout_s));
    stream_state *s = &p->streams[stream];
    char *line;
    int waited = 0;
    pthread_mutex_lock(&p->mu);
    while (!(line = take_line(s, prefix)) && !s->ended && waited == 0)
        waited = pthread_cond_timedwait(&p->changed, &p->mu, &deadline);
    pthread_mutex_unlock(&p->mu);
    return line;
}

/* The pipes may outlive the child in a grandchild: then a little patience, and what is there. */
static void wait_streams(bw_process *p)
{
    struct timespec deadline = timespec_of(deadline_in(5));
    int waited = 0;
    pthread_mutex_lock(&p->mu);
    while (!(p->streams[0].ended && p->streams[1].ended) && waited == 0)
        waited = pthread_cond_timedwait(&p->changed, &p->mu, &deadline);
    pthread_mutex_unlock(&p->mu);
    if (waited != 0)
        pthread_cancel(p->reader);
    pthread_join(p->reader, NULL);
}

int bw_process_wait(bw_process *p, double timeout_s)
{
    if (p->reaped)
        return p->status;
    int64_t deadline = deadline_in(timeout_s);
    struct pollfd fd = {.fd = p->pidfd, .events = POLLIN};
    while (poll(&fd, 1, bw_poll_ms(bw_clock_system(), deadline, 60000)) == 0) {
        if (bw_mono_us(bw_clock_system()) >= deadline)
            return -1;
    }
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    p->reaped = true;
    p->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    wait_streams(p);
    return p->status;
}

bool bw_process_running(bw_process *p)
{
    return bw_process_wait(p, 0) < 0;
}

char *bw_process_output(bw_process *p, bw_process_stream stream)
{
    pthread_mutex_lock(&p->mu);
    stream_state *s = &p->streams[stream];
    char *text = bw_xstrndup(s->text.len ? s->text.ptr : "", s->text.len);
    pthread_mutex_unlock(&p->mu);
    return text;
}

int bw_process_run(const char *const *argv, const char *input, double timeout_s, char **out,
                   char **err_text)
{
    bw_error err = BW_ERROR_INIT;
    bw_process *p;
    bw_process_options options = {.argv = argv, .with_stdin = input != NULL};
    if (out)
        *out = NULL;
    if (err_text)
        *err_text = NULL;
    if (bw_process_start(&options, &p, &err) != BW_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 127;
    }
    if (input)
        bw_process_write(p, input, strlen(input));
    bw_process_close_stdin(p);
    int status = bw_process_wait(p, timeout_s);
    if (out)
        *out = bw_process_output(p, BW_PROCESS_OUT);
    if (err_text)
        *err_text = bw_process_output(p, BW_PROCESS_ERR);
    bw_process_free(p);
    return status;
}

char *bw_test_dir_new(const char *name)
{
    const char *base = getenv("TMPDIR");
    char *path = bw_xasprintf("%s/bw-%s-XXXXXX", base && *base ? base : "/tmp", name);
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
    return path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void bw_test_dir_remove(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
