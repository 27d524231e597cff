"""Whatever is wrong, the operator is told what and what to do about it, the other syncs go on, and
nothing is lost: once it is mended, the next run completes and the target equals the source.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import (Bridgewatch, Postgres, Sandbox, TempDir, json, run_tests, wait_for)

ROWS = 300
GOOD = "{source: shop, table: public.good, mode: replace}"
_pg = None


def cluster():
    global _pg
    if not _pg:
        _pg = Postgres(TempDir())
        _pg.sql("CREATE DATABASE shop", "postgres")
        _pg.sql("".join("CREATE TABLE %s (id int PRIMARY KEY, v text); INSERT INTO %s SELECT g, 'v' || g FROM "
                        "generate_series(1, %d) g; " % (t, t, ROWS) for t in ("good", "orders", "secret", "moody")))
        _pg.sql("CREATE ROLE poor LOGIN; GRANT SELECT ON good TO poor")
    return _pg


def source_rows(table, pg=None):
    return sorted(line.split("|", 1) for line in (pg or cluster()).sql("SELECT id, v FROM " + table).splitlines())


def target_rows(sandbox, target):
    return sorted([r["id"], r["v"]] for r in sandbox.rows(target))


class Lab:
    """A sandbox, a state directory, and a configuration that changes from run to run."""

    def __init__(self, sources=None, **sandbox):
        self.sandbox = Sandbox(**sandbox)
        self.directory = TempDir()
        self.sources = dict({"shop": cluster().source()}, **(sources or {}))

    def bw(self, *syncs, url=None, extra="", name="bw"):
        return Bridgewatch(self.directory, url or self.sandbox.url, self.sources, syncs or [GOOD], name=name, extra=extra)

    def once(self, *syncs, code=0, **kwargs):
        """Runs once; the results by name. The exit status is as the interface promises."""
        done = self.bw(*syncs, **kwargs).run("run", "--once", "--json")
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return {r["sync"]: r for r in json.loads(done.stdout)["syncs"]}

    def fails(self, syncs, message, hint, **kwargs):
        """The last of the syncs fails, saying so; every other one succeeds."""
        results = self.once(*syncs, code=1, **kwargs)
        *others, failed = results.values()
        assert all(r["state"] == "ok" for r in others), others
        assert_says(failed, message, hint)
        return failed

    def completes(self, *syncs, target="orders", table="orders", pg=None):
        """Mended: every sync is well, and the target equals the source."""
        results = self.once(*syncs)
        assert all(r["state"] == "ok" for r in results.values()), results
        assert target_rows(self.sandbox, target) == source_rows(table, pg)


def assert_says(result, message, hint):
    assert result["state"] == "failed", result
    error = result["error"]
    for text, parts in ((error["message"], message), (error["hint"] or "", hint)):
        for part in [parts] if isinstance(parts, str) else parts:
            assert part in text, "%r is not in %r (%s)" % (part, text, error)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class BlackHole:
    """A port that answers nothing: its queue of connections is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.listener.getsockname())
            self.fillers.append(s)


def tcp(port, **settings):
    more = "".join(", %s: %s" % item for item in settings.items())
    return "{type: postgres, host: 127.0.0.1, port: %d, database: shop, user: tester%s}" % (port, more)


def sync_of(source, table="orders", more=""):
    return "{source: %s, table: public.%s, mode: replace%s}" % (source, table, more)


# ---- the configuration ----

