#include "views/kit/term_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* What ends the process at once, and what it says on the way out: nothing may be formatted then. */
static const struct {
    int number;
    const char *name;
} fatal[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"}, {SIGSYS, "SIGSYS"}, {SIGABRT, "SIGABRT"},
};
/* What the event loop takes from the pipe. */
static const int polite[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};

#define ALT_STACK 65536

static struct {
    volatile sig_atomic_t armed; /* the terminal is ours */
    int input, output;
    int pipe[2];
    bool opened;
    struct termios modes; /* as they were found */
    char bytes[256];
    size_t len;
    struct sigaction old_fatal[BW_COUNT(fatal)], old_polite[BW_COUNT(polite)];
    stack_t stack, old_stack;
} record = {.pipe = {-1, -1}};

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, p, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        p += written;
        n -= (size_t)written;
    }
}

/* Async-signal-safe. */
static void give_back(void)
{
    if (!record.armed)
        return;
    record.armed = 0;
    write_all(record.output, record.bytes, record.len);
    tcsetattr(record.input, TCSANOW, &record.modes);
}

static void on_fatal(int number)
{
    if (record.armed) {
        give_back();
        static const char before[] = "bridgewatch: ended by ";
        static const char after[] = "; what was loaded stays, and runs resume at the next start\n";
        write_all(STDERR_FILENO, before, sizeof(before) - 1);
        for (size_t i = 0; i < BW_COUNT(fatal); i++) {
            if (fatal[i].number == number)
                write_all(STDERR_FILENO, fatal[i].name, strlen(fatal[i].name));
        }
        write_all(STDERR_FILENO, after, sizeof(after) - 1);
    }
    /* Back to whoever handled it before (a sanitizer, or the default). */
    for (size_t i = 0; i < BW_COUNT(fatal); i++) {
        if (fatal[i].number == number)
            sigaction(number, &record.old_fatal[i], NULL);
    }
    raise(number);
}

static void on_polite(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    /* A full pipe already wakes the loop. */
    ssize_t ignored = write(record.pipe[1], &byte, 1);
    (void)ignored;
    errno = saved;
}

/* For exit() from below: libraries may call it. */
static void on_exit_restore(void)
{
    give_back();
}

static void install(void)
{
    struct sigaction sa = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < BW_COUNT(fatal); i++)
        sigaction(fatal[i].number, &sa, &record.old_fatal[i]);
    sa.sa_handler = on_polite;
    sa.sa_flags = SA_RESTART | SA_ONSTACK;
    for (size_t i = 0; i < BW_COUNT(polite); i++)
        sigaction(polite[i], &sa, &record.old_polite[i]);
}

bw_status bw_term_signals_open(int input, int output, bw_error *err)
{
    static bool at_exit;
    if (record.opened)
        return bw_error_set(err, BW_INTERNAL, "the terminal is open already");
    record.input = input;
    record.output = output;
    record.len = 0;
    if (tcgetattr(input, &record.modes) < 0)
        return bw_error_errno(err, BW_UNSUPPORTED, errno, "the terminal's modes cannot be read");
    if (pipe2(record.pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return bw_error_errno(err, BW_IO, errno, "no pipe for signals");
    record.opened = true;
    record.stack = (stack_t){.ss_sp = bw_xmalloc(ALT_STACK), .ss_size = ALT_STACK};
    sigaltstack(&record.stack, &record.old_stack);
    install();
    if (!at_exit)
        at_exit = atexit(on_exit_restore) == 0;
    return BW_OK;
}

void bw_term_restore_set(bw_slice bytes)
{
    record.armed = 0;
    record.len = bytes.len < sizeof(record.bytes) ? bytes.len : sizeof(record.bytes);
    memcpy(record.bytes, bytes.ptr, record.len);
    record.armed = 1;
}

void bw_term_signals_close(void)
{
    if (!record.opened)
        return;
    /* Curses has restored the screen; its modes are the ones found unless something was stopped. */
    record.armed = 0;
    tcsetattr(record.input, TCSANOW, &record.modes);
    for (size_t i = 0; i < BW_COUNT(fatal); i++)
        sigaction(fatal[i].number, &record.old_fatal[i], NULL);
    for (size_t i = 0; i < BW_COUNT(polite); i++)
        sigaction(polite[i], &record.old_polite[i], NULL);
    sigaltstack(&record.old_stack, NULL);
    free(record.stack.ss_sp);
    close(record.pipe[0]);
    close(record.pipe[1]);
    record.pipe[0] = record.pipe[1] = -1;
    record.opened = false;
}

int bw_term_signals_fd(void)
{
    return record.pipe[0];
}

int bw_term_signals_take(void)
{
    unsigned char byte;
    ssize_t n;
    do
        n = read(record.pipe[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? byte : 0;
}

void bw_term_signals_stop(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
    sigemptyset(&standard.sa_mask);
    record.armed = 0;
    tcsetattr(record.input, TCSANOW, &record.modes);
    sigaction(SIGTSTP, &standard, &ours);
    /* To the whole group, as the key would have done: a child in it stops too. */
    kill(0, SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
    record.armed = 1;
}
