/*
 * The life of the terminal.
 *
 * Crash safety: everything that a signal handler needs is prepared while nothing is wrong: the
 * terminal's modes as they were found, and the bytes that undo ours. A handler then only writes
 * those bytes, calls tcsetattr() and raises the signal again.
 */
#include "views/kit/term.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "backend/core/text.h"
#include "views/kit/screen.h"
#include "views/kit/term_intern.h"
#include "views/kit/term_keys.h"
#include "views/kit/term_signals.h"

/* After curses: its macros stand in the way of the names below. */
#include <term.h>

#define MOUSE_ON     "\033[?1000h\033[?1006h"
#define MOUSE_OFF    "\033[?1006l\033[?1000l"
#define PASTE_ON     "\033[?2004h"
#define PASTE_OFF    "\033[?2004l"
#define ESCAPE_DELAY 50 /* ms */

bool bw_no_color(void)
{
    const char *value = getenv("NO_COLOR");
    return value && value[0] != '\0';
}

bool bw_locale_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Bytes that go to the terminal beside curses' own; in order with them. */
static void send(const char *bytes)
{
    fputs(bytes, stdout);
    fflush(stdout);
}

static void extras_on(const bw_term *term)
{
    send(PASTE_ON);
    if (term->options.mouse)
        send(MOUSE_ON);
}

static void extras_off(void)
{
    send(MOUSE_OFF PASTE_OFF);
}

/* A capability as the bytes to write, without the padding that terminfo may ask for. */
static void add_capability(bw_buf *out, const char *capability)
{
    if (!capability || capability == (char *)-1)
        return;
    for (const char *p = capability; *p; p++) {
        const char *end = p[0] == '$' && p[1] == '<' ? strchr(p, '>') : NULL;
        if (end)
            p = end;
        else
            bw_buf_addc(out, *p);
    }
}

static void prepare_restore(bw_term *term)
{
    bw_buf bytes = BW_BUF_INIT;
    bw_buf_adds(&bytes, MOUSE_OFF PASTE_OFF);
    add_capability(&bytes, exit_attribute_mode);
    if (term->depth != BW_DEPTH_MONO)
        add_capability(&bytes, orig_pair);
    add_capability(&bytes, keypad_local);
    add_capability(&bytes, cursor_normal);
    add_capability(&bytes, exit_ca_mode);
    bw_term_restore_set(bw_buf_slice(&bytes));
    bw_buf_fini(&bytes);
}

static bw_depth find_depth(const bw_term_options *options)
{
    if (options->no_color || start_color() == ERR || !has_colors())
        return BW_DEPTH_MONO;
    use_default_colors();
    if (tigetflag("RGB") > 0 || COLORS > 256)
        return BW_DEPTH_TRUE;
    return COLORS >= 256 ? BW_DEPTH_256 : COLORS >= 16 ? BW_DEPTH_16 : BW_DEPTH_8;
}

/*
 * The terminal's type, with true colour where the terminal says that it has it (COLORTERM) and its
 * "-direct" description is installed; curses can only write the colours that a description knows.
 */
static SCREEN *new_screen(const bw_term_options *options)
{
    const char *type = getenv("TERM"), *colour = getenv("COLORTERM");
    bool direct = colour && (strcmp(colour, "truecolor") == 0 || strcmp(colour, "24bit") == 0);
    if (type && direct && !options->no_color) {
        static const char *const kinds[] = {"xterm", "tmux",  "screen",  "alacritty",
                                            "foot",  "kitty", "konsole", "vte"};
        for (size_t i = 0; i < BW_COUNT(kinds); i++) {
            char name[64];
            if (strncmp(type, kinds[i], strlen(kinds[i])) != 0)
                continue;
            snprintf(name, sizeof(name), "%s-direct", kinds[i]);
            SCREEN *screen = newterm(name, stdout, stdin);
            if (screen)
                return screen;
        }
    }
    return newterm(NULL, stdout, stdin);
}

/* Whether a terminal of this type can be drawn on; newterm() would only say that it failed. */
static bool can_draw(const char *type)
{
    int code = 0;
    if (!type || !type[0] || setupterm(type, STDOUT_FILENO, &code) == ERR)
        return false;
    bool able = cursor_address && clear_screen;
    del_curterm(cur_term);
    return able;
}

static bw_status usable(bw_error *err)
{
    const char *type = getenv("TERM");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        bw_error_set(err, BW_UNSUPPORTED, "the console needs a terminal");
        return bw_error_hint(err, "Use `bridgewatch status` for text or `bridgewatch run` to run "
                                  "the engine without a console.");
    }
    if (!can_draw(type)) {
        char shown[64];
        bw_text_sanitise_to(shown, sizeof(shown), type ? type : "");
        bw_error_set(err, BW_UNSUPPORTED,
                     "the terminal type \"%s\" is not known or cannot move its cursor", shown);
        return bw_error_hint(err, "Set TERM to what your terminal is, for example xterm-256color.");
    }
    return BW_OK;
}

/* Input modes: no line editing, no echo, signals as keys ask for them, no flow control (ctrl-s would
   freeze the console of somebody who does not know ctrl-q). */
static void input_modes(void)
{
    cbreak();
    noecho();
    nonl();
    struct termios t;
    if (tcgetattr(STDIN_FILENO, &t) == 0) {
        t.c_iflag &= (tcflag_t)~IXON;
        tcsetattr(STDIN_FILENO, TCSANOW, &t);
        def_prog_mode();
    }
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
}