WRONG = """\
project: demo
datset: analytics
credentials: none
engine: {workers: many}
sources:
  shop: {type: postgres, hots: /tmp, port: 99999}
syncs:
  - {source: shop, tabel: public.x}
  - {source: shpo, table: public.y, mode: upsret}
  - {source: shop, table: public.z, stall_timeout: 10x, lookback: 1m, lookback: 2m}
"""
# line:column, what, suggestion
MISTAKES = [
    ("1:1", "dataset is missing", "the BigQuery dataset"),
    ("2:1", "unknown key datset", "Did you mean dataset?"),
    ("4:19", "engine.workers must be a whole number from 1 to 64, not many", None),
    ("6:26", "unknown key sources.shop.hots", "Did you mean host?"),
    ("6:44", "sources.shop.port must be a whole number from 1 to 65535, not 99999", None),
    ("8:5", "syncs[].table is missing", "the table, or a pattern"),
    ("8:20", "unknown key syncs[].tabel", "Did you mean table?"),
    ("9:14", "there is no shpo in sources", "Did you mean shop?"),
    ("9:43", "syncs[].mode must be one of upsert, append, replace, events, not upsret", "Did you mean upsert?"),
    ("10:52", "syncs[].stall_timeout must be a duration", None),
    ("10:71", "lookback", None),
]


def test_mistakes_in_the_configuration_are_all_named_at_once():
    lab = Lab()
    bw = lab.bw()
    with open(bw.config, "w", encoding="utf-8") as f:
        f.write(WRONG + "state_dir: %s\n" % bw.state)
    for command in (["run", "--once"], ["check"], ["status"]):
        done = bw.run(*command)
        assert done.returncode == 2 and done.stdout == "", done
        said = done.stderr
        for place, what, hint in MISTAKES:
            line = next((l for l in said.splitlines() if l.startswith("%s:%s: " % (bw.config, place)) and what in l), None)
            assert line, "%s: %s is not in\n%s" % (place, what, said)
            assert hint is None or hint in said[said.index(line):].split("\n", 2)[1], (hint, said)
        assert said.count(bw.config + ":") == len(MISTAKES), said
    document = bw.json("run", "--once")
    assert not document["ok"] and len(document["problems"]) == len(MISTAKES), document
    assert ["%d:%d" % (p["line"], p["column"]) for p in document["problems"]] == [m[0] for m in MISTAKES], document
    assert not os.path.exists(bw.state), "a configuration that is wrong begins nothing"


def test_a_syntax_error_has_a_place():
    bw = Lab().bw()
    with open(bw.config, "w", encoding="utf-8") as f:
        f.write("project: demo\nsyncs: [{source: s\ndataset: x\n")
    done = bw.run("check")
    assert done.returncode == 2, done
    assert done.stderr.startswith(bw.config + ":") and "syntax error" in done.stderr and "HINT:" in done.stderr, done.stderr
    done = Bridgewatch(TempDir(), "http://x", {}, []).run("check", "-c", "/nonexistent/bw.yaml")
    assert done.returncode == 2 and "/nonexistent/bw.yaml" in done.stderr, done


def test_names_of_syncs_that_are_not_there():
    lab = Lab()
    done = lab.bw().run("run", "--once", "shop.goood", "shop.good", "--json")
    results = {r["sync"]: r for r in json.loads(done.stdout)["syncs"]}
    assert done.returncode == 1, done
    assert_says(results["shop.goood"], "no sync of that name", "Did you mean shop.good?")
    assert results["shop.good"]["state"] == "ok", results
    for command in (["sync"], ["pause"], ["resume"]):
        done = lab.bw().run(*command, "shop.goood")
        assert done.returncode in (1, 2) and "shop.goood" in done.stderr and "Did you mean shop.good?" in done.stderr, (
            command, done)


def test_dead_letters_that_are_not_there():
    bw = Lab().bw()
    for command, message in ((["show", "99"], "no such dead letter"), (["replay", "99"], "no open dead letter is selected"),
                             (["discard", "--sync", "shop.good"], "no open dead letter is selected"),
                             (["list", "--sync", "shop.goood"], "there is no sync shop.goood"),
                             (["discard", "--sync", "shop.goood", "--yes"], "Did you mean shop.good?"),
                             (["list", "--sync", "entirely"], "there is no sync entirely"),
                             (["list", "--reason", "array_nul"], "Did you mean ARRAY_NULL?"),
                             (["export", "--reason", "NONSENSE"], "there is no reason NONSENSE"),
                             (["replay"], "which dead letters?"), (["show", "x"], "is a number"), (["lst"], "dlq has no lst")):
        done = bw.run("dlq", *command)
        assert done.returncode in (1, 2) and message in done.stderr and "HINT:" in done.stderr and not done.stdout, done
        assert done.returncode == 2 or command[0] == "show" or command == ["replay", "99"], done
    none = bw.run("dlq", "list", "--sync", "shop.good", "--reason", "ARRAY_NULL")
    assert (none.returncode, none.stdout, none.stderr) == (0, "no open dead letters of shop.good with reason ARRAY_NULL\n", ""), none
    assert bw.json("dlq", "list", "--sync", "shop.good") == {"dead_letters": []}


