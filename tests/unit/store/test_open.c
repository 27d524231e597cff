/* Opening: rights, locks, a second process, damage, other versions. */
#include "tests/unit/store/child.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "backend/store/internal.h"

static unsigned mode_of(const char *dir, const char *name)
{
    struct stat st;
    char *path = bw_state_path(dir, name);
    assert_int_equal(stat(path, &st), 0);
    free(path);
    return st.st_mode & 07777;
}

static void is_private(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    mode_t before = umask(0);
    char *nested = bw_state_path(f->dir, "a/b");
    bw_store *s;
    assert_ok(bw_store_open(nested, BW_STORE_ENGINE, &f->clock, &s, &f->err), f->err);
    umask(before);
    assert_int_equal(mode_of(f->dir, "a"), 0700);
    assert_int_equal(mode_of(nested, "."), 0700);
    static const char *const FILES[] = {"state.db", "state.db-wal", "state.db-shm", "lock", "wake"};
    for (size_t i = 0; i < BW_COUNT(FILES); i++)
        assert_int_equal(mode_of(nested, FILES[i]), 0600);
    assert_int_equal(strlen(bw_store_id(s)), 8);
    assert_int_equal(strspn(bw_store_id(s), "0123456789abcdef"), 8);
    char id[9];
    memcpy(id, bw_store_id(s), sizeof(id));
    bw_store_close(s);
    assert_ok(bw_store_open(nested, BW_STORE_SHARED, &f->clock, &s, &f->err), f->err);
    assert_string_equal(bw_store_id(s), id);
    bw_store_close(s);
    free(nested);
}

static void refuses_a_directory_that_others_can_write_to(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    bw_store *s;
    assert_int_equal(chmod(f->dir, 0777), 0);
    assert_int_equal(bw_store_open(f->dir, BW_STORE_ENGINE, &f->clock, &s, &f->err), BW_DENIED);
    assert_non_null(strstr(f->err.hint, "chmod 700"));
    /* An empty one is taken for ours. */
    char *empty = bw_state_path(f->dir, "empty");
    assert_int_equal(mkdir(empty, 0755), 0);
    assert_int_equal(chmod(empty, 0777), 0);
    assert_ok(bw_store_open(empty, BW_STORE_ENGINE, &f->clock, &s, &f->err), f->err);
    bw_store_close(s);
    assert_int_equal(mode_of(empty, "."), 0700);
    free(empty);
    assert_int_equal(bw_store_open("/dev/null/state", BW_STORE_ENGINE, &f->clock, &s, &f->err),
                     BW_IO);
    assert_int_equal(bw_store_open("", BW_STORE_ENGINE, &f->clock, &s, &f->err), BW_IO);
}

static void knows_network_file_systems(void **state)
{
    (void)state;
    assert_string_equal(bw_network_fs_name(0x6969), "NFS");
    assert_string_equal(bw_network_fs_name(0xff534d42), "CIFS");
    /* As a signed 32-bit f_type would widen it. */
    assert_string_equal(bw_network_fs_name(0xffffffffff534d42UL), "CIFS");
    assert_null(bw_network_fs_name(0xef53));     /* ext4 */
    assert_null(bw_network_fs_name(0x01021994)); /* tmpfs */
}

static void has_one_engine(void **state)
{
    fixture *f = *state;
    char holder[128], self[32];
    bw_store *second;
    snprintf(self, sizeof(self), "pid %ld on ", (long)getpid());
    for (int i = 0; i < 3; i++) { /* asking must not drop the lock */
        assert_true(bw_store_engine_runs(f->dir, holder));
        assert_memory_equal(holder, self, strlen(self));
        assert_int_equal(bw_store_open(f->dir, BW_STORE_ENGINE, &f->clock, &second, &f->err),
                         BW_CONFLICT);
        assert_null(second);
        assert_non_null(strstr(f->err.message, self));
        assert_true(f->err.hint[0] != '\0');
    }
    assert_ok(bw_store_open(f->dir, BW_STORE_SHARED, &f->clock, &second, &f->err), f->err);
    assert_int_equal(bw_store_wake_fd(second), -1);
    bw_store_close(second);
    assert_true(bw_store_engine_runs(f->dir, holder));
    fixture_close(f);
    assert_false(bw_store_engine_runs(f->dir, holder));
    assert_string_equal(holder, "");
    assert_false(bw_store_engine_runs("/nonexistent", holder));
}

