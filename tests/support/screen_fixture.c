#include "tests/support/screen_fixture.h"

#include <stdlib.h>

#include "backend/core/text.h"

#define START (100 * BW_SECOND) /* on the monotonic clock */

static bw_status note_command(void *user, const bw_command *command, uint64_t *id, bw_error *err)
{
    bw_screen_fixture *f = user;
    bw_sent *sent = &f->sent[f->n_sent++ % BW_SENT_MAX];
    size_t n = 0;
    (void)err;
    sent->kind = command->kind;
    sent->targets[0] = '\0';
    for (size_t i = 0; i < command->n_syncs && n < sizeof(sent->targets); i++)
        n += (size_t)snprintf(sent->targets + n, sizeof(sent->targets) - n, "%s%s", i ? " " : "",
                              command->syncs[i]);
    for (size_t i = 0; i < command->n_letters && n < sizeof(sent->targets); i++)
        n += (size_t)snprintf(sent->targets + n, sizeof(sent->targets) - n, "%s%lld", i ? " " : "",
                              (long long)command->letters[i]);
    if (id)
        *id = f->n_sent;
    return BW_OK;
}

static void note_query(void *user, const bw_page_query *query)
{
    bw_screen_fixture *f = user;
    f->asked = *query;
    f->has_asked = true;
}

/* What was asked is there as soon as the console has finished what it was doing. */
static void answer(bw_screen_fixture *f)
{
    while (f->has_asked && !f->options.no_pages) {
        f->has_asked = false;
        bw_console_page(f->console, bw_fixture_page(f->options.kind, &f->asked, f->clock.now_us,
                                                    bw_wall_us(&f->clock.clock)));
    }
}

static void give_snapshot(bw_screen_fixture *f)
{
    const bw_snapshot *s =
        bw_fixture_snapshot(f->options.kind, f->clock.now_us, bw_wall_us(&f->clock.clock), f->turn);
    if (f->options.engine_note) /* nobody else has it yet */
        ((bw_snapshot *)(uintptr_t)s)->engine_note = f->options.engine_note;
    bw_console_snapshot(f->console, s);
    answer(f);
}

void bw_screen_open(bw_screen_fixture *f, const bw_screen_options *options)
{
    static const char *const themes[] = {BW_SOURCE_DIR "/themes", NULL};
    bw_error err = BW_ERROR_INIT;
    memset(f, 0, sizeof(*f));
    f->options = *options;
    f->clock = bw_test_clock_at(START);
    setenv("XDG_CONFIG_HOME", BW_BUILD_DIR "/none", 1); /* the user's own themes are not ours */
    const bw_console_options o = {
        .clock = &f->clock.clock,
        .environment = options->environment,
        .environment_colour = "red",
        .confirm_type = options->confirm_type,
        .read_only = options->read_only,
        .refresh_us = BW_SECOND,
        .theme = "dark",
        .theme_dirs = themes,
        .layout = options->layout,
        .columns = options->columns,
        .n_columns = options->n_columns,
        .who = "ann@ops-1",
        .send = note_command,
        .ask = note_query,
        .user = f,
    };
    assert_ok(bw_console_new(&o, &f->console, &err), err);
    f->canvas =
        bw_canvas_new(options->rows ? options->rows : 24, options->cols ? options->cols : 80,
                      bw_glyphs_pick(!options->ascii, options->ascii, options->plain));
    if (!options->no_snapshot)
        give_snapshot(f);
    (void)bw_screen_frame(f);
}

void bw_screen_close(bw_screen_fixture *f)
{
    bw_console_free(f->console);
    bw_canvas_free(f->canvas);
    bw_buf_fini(&f->frame);
}

/* A theme that is wished for is there at once. */
static void grant(bw_screen_fixture *f)
{
    bw_console_wishes w;
    bw_console_wishes_take(f->console, &w);
    if (w.theme)
        bw_console_themed(f->console, w.theme, NULL);
}

static void send_event(bw_screen_fixture *f, const bw_input *event)
{
    (void)bw_console_event(f->console, event);
    answer(f);
    grant(f);
    (void)bw_screen_frame(f); /* a dialog obeys only once it has been drawn */
}

void bw_screen_keys(bw_screen_fixture *f, const char *keys)
{
    char *copy = bw_xstrdup(keys), *rest = NULL;
    for (char *key = strtok_r(copy, " ", &rest); key; key = strtok_r(NULL, " ", &rest)) {
        bw_input event = bw_test_key(key);
        send_event(f, &event);
    }
    free(copy);
}

void bw_screen_type(bw_screen_fixture *f, const char *text)
{
    for (bw_slice s = bw_slice_cstr(text); s.len;) {
        int width;
        size_t n = bw_cluster_next(s, &width);
        char key[BW_KEY_NAME];
        snprintf(key, sizeof(key), "%.*s", (int)n, s.ptr);
        bw_input event = bw_test_key(strcmp(key, " ") == 0 ? "space" : key);
        send_event(f, &event);
        s.ptr += n;
        s.len -= n;
    }
}

void bw_screen_command(bw_screen_fixture *f, const char *text)
{
    bw_screen_keys(f, ":");
    bw_screen_type(f, text);
    bw_screen_keys(f, "enter");
}

void bw_screen_pass(bw_screen_fixture *f, int64_t us)
{
    f->clock.now_us += us;
    f->turn++;
    give_snapshot(f);
    (void)bw_console_tick(f->console);
    answer(f);
    (void)bw_screen_frame(f);
}

void bw_screen_resize(bw_screen_fixture *f, int cols, int rows)
{
    bw_canvas_resize(f->canvas, rows, cols);
    (void)bw_screen_frame(f);
}

const char *bw_screen_frame(bw_screen_fixture *f)
{
    bw_console_draw(f->console, f->canvas);
    bw_buf_clear(&f->frame);
    bw_canvas_dump(f->canvas, &f->frame);
    return bw_buf_cstr(&f->frame);
}

/* ---- golden files ----------------------------------------------------------------------- */

static bool read_file(const char *path, bw_buf *out)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    for (size_t n = 1; n > 0; out->len += n)
        n = fread(bw_buf_reserve(out, 4096), 1, 4096, file);
    fclose(file);
    return true;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        fail_msg("cannot write %s", path);
    fputs(text, file);
    fclose(file);
}

void bw_screen_golden(bw_screen_fixture *f, const char *name)
{
    char path[512];
    bw_buf wanted = BW_BUF_INIT;
    const char *frame = bw_screen_frame(f);
    snprintf(path, sizeof(path), "%s/tests/screen/golden/%s.%dx%d.%s", BW_SOURCE_DIR, name,
             f->canvas->cols, f->canvas->rows, f->options.ascii ? "ascii" : "utf8");
    if (getenv("BW_UPDATE_GOLDEN")) {
        write_file(path, frame);
        return;
    }
    if (!read_file(path, &wanted))
        fail_msg("%s is missing; BW_UPDATE_GOLDEN=1 writes it", path);
    bool same = strcmp(bw_buf_cstr(&wanted), frame) == 0;
    if (!same)
        fprintf(stderr, "%s: the frame is\n%s--- and should be\n%s---\n", path, frame,
                bw_buf_cstr(&wanted));
    bw_buf_fini(&wanted);
    if (!same)
        fail_msg("%s differs", path);
}