# ---- sources ----

def test_servers_that_cannot_be_reached():
    hole = BlackHole()
    lab = Lab({"closed": tcp(free_port(), tls="disable"), "hole": tcp(hole.port, tls="disable", connect_timeout="2s"),
               "nowhere": "{type: postgres, host: no-such-host.invalid, database: shop, user: tester, connect_timeout: 10s}",
               "socket": "{type: postgres, host: /nonexistent/dir, database: shop, user: tester}"})
    syncs = [GOOD] + [sync_of(s, more=", name: %s, target: orders_%s" % (s, s)) for s in ("closed", "hole", "nowhere", "socket")]
    started = time.monotonic()
    results = lab.once(*syncs, code=1)
    assert time.monotonic() - started < 15, "connect_timeout did not bound the wait"
    assert results["shop.good"]["state"] == "ok" and target_rows(lab.sandbox, "good") == source_rows("good")
    assert_says(results["closed"], ["source closed", "127.0.0.1", "Connection refused"], "Check host and port")
    assert_says(results["hole"], "timed out waiting for a connection", "connect_timeout")
    assert_says(results["nowhere"], "cannot resolve the host name no-such-host.invalid", "Check the setting host")
    assert_says(results["socket"], "/nonexistent/dir", "Check host and port")
    check = lab.bw(*syncs).json("check")
    assert not check["ok"] and sum(not c["ok"] for c in check["checks"]) >= 4, check
    for source in ("closed", "hole", "nowhere", "socket"):
        lab.sources[source] = cluster().source()
    results = lab.once(*syncs)
    for source in ("closed", "hole", "nowhere", "socket"):
        assert target_rows(lab.sandbox, "orders_" + source) == source_rows("orders")