bw_status bw_term_open(bw_term **term, const bw_term_options *options, bw_error *err)
{
    *term = NULL;
    bw_status status = usable(err);
    if (status != BW_OK)
        return status;
    bw_term *t = bw_xcalloc(1, sizeof(*t));
    t->options = *options;
    /* The modes to go back to are read before curses changes them, handlers set before it could. */
    status = bw_term_signals_open(STDIN_FILENO, STDOUT_FILENO, err);
    if (status == BW_OK) {
        set_escdelay(ESCAPE_DELAY);
        t->screen = new_screen(options);
        if (!t->screen)
            status = bw_error_set(err, BW_UNSUPPORTED, "the terminal could not be set up");
    }
    if (status != BW_OK) {
        bw_term_signals_close();
        free(t);
        return status;
    }
    t->depth = find_depth(options);
    prepare_restore(t);
    input_modes();
    bw_term_keys_define();
    t->decoder = bw_key_decoder_new();
    extras_on(t);
    *term = t;
    return BW_OK;
}

void bw_term_close(bw_term *term)
{
    if (!term)
        return;
    extras_off();
    endwin();
    bw_term_signals_close();
    delscreen(term->screen);
    bw_screen_invalidate(term);
    bw_key_decoder_free(term->decoder);
    free(term);
}

int bw_term_input_fd(const bw_term *term)
{
    (void)term;
    return STDIN_FILENO;
}

int bw_term_signal_fd(const bw_term *term)
{
    (void)term;
    return bw_term_signals_fd();
}

int bw_term_take_signal(bw_term *term)
{
    (void)term;
    return bw_term_signals_take();
}

/* Curses reports the end of input like the absence of any: only reading can tell them apart. */
static void check_gone(bw_term *term)
{
    int waiting = 0;
    if (!isatty(STDIN_FILENO) || ioctl(STDIN_FILENO, FIONREAD, &waiting) < 0)
        term->gone = true;
}

bool bw_term_read(bw_term *term, bw_input *event)
{
    for (;;) {
        wint_t c = 0;
        int kind = get_wch(&c);
        int64_t now = bw_mono_us(term->options.clock);
        if (kind == ERR) {
            check_gone(term);
            return bw_key_decoder_idle(term->decoder, event);
        }
        if (kind == OK) {
            if (bw_key_decoder_char(term->decoder, (int32_t)c, now, event))
                return true;
            continue;
        }
        const char *name = bw_term_key_name((int)c);
        if (name && bw_key_decoder_key(term->decoder, name, now, event))
            return true;
    }
}

bool bw_term_gone(const bw_term *term)
{
    return term->gone;
}

void bw_term_size(const bw_term *term, int *rows, int *cols)
{
    (void)term;
    *rows = LINES;
    *cols = COLS;
}

bool bw_term_resize(bw_term *term)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0 ||
        (size.ws_row == LINES && size.ws_col == COLS))
        return false;
    resizeterm(size.ws_row, size.ws_col);
    bw_screen_invalidate(term);
    return true;
}

void bw_term_refresh(bw_term *term)
{
    reset_prog_mode();
    extras_on(term);
    bw_term_resize(term);
    bw_screen_invalidate(term);
}

void bw_term_suspend(bw_term *term)
{
    extras_off();
    def_prog_mode();
    endwin();
    if (term->options.stop_notice)
        send(term->options.stop_notice);
    bw_term_signals_stop();
    /* Continued. Whatever the terminal was used for meanwhile, its modes and contents are not ours. */
    reset_prog_mode();
    refresh();
    bw_term_refresh(term);
}

void bw_term_lend(bw_term *term)
{
    (void)term;
    extras_off();
    def_prog_mode();
    endwin();
}

void bw_term_take_back(bw_term *term)
{
    reset_prog_mode();
    refresh();
    bw_term_refresh(term);
}

void bw_term_set_mouse(bw_term *term, bool on)
{
    term->options.mouse = on;
    send(on ? MOUSE_ON : MOUSE_OFF);
}

static void add_base64(bw_buf *out, bw_slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.len; i += 3) {
        unsigned left = (unsigned)(s.len - i > 3 ? 3 : s.len - i), bits = 0;
        for (unsigned k = 0; k < 3; k++)
            bits = bits << 8 | (k < left ? (unsigned char)s.ptr[i + k] : 0);
        for (unsigned k = 0; k < 4; k++)
            bw_buf_addc(out, k <= left ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}

bw_status bw_term_copy(bw_term *term, bw_slice text, bw_error *err)
{
    (void)term;
    if ((text.len + 2) / 3 * 4 > BW_TERM_COPY_MAX) {
        bw_error_set(err, BW_INVALID, "%zu bytes are more than a terminal takes to its clipboard",
                     text.len);
        return bw_error_hint(err, "Use :export to write a file.");
    }
    /* GNU screen hands a sequence on only inside a device control string; tmux understands OSC 52
       itself (set-clipboard on). */
    bool screen = getenv("STY") && !getenv("TMUX");
    bw_buf out = BW_BUF_INIT;
    bw_buf_adds(&out, screen ? "\033P\033]52;c;" : "\033]52;c;");
    add_base64(&out, text);
    bw_buf_adds(&out, screen ? "\a\033\\" : "\a");
    send(bw_buf_cstr(&out));
    bw_buf_fini(&out);
    return BW_OK;
}