static int be_the_engine(fixture *f, int ready)
{
    fixture_open(f, BW_STORE_ENGINE);
    child_ready(ready);
    pause();
    return 0;
}

static void another_process_is_named_and_its_death_frees_the_lock(void **state)
{
    fixture *f = *state;
    char expected[32];
    bw_engine_record e;
    fixture_close(f);
    child c = child_start(f, be_the_engine);
    child_wait_ready(&c);
    snprintf(expected, sizeof(expected), "pid %ld on ", (long)c.pid);
    assert_int_equal(bw_store_open(f->dir, BW_STORE_ENGINE, &f->clock, &f->store, &f->err),
                     BW_CONFLICT);
    assert_non_null(strstr(f->err.message, expected));
    fixture_open(f, BW_STORE_SHARED);
    assert_ok(bw_store_engine(f->store, &f->arena, &e, &f->err), f->err);
    assert_true(e.running);
    assert_int_equal(e.pid, c.pid);
    assert_string_equal(e.version, BW_VERSION);
    f->wall_us += 16 * BW_SECOND; /* it still lives, but says nothing */
    assert_ok(bw_store_engine(f->store, &f->arena, &e, &f->err), f->err);
    assert_false(e.running);
    f->wall_us -= 16 * BW_SECOND;
    child_kill(&c);
    assert_ok(bw_store_engine(f->store, &f->arena, &e, &f->err), f->err);
    assert_false(e.running);
    fixture_close(f);
    fixture_open(f, BW_STORE_ENGINE);
}

static int die_at_work(fixture *f, int ready)
{
    bw_command_record *commands;
    size_t n;
    int64_t moved;
    fixture_open(f, BW_STORE_ENGINE);
    int64_t letter = fixture_letter(f, "{\"id\":1}", "e1");
    assert_ok(
        bw_store_letters_move(f->store, &letter, 1, BW_LETTER_REPLAYING, "anna", &moved, &f->err),
        f->err);
    assert_ok(bw_store_command_put(f->store, "anna", "resync", NULL, &letter, &f->err), f->err);
    assert_ok(bw_store_command_take(f->store, &f->arena, &commands, &n, &f->err), f->err);
    f->wall_us += BW_MINUTE;
    assert_ok(bw_store_heartbeat(f->store, -1, &f->err), f->err);
    child_ready(ready);
    pause();
    return 0;
}