def test_logins_that_are_refused():
    """A cluster on loopback that asks for passwords (SCRAM) and has no TLS."""
    port = free_port()
    pg = Postgres(TempDir(), settings=["listen_addresses=127.0.0.1", "port=%d" % port], port=port)
    with open(os.path.join(pg.directory, "pg_hba.conf"), "w", encoding="ascii") as f:
        f.write("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    pg.sql("ALTER ROLE tester PASSWORD 'right horse'; SELECT pg_reload_conf()", "postgres")
    pg.sql("CREATE DATABASE shop", "postgres")
    pg.sql("CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders VALUES (1, 'a'), (2, 'b')")
    lab = Lab()
    syncs = [GOOD, sync_of("far")]
    cases = [
        (tcp(port, tls="disable", password="wrong horse"), 'password authentication failed for user "tester"',
         "Check user and password"),
        (tcp(port, tls="disable"), "asks for a password of tester and none is set", ["PGPASSWORD", "~/.pgpass"]),
        (tcp(port, password="right horse"), ["no safe connection to 127.0.0.1", "does not support SSL"],
         ["ssl in the server's postgresql.conf", "tls: disable"]),
        (tcp(port, tls="require", password="right horse"), "does not support SSL", "tls: disable"),
        (tcp(port, tls="disable", password="right horse").replace("shop", "shpo"),
         'database "shpo" does not exist', "Check the setting database"),
        (tcp(port, tls="disable", password="right horse").replace("tester", "testre"),
         "testre", "Check user and password"),
    ]
    for source, message, hint in cases:
        lab.sources["far"] = source
        failed = lab.fails(syncs, message, hint)
        assert "horse" not in json.dumps(failed), "a password is shown"
    lab.sources["far"] = tcp(port, tls="disable", password="right horse")
    lab.completes(*syncs, pg=pg)


def test_tables_and_columns_that_are_not_there():
    lab = Lab()
    cases = [
        ("{source: shop, table: public.ordesr, mode: replace}", "table public.ordesr does not exist in database shop",
         "Did you mean public.orders?"),
        ("{source: shop, table: pubic.orders, mode: replace}", "table pubic.orders does not exist", "Did you mean public.orders?"),
        ('{source: shop, table: "archive.*", mode: replace}', "no table of source shop matches archive.*", "Patterns match"),
        ("{source: shop, table: public.orders, mode: append, cursor: vv}", "has no column vv", "Did you mean v?"),
        ("{source: shop, table: public.orders, mode: replace, key: [idd]}", "has no column idd", "Did you mean id?"),
        ("{source: shop, table: public.orders, mode: replace, columns: [id, w]}", "has no column w", ""),
        ("{source: shop, table: public.orders, mode: replace, as: {z: json}}", "z", ""),
    ]
    for sync, message, hint in cases:
        lab.fails([GOOD, sync], message, hint)
    assert lab.sandbox.tables() == ["good"], lab.sandbox.tables()
    lab.completes(GOOD, sync_of("shop"))


def test_missing_rights_come_with_the_grant():
    lab = Lab({"poor": "{type: postgres, host: %s, database: shop, user: poor}" % cluster().socket})
    syncs = [GOOD, sync_of("poor", "secret")]
    failed = lab.fails(syncs, "user poor may not read table public.secret", "GRANT SELECT")
    cluster().sql(failed["error"]["hint"])  # the hint is the statement that helps
    lab.completes(*syncs, target="secret", table="secret")
    check = lab.bw(*syncs).json("check")
    assert check["ok"] and any("pg_read_all_stats" in c["message"] for c in check["checks"] if c["note"]), check


def test_a_key_that_is_not_unique():
    cluster().sql("CREATE TABLE twice (id int, v text, updated_at timestamptz NOT NULL DEFAULT now());"
                  "INSERT INTO twice (id, v) VALUES (1, 'a'), (2, 'b'), (2, 'c'), (3, 'd')")
    lab = Lab()
    sync = "{source: shop, table: public.twice, mode: upsert, key: [id]}"
    lab.fails([GOOD, sync], ["2"], "key")
    assert not lab.sandbox.table("twice") or lab.sandbox.rows("twice") == []
    cluster().sql("DELETE FROM twice WHERE v = 'c'; UPDATE twice SET updated_at = now()")
    lab.completes(GOOD, sync, target="twice", table="twice")


# ---- the state directory ----

def fill_disk(directory):
    size = 1 << 16
    with open(os.path.join(directory, "fill"), "wb", buffering=0) as f:
        while size >= 1:
            try:
                f.write(b"x" * size)
            except OSError:
                size //= 2


def test_a_full_disk_under_the_state():
    """As root on a small file system of its own; else, and also, by a limit on the size of files."""
    lab = Lab()
    syncs = [GOOD, sync_of("shop")]
    bw = lab.bw(*syncs)
    lab.once(*syncs)
    cluster().sql("UPDATE orders SET v = v || '!' WHERE id % 7 = 0")
    if os.geteuid() == 0:
        kept = shutil.copytree(bw.state, bw.state + "-kept")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", bw.state], capture_output=True)
        if mounted.returncode == 0:
            try:
                shutil.copytree(kept, bw.state, dirs_exist_ok=True)
                fill_disk(bw.state)
                expect_full(bw)
                os.unlink(os.path.join(bw.state, "fill"))
                lab.completes(*syncs)
            finally:
                subprocess.run(["umount", bw.state], check=True)
            # What lies under the mount is older than the target: going on from there is safe too.
            lab.completes(*syncs)
    cluster().sql("UPDATE orders SET v = v || '?' WHERE id % 5 = 0")
    expect_full(bw, ["prlimit", "--fsize=8192"])
    lab.completes(*syncs)


def expect_full(bw, prefix=()):
    done = subprocess.run(list(prefix) + bw.argv("run", "--once", "--json"), capture_output=True, text=True, env=bw.env(), timeout=60)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    document = json.loads(done.stdout)
    errors = [document["error"]] if "error" in document else [s["error"] for s in document["syncs"]]
    for error in errors:
        assert bw.state in error["message"] and "disk" in error["hint"] and "nothing was lost" in error["hint"], document


def test_a_damaged_state_file():
    lab = Lab()
    syncs = [GOOD, sync_of("shop")]
    bw = lab.bw(*syncs)
    lab.once(*syncs)
    path = os.path.join(bw.state, "state.db")
    with open(path, "rb") as f:
        whole = f.read()
    damages = {"garbage": b"garbage\n" * 4096, "a torn page": whole[:4096] + os.urandom(4096) + whole[8192:],
               "half": whole[:len(whole) // 2 // 4096 * 4096]}
    for what, content in damages.items():
        with open(path, "wb") as f:
            f.write(content)
        for command in (["run", "--once"], ["status"], ["dlq", "list"]):
            done = bw.run(*command, "--json")
            assert done.returncode == 1, (what, command, done)
            document = json.loads(done.stdout)
            assert "error" in document, (what, command, document)
            error = document["error"]
            assert path in error["message"] and "Move state.db" in error["hint"] and "take over" in error["hint"], (what, error)
        with open(path, "rb") as f:
            assert f.read() == content, "%s: what is left of the state was changed" % what
    # As the hint says: away with it, take the targets over.
    for name in os.listdir(bw.state):
        if name.startswith("state.db"):
            os.rename(os.path.join(bw.state, name), os.path.join(lab.directory.path, name))
    results = lab.once(*syncs, code=1)
    for result in results.values():
        assert_says(result, "belongs to another engine's store", ["take", "over"])
    cluster().sql("UPDATE orders SET v = v || '.' WHERE id % 3 = 0")
    for name in results:
        done = bw.run("sync", name, "--take-over")
        assert done.returncode == 0, done
    lab.completes(*syncs)


def test_a_second_engine_on_the_same_state():
    lab = Lab()
    bw = lab.bw(GOOD)
    first = bw.start("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("the engine", lambda: bw.json("status")["engine"]["state"] == "running")
    for command in (["run"], ["run", "--once"]):
        done = bw.run(*command, seconds=20)
        assert done.returncode == 2 and done.stdout == "", done
        assert "pid %d" % first.pid in done.stderr and bw.state in done.stderr and "HINT: Stop it" in done.stderr, done.stderr
    document = bw.json("run", "--once")
    assert not document["ok"] and "pid %d" % first.pid in document["error"]["message"], document
    assert bw.json("status")["engine"]["state"] == "running" and first.poll() is None
    assert bw.run("sync", "shop.good").returncode == 0  # carried out by the first
    first.terminate()
    assert first.wait(20) == 0
    lab.completes(GOOD, target="good", table="good")


# ---- the destination ----

def test_bigquery_down():
    lab = Lab(data=TempDir().path)
    syncs = [sync_of("shop", "good", ", stall_timeout: 2s"), sync_of("shop", more=", stall_timeout: 2s")]
    lab.once(*syncs)
    cluster().sql("UPDATE orders SET v = v || '+' WHERE id % 11 = 0")
    lab.sandbox.kill()
    started = time.monotonic()
    for result in lab.once(*syncs, code=1).values():
        assert_says(result, ["dataset demo.analytics", "onnect to 127.0.0.1"], "Check that the service runs")
    assert time.monotonic() - started < 60, "stall_timeout did not bound the wait"
    lab.sandbox.start()
    lab.completes(*syncs)
    hole = BlackHole()
    for result in lab.once(*syncs, code=1, url="http://127.0.0.1:%d" % hole.port).values():
        assert_says(result, "127.0.0.1:%d" % hole.port, "")
    cluster().sql("UPDATE orders SET v = v || '-' WHERE id % 13 = 0")
    lab.sandbox.faults(["bigquery.jobs.insert:503:1:40", "bigquery.upload.*:503:1:40"])
    for result in lab.once(*syncs, code=1).values():
        assert_says(result, "HTTP 503", "the next run goes on from here")
    lab.sandbox.call("POST", "/sandbox/faults", {"faults": [], "replace": True})
    lab.completes(*syncs)


def test_rights_that_bigquery_refuses():
    lab = Lab()
    syncs = [GOOD, sync_of("shop", more=", dataset: private")]
    # A dataset that is not there and may not be made: also what a wrong project looks like.
    lab.once(GOOD)
    lab.sandbox.faults(["bigquery.datasets.insert:403/accessDenied:1:1"])
    lab.fails(syncs, ["demo.private", "cannot create the dataset", "accessDenied"],
              ["check project and dataset", "BigQuery Data Editor"])
    lab.once(*syncs)
    # Jobs that may not be run.
    lab.sandbox.faults(["bigquery.jobs.insert:403/accessDenied:1:20"])
    for result in lab.once(GOOD, sync_of("shop"), code=1).values():
        assert_says(result, "accessDenied", "BigQuery Job User")
    lab.sandbox.call("POST", "/sandbox/faults", {"faults": [], "replace": True})
    lab.completes(GOOD, sync_of("shop"))


def test_a_quota_that_is_used_up():
    lab = Lab()
    lab.once(GOOD)
    lab.sandbox.faults(["bigquery.jobs.insert:403/quotaExceeded:1:1"])
    failed = lab.fails([sync_of("shop")], "quotaExceeded", "quota")
    assert failed["rows_loaded"] == 0, failed
    parked = {s["sync"]: s for s in lab.bw(GOOD, sync_of("shop")).json("status")["syncs"]}["shop.orders"]
    assert parked["state"] == "parked", parked
    done = lab.bw(GOOD, sync_of("shop")).run("sync", "shop.orders")  # the operator knows better
    assert done.returncode == 0, done
    lab.completes(GOOD, sync_of("shop"))


def test_a_target_of_another_engine():
    lab = Lab()
    syncs = [GOOD, sync_of("shop")]
    lab.once(sync_of("shop"), name="other")
    before = target_rows(lab.sandbox, "orders")
    cluster().sql("UPDATE orders SET v = v || '~' WHERE id = 1")
    lab.fails(syncs, ["demo.analytics.orders", "belongs to another engine's store"], ["does not run any more", "--take-over"])
    assert target_rows(lab.sandbox, "orders") == before, "the other engine's target was touched"
    done = lab.bw(*syncs).run("sync", "shop.orders", "--take-over")
    assert done.returncode == 0, done
    lab.completes(*syncs)
    results = lab.once(sync_of("shop"), code=1, name="other")
    assert_says(results["shop.orders"], "belongs to another engine's store", "--take-over")


def test_two_syncs_of_one_target():
    """They would undo each other's work run by run."""
    lab = Lab()
    cluster().sql("CREATE SCHEMA a; CREATE TABLE a.good (id int PRIMARY KEY, v text); INSERT INTO a.good VALUES (1, 'a');"
                  "CREATE TABLE a_good AS SELECT 2 AS id, 'b' AS v; CREATE TABLE a.other AS SELECT 3 AS id, 'c' AS v")
    for other in ("target: good", "target: good_raw"):
        done = lab.bw("{source: shop, table: public.good, raw: true}", sync_of("shop", more=", " + other)).run("run", "--once")
        assert done.returncode == 2 and ".yaml:10:5: table analytics.good" in done.stderr, done
        assert "is written by sync shop.good already" in done.stderr and "another target:" in done.stderr, done
    syncs = [sync_of("shop", "a_good"), '{source: shop, table: "a.*", mode: replace}']
    results = lab.once(*syncs, code=1)
    assert results["shop.a_good"]["state"] == results["shop.a.other"]["state"] == "ok", results
    assert_says(results["shop.a.good"], "table analytics.a_good is written by sync shop.a_good already", "another target:")
    assert target_rows(lab.sandbox, "a_good") == [["2", "b"]]
    assert not lab.bw(*syncs).json("check")["ok"]
    # An entry of its own, under any name, takes a table out of a pattern.
    syncs[1:] = ["{source: shop, table: a.good, name: mine, target: mine, mode: replace}", syncs[1]]
    assert sorted(r for r in lab.once(*syncs) if "*" not in r) == ["mine", "shop.a.other", "shop.a_good"]
    assert target_rows(lab.sandbox, "mine") == [["1", "a"]]


# ---- tables that change ----

def test_an_empty_table_does_not_empty_its_target():
    pg = cluster()
    pg.sql("CREATE TABLE emptied AS SELECT * FROM orders")
    lab = Lab()
    syncs = [GOOD, sync_of("shop", "emptied")]
    lab.once(*syncs)
    before = target_rows(lab.sandbox, "emptied")
    pg.sql("TRUNCATE emptied")
    lab.fails(syncs, ["public.emptied is empty", "holds %d rows" % ROWS, "not replaced"], "allow_empty: true")
    assert target_rows(lab.sandbox, "emptied") == before
    pg.sql("INSERT INTO emptied VALUES (1, 'back')")
    lab.completes(*syncs, target="emptied", table="emptied")
    pg.sql("TRUNCATE emptied")
    lab.completes(GOOD, sync_of("shop", "emptied", ", allow_empty: true"), target="emptied", table="emptied")


def test_a_column_that_changes_its_type():
    pg = cluster()
    lab = Lab()
    syncs = [GOOD, sync_of("shop", "moody")]
    lab.once(*syncs)
    before = target_rows(lab.sandbox, "moody")
    pg.sql("ALTER TABLE moody ADD COLUMN was text; UPDATE moody SET was = v; ALTER TABLE moody ALTER v TYPE int USING id")
    for _ in range(2):
        lab.fails(syncs, ["column v is INT64 from integer at the source but STRING", "demo.analytics.moody"], "as: {v: string}")
        assert target_rows(lab.sandbox, "moody") == before, "a drifted target was touched"
    state = {s["sync"]: s["state"] for s in lab.bw(*syncs).json("status")["syncs"]}
    assert state == {"shop.good": "fresh", "shop.moody": "drift"}, state
    check = lab.bw(*syncs).json("check")
    assert not check["ok"] and any("column v" in c["message"] for c in check["checks"] if not c["ok"]), check
    lab.completes(GOOD, sync_of("shop", "moody", ", as: {v: string}"), target="moody", table="moody")
    pg.sql("ALTER TABLE moody ALTER v TYPE text USING was")
    lab.completes(*syncs, target="moody", table="moody")


def test_a_source_that_dies_in_the_middle():
    pg = Postgres(TempDir())
    pg.sql("CREATE DATABASE shop", "postgres")
    pg.sql("CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders SELECT g, repeat('x', 4000) || g FROM "
           "generate_series(1, 6000) g")
    lab = Lab({"far": pg.source()})
    lab.once(GOOD)
    lab.sandbox.faults(["bigquery.upload.*:slow=64KiB", "bigquery.upload.*:latency=300ms"])
    running = lab.bw(GOOD, sync_of("far")).start("run", "--once", "--json", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    wait_for("the copy", lambda: pg.try_sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND "
                                            "application_name LIKE 'bridgewatch%'", "shop") == "1", 20, 0.005)
    pg.kill()
    results = {r["sync"]: r for r in json.loads(running.communicate(timeout=60)[0])["syncs"]}
    assert running.returncode == 1 and results["shop.good"]["state"] == "ok", results
    assert_says(results["far.orders"], ["table public.orders", "the connection to", "was lost"], "continues where it stopped")
    assert lab.sandbox.table("orders") is None or lab.sandbox.rows("orders") == []
    lab.sandbox.call("POST", "/sandbox/faults", {"faults": [], "replace": True})
    pg.start()
    lab.completes(GOOD, sync_of("far"), pg=pg)


if __name__ == "__main__":
    run_tests(sys.modules[__name__])
