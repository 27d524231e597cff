#include "app/edit_text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/write_all.h"
#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/model/value.h"

#define CODED "content_base64"

bool bw_content_is_text(bw_slice content)
{
    return content.len == 0 || (bw_utf8_valid(content) && !memchr(content.ptr, '\0', content.len));
}

bw_status bw_content_read(bw_slice text, bw_arena *arena, bw_slice *out, bw_error *err)
{
    bw_json_scan scan = bw_json_scan_init(text);
    bw_json_token key;
    bw_slice value, more;
    *out = bw_arena_slice(arena, text);
    if (!bw_json_valid(text, NULL, NULL) || !bw_json_next(&scan, &key) ||
        key.type != BW_JSON_OBJECT || !bw_json_next_member(&scan, &key, &value) ||
        !bw_slice_is(key.raw, "\"" CODED "\"") || bw_json_next_member(&scan, &key, &more))
        return BW_OK;
    bw_buf coded = BW_BUF_INIT, bytes = BW_BUF_INIT;
    bool ok = value.ptr[0] == '"' && bw_json_unescape(value, &coded) &&
              bw_base64_decode(&bytes, bw_buf_slice(&coded));
    if (ok)
        *out = bw_arena_slice(arena, bw_buf_slice(&bytes));
    bw_buf_fini(&coded);
    bw_buf_fini(&bytes);
    return ok ? BW_OK : bw_error_set(err, BW_INVALID, CODED " is not base64");
}

/* ---- the file --------------------------------------------------------------------------- */

static bw_status make_file(bw_slice content, char *path, size_t size, bw_error *err)
{
    const char *dir = getenv("TMPDIR");
    snprintf(path, size, "%s/bridgewatch-XXXXXX.json", dir && dir[0] ? dir : "/tmp");
    int fd = mkostemps(path, 5, O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return bw_error_errno(err, BW_IO, errno, "cannot make the file %s", path);
    bw_buf text = BW_BUF_INIT;
    if (bw_content_is_text(content)) {
        bw_buf_add(&text, content.ptr, content.len);
    } else {
        bw_buf_adds(&text, "{\"" CODED "\": \"");
        bw_base64_encode(&text, content.ptr, content.len);
        bw_buf_adds(&text, "\"}\n");
    }
    bw_status s = bw_write_all(fd, bw_buf_slice(&text), path, err);
    bw_buf_fini(&text);
    if (close(fd) != 0 && s == BW_OK)
        s = bw_error_errno(err, BW_IO, errno, "cannot write %s", path);
    if (s != BW_OK)
        unlink(path);
    return s;
}

static bw_status read_file(const char *path, bw_buf *out, bw_error *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return bw_error_errno(err, BW_IO, errno, "cannot read %s", path);
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        bw_buf_add(out, piece, n);
    bool failed = ferror(f) != 0;
    fclose(f);
    return failed ? bw_error_errno(err, BW_IO, errno, "cannot read %s", path) : BW_OK;
}

/* ---- the editor ------------------------------------------------------------------------- */

static const char *editor(void)
{
    const char *visual = getenv("VISUAL"), *plain = getenv("EDITOR");
    return visual && visual[0] ? visual : plain && plain[0] ? plain : "vi";
}

/* In the child, where nothing may be allocated: other threads were under way. Signals are as a program
   expects them, but for ctrl-z: nobody would continue the editor. */
static void become_editor(const char *editor_command, const char *path)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < 32; i++)
        signal(i, SIG_DFL);
    signal(SIGTSTP, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl("/bin/sh", "sh", "-c", "eval \"$2\" '\"$1\"'", "sh", path, editor_command, (char *)NULL);
    _exit(127);
}

static bw_status run_editor(const char *path, bw_error *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    int status = 0;
    /* What is typed at the editor is the editor's, ctrl-c too. */
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    const char *command = editor();
    pid_t child = fork();
    if (child == 0)
        become_editor(command, path);
    pid_t ended = child;
    while (child > 0 && (ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
        ;
    int saved = errno;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    if (child < 0 || ended < 0)
        return bw_error_errno(err, BW_IO, saved, "cannot run the editor %s", editor());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return BW_OK;
    bw_error_set(err, BW_IO, "the editor %s ended with status %d: nothing was changed", editor(),
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return bw_error_hint(err, "VISUAL or EDITOR names the editor.");
}

/* Editors end the last line of a file; content that had no such end keeps none. */
static bw_slice without_added_newline(bw_slice text, bw_slice before)
{
    bool had = before.len > 0 && before.ptr[before.len - 1] == '\n';
    if (!had && text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    return text;
}

bw_status bw_edit_text(bw_slice content, bw_arena *arena, bw_slice *out, bool *changed,
                       bw_error *err)
{
    char path[512];
    bw_buf text = BW_BUF_INIT;
    *changed = false;
    bw_status s = make_file(content, path, sizeof(path), err);
    if (s != BW_OK)
        return s;
    s = run_editor(path, err);
    if (s == BW_OK)
        s = read_file(path, &text, err);
    unlink(path);
    if (s == BW_OK)
        s = bw_content_read(without_added_newline(bw_buf_slice(&text), content), arena, out, err);
    *changed = s == BW_OK && !bw_slice_eq(*out, content);
    bw_buf_fini(&text);
    return s;
}