static void picks_up_what_a_dead_engine_had_in_hand(void **state)
{
    fixture *f = *state;
    bw_run_record *runs;
    bw_command_record *commands;
    size_t n;
    fixture_close(f);
    child c = child_start(f, die_at_work);
    child_wait_ready(&c);
    child_kill(&c);
    int64_t heartbeat = f->wall_us + BW_MINUTE;
    f->wall_us += BW_HOUR;
    fixture_open(f, BW_STORE_ENGINE);
    assert_ok(bw_store_runs(f->store, NULL, 0, 0, &f->arena, &runs, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_string_equal(runs[0].state, "interrupted");
    assert_int_equal(runs[0].ended_us, heartbeat);
    assert_ok(bw_store_command_take(f->store, &f->arena, &commands, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_string_equal(commands[0].kind, "resync");
    assert_int_equal(fixture_get(f, 1).state, BW_LETTER_OPEN);
}

/* ---- damage ----------------------------------------------------------------------------- */

static void overwrite(fixture *f, off_t at, size_t size)
{
    char *path = bw_state_path(f->dir, "state.db");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    free(path);
    char *junk = malloc(size);
    memset(junk, 0x5a, size);
    assert_int_equal(pwrite(fd, junk, size, at), (ssize_t)size);
    free(junk);
    close(fd);
}

static void says_how_to_go_on_without_a_file_that_is_no_database(void **state)
{
    fixture *f = *state;
    bw_store *s;
    fixture_close(f);
    overwrite(f, 0, 4096);
    assert_int_equal(bw_store_open(f->dir, BW_STORE_ENGINE, &f->clock, &s, &f->err), BW_CORRUPT);
    assert_non_null(strstr(f->err.message, f->dir));
    assert_non_null(strstr(f->err.hint, "targets stay"));
    assert_int_equal(bw_store_open_reader(f->dir, &f->clock, &s, &f->err), BW_CORRUPT);
}

static void checks_the_file_after_an_unclean_stop(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    child c = child_start(f, die_at_work);
    child_wait_ready(&c);
    child_kill(&c);
    /* Brings the write-ahead log into the file, without counting as a clean stop. */
    fixture_open(f, BW_STORE_SHARED);
    fixture_close(f);
    struct stat st;
    char *path = bw_state_path(f->dir, "state.db");
    assert_int_equal(stat(path, &st), 0);
    free(path);
    overwrite(f, st.st_size - 4096 * 8, 4096 * 4);
    bw_status status = bw_store_open(f->dir, BW_STORE_ENGINE, &f->clock, &f->store, &f->err);
    assert_int_equal(status, BW_CORRUPT);
    assert_non_null(strstr(f->err.message, "unclean stop"));
    assert_non_null(strstr(f->err.hint, f->dir));
}

static void execute(fixture *f, const char *sql)
{
    char *path = bw_state_path(f->dir, "state.db");
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(path);
}

static void refuses_a_newer_schema_and_other_programs_files(void **state)
{
    fixture *f = *state;
    bw_store *s;
    fixture_close(f);
    execute(f, "PRAGMA user_version = 99");
    assert_int_equal(bw_store_open(f->dir, BW_STORE_ENGINE, &f->clock, &s, &f->err),
                     BW_UNSUPPORTED);
    assert_non_null(strstr(f->err.message, "99"));
    assert_int_equal(bw_store_open_reader(f->dir, &f->clock, &s, &f->err), BW_UNSUPPORTED);
    execute(f, "PRAGMA user_version = 0; PRAGMA application_id = 0");
    assert_int_equal(bw_store_open(f->dir, BW_STORE_SHARED, &f->clock, &s, &f->err), BW_INVALID);
}

/* A file of the first version: what it holds is kept, what it did not know is not made up. */
static void brings_an_older_file_forward(void **state)
{
    fixture *f = *state;
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    fixture_load(f, &b, 5, 0, "{\"a\":1}");
    fixture_commit(f, &b);
    fixture_close(f);
    execute(f, "ALTER TABLE runs DROP COLUMN rows_present;"
               "ALTER TABLE batches DROP COLUMN rows_present;"
               "ALTER TABLE syncs DROP COLUMN rows_present;"
               "ALTER TABLE syncs DROP COLUMN source_offset;"
               "ALTER TABLE syncs DROP COLUMN slowed; PRAGMA user_version = 1");
    bw_store *s;
    assert_int_equal(bw_store_open_reader(f->dir, &f->clock, &s, &f->err), BW_UNSUPPORTED);
    fixture_open(f, BW_STORE_ENGINE);
    bw_sync_record r = fixture_sync(f);
    assert_string_equal(r.checkpoint, "{\"a\":1}");
    assert_int_equal(r.rows_total, 5);
    assert_int_equal(r.rows_present, 0);
    assert_int_equal(r.source_offset_us, BW_TIME_NONE);
    assert_null(r.slowed);
}

/* A file of the second version: its letters stay, messages get their identity, ids are not used twice. */
static void gives_messages_of_an_older_file_their_identity(void **state)
{
    fixture *f = *state;
    char hash[BW_LETTER_HASH];
    fixture_close(f);
    execute(f, "DROP TABLE letters; DROP TABLE staged_letters;"
               "CREATE TABLE letters (id INTEGER PRIMARY KEY AUTOINCREMENT, sync TEXT NOT NULL,"
               " event_id TEXT NOT NULL, key TEXT, reason TEXT NOT NULL, column_name TEXT,"
               " detail TEXT, attributes TEXT, attempts INTEGER NOT NULL,"
               " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, state TEXT NOT NULL,"
               " changed INTEGER NOT NULL, batch INTEGER NOT NULL, content BLOB,"
               " UNIQUE (sync, event_id)) STRICT;"
               "CREATE TABLE staged_letters (sync TEXT NOT NULL, batch INTEGER NOT NULL,"
               " event_id TEXT NOT NULL, key TEXT, reason TEXT NOT NULL, column_name TEXT,"
               " detail TEXT, attributes TEXT, attempts INTEGER NOT NULL,"
               " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, content BLOB,"
               " UNIQUE (sync, batch, event_id)) STRICT;"
               "INSERT INTO letters VALUES"
               " (1, 's', 'row-1', 'k', 'BAD_UTF8', '', '', NULL, 1, 1, 1, 'open', 1, 1, x'61'),"
               " (2, 's', 'e1', 'k', 'PROCESSING', '', '', '{}', 3, 1, 1, 'open', 1, 1, x'62'),"
               " (9, 's', 'e9', 'k', 'PROCESSING', '', '', '{}', 3, 1, 1, 'open', 1, 1, x'63');"
               "INSERT INTO staged_letters VALUES"
               " ('s', 1, 'e1', NULL, 'PROCESSING', '', '', '{}', 1, 1, 1, x'62');"
               "DELETE FROM letters WHERE id = 9;"
               "PRAGMA user_version = 2");
    fixture_open(f, BW_STORE_ENGINE);
    assert_string_equal(fixture_get(f, 1).content_hash, "");
    bw_store_letter_hash(BW_SLICE_LIT("b"), hash);
    bw_dead_letter l = fixture_get(f, 2);
    assert_string_equal(l.content_hash, hash);
    assert_int_equal(l.attempts, 3);
    bw_dead_letter met[] = {{.event_id = "e2", .attributes = "{}", .content = BW_SLICE_LIT("b")},
                            {.event_id = "e1", .attributes = "{}", .content = BW_SLICE_LIT("b")}};
    assert_ok(bw_store_letters_put(f->store, "s", met, 2, &f->err), f->err);
    assert_string_equal(fixture_get(f, 10).event_id, "e2");
    assert_int_equal(fixture_get(f, 2).attempts, 4);
}

static void a_full_disk_loses_nothing_and_says_so(void **state)
{
    fixture *f = *state;
    int64_t run = fixture_run(f);
    bw_batch_record b = fixture_plan(f, run);
    assert_ok(bw_sql_script(f->store, "PRAGMA max_page_count = 1", &f->err), f->err);
    char big[20000];
    memset(big, 'x', sizeof(big));
    bw_dead_letter l = {
        .event_id = "e1", .reason = BW_REASON_BAD_UTF8, .content = {big, sizeof(big)}};
    bw_status st = BW_OK;
    char id[16];
    for (int i = 0; i < 1000 && st == BW_OK; i++) {
        snprintf(id, sizeof(id), "e%d", i);
        l.event_id = id;
        st = bw_store_letters_stage(f->store, SYNC, b.number, &l, 1, &f->err);
    }
    assert_int_equal(st, BW_IO);
    assert_non_null(strstr(f->err.message, "full"));
    assert_non_null(strstr(f->err.hint, f->dir));
    /* The connection is usable, what was there is there. */
    bw_batch_record *open;
    size_t n;
    assert_ok(bw_store_batch_open_list(f->store, NULL, &f->arena, &open, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_ok(bw_sql_script(f->store, "PRAGMA max_page_count = 1000000", &f->err), f->err);
    assert_ok(bw_store_letters_stage(f->store, SYNC, b.number, &l, 1, &f->err), f->err);
}

static int write_beyond_the_limit(fixture *f, int ready)
{
    (void)ready;
    signal(SIGXFSZ, SIG_IGN);
    fixture_open(f, BW_STORE_ENGINE);
    bw_batch_record b = fixture_plan(f, fixture_run(f));
    struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 3;
    static char big[4 << 20];
    bw_dead_letter l = {
        .event_id = "e", .reason = BW_REASON_BAD_UTF8, .content = {big, sizeof(big)}};
    bw_status st = bw_store_letters_stage(f->store, SYNC, b.number, &l, 1, &f->err);
    return st == BW_IO && strstr(f->err.hint, f->dir) ? 0 : 1;
}

static void an_input_output_error_says_where(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    child c = child_start(f, write_beyond_the_limit);
    assert_int_equal(child_wait(&c), 0);
    fixture_open(f, BW_STORE_ENGINE);
    bw_batch_record *open;
    size_t n;
    assert_ok(bw_store_batch_open_list(f->store, NULL, &f->arena, &open, &n, &f->err), f->err);
    assert_int_equal(n, 1);
}

static void a_writer_that_holds_on_is_waited_for_then_named(void **state)
{
    fixture *f = *state;
    bw_store *other;
    assert_ok(bw_store_open(f->dir, BW_STORE_SHARED, &f->clock, &other, &f->err), f->err);
    assert_ok(bw_tx_begin(other, &f->err), f->err);
    sqlite3_busy_timeout(f->store->db, 50);
    assert_int_equal(bw_store_heartbeat(f->store, -1, &f->err), BW_UNAVAILABLE);
    assert_true(f->err.retryable);
    assert_ok(bw_tx_end(other, BW_OK, &f->err), f->err);
    assert_ok(bw_store_heartbeat(f->store, -1, &f->err), f->err);
    bw_store_close(other);
}

static void a_reader_sees_commits_and_cannot_write(void **state)
{
    fixture *f = *state;
    bw_store *reader;
    int64_t n;
    assert_int_equal(bw_store_open_reader("/nonexistent", &f->clock, &reader, &f->err),
                     BW_NOT_FOUND);
    assert_ok(bw_store_open_reader(f->dir, &f->clock, &reader, &f->err), f->err);
    bw_letter_filter all = {0};
    fixture_letter(f, "{\"id\":1}", "e1");
    assert_ok(bw_store_letters_count(reader, &all, &n, &f->err), f->err);
    assert_int_equal(n, 1);
    fixture_letter(f, "{\"id\":2}", "e2");
    assert_ok(bw_store_letters_count(reader, &all, &n, &f->err), f->err);
    assert_int_equal(n, 2);
    assert_int_equal(bw_store_heartbeat(reader, -1, &f->err), BW_DENIED);
    assert_string_equal(bw_store_id(reader), bw_store_id(f->store));
    bw_store_close(reader);
    assert_true(bw_store_engine_runs(f->dir, (char[128]){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(is_private),
        FIXTURE_TEST(refuses_a_directory_that_others_can_write_to),
        cmocka_unit_test(knows_network_file_systems),
        FIXTURE_TEST(has_one_engine),
        FIXTURE_TEST(another_process_is_named_and_its_death_frees_the_lock),
        FIXTURE_TEST(picks_up_what_a_dead_engine_had_in_hand),
        FIXTURE_TEST(says_how_to_go_on_without_a_file_that_is_no_database),
        FIXTURE_TEST(checks_the_file_after_an_unclean_stop),
        FIXTURE_TEST(refuses_a_newer_schema_and_other_programs_files),
        FIXTURE_TEST(brings_an_older_file_forward),
        FIXTURE_TEST(gives_messages_of_an_older_file_their_identity),
        FIXTURE_TEST(a_full_disk_loses_nothing_and_says_so),
        FIXTURE_TEST(an_input_output_error_says_where),
        FIXTURE_TEST(a_writer_that_holds_on_is_waited_for_then_named),
        FIXTURE_TEST(a_reader_sees_commits_and_cannot_write),
    };
    return BW_RUN_TESTS(tests);
}
