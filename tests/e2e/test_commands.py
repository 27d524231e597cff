#!/usr/bin/env python3
"""What scripts rely on: the JSON documents field by field, exit statuses, commands that reach a
running engine from another process, and status and dead letters with nobody running."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

from harness import Bridgewatch, PROGRAM, Postgres, SANDBOX, Sandbox, TempDir, run_tests, wait_for

SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, day date, updated_at timestamptz NOT NULL DEFAULT now());
INSERT INTO orders SELECT g, '2026-01-01', now() - interval '1 hour' FROM generate_series(1, 20) g;
UPDATE orders SET day = 'infinity' WHERE id IN (3, 5, 7);
CREATE TABLE "Lines" (a int, b text, day date, PRIMARY KEY (a, b));
INSERT INTO "Lines" VALUES (1, E'q"\\\\\\t', '-infinity');
"""

RUN = {"sync": str, "mode": str, "state": str, "rows_read": int, "rows_loaded": int, "rows_present": int, "dead_letters": int,
       "bytes_uploaded": int, "batches": int, "duration_s": float, "checkpoint": (str, None), "error": (dict, None)}
SYNC = {"sync": str, "source": str, "target": str, "mode": str, "state": str, "health": str, "activity": str,
        "freshness": (float, None), "lag_s": (float, None), "last_success_at": (str, None), "next_run_at": (str, None),
        "slowed": (str, None), "rows_per_s": (float, None), "rows_total": int, "dead_letters": int, "checkpoint": (str, None), "error": (str, None)}
LETTER = {"id": int, "sync": str, "key": (str, None), "event_id": str, "contradicts": (int, None), "reason": str, "column": (str, None), "detail": (str, None),
          "attempts": int, "state": str, "first_seen_at": str, "last_seen_at": str, "attributes": (dict, None), "content": str}
TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


def check(document, shape):
    """Exactly these fields, in this order, of these types."""
    assert list(document) == list(shape), (list(document), list(shape))
    for name, kinds in shape.items():
        value = document[name]
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        ok = any(value is None if k is None else isinstance(value, (int, float) if k is float else k) and
                 not isinstance(value, bool) for k in kinds)
        assert ok, (name, value)
        if name.endswith("_at") and value is not None:
            assert re.fullmatch(TIME, value), (name, value)


class World:
    def __init__(self):
        self.dir = TempDir()
        self.pg = Postgres(self.dir)
        self.pg.sql("CREATE DATABASE shop", "postgres")
        self.pg.sql(SCHEMA)
        self.sandbox = Sandbox()
        self.count = 0

    def bw_file(self):
        return self.dir.file("some-file", "")

    def program(self, *syncs, extra=""):
        self.count += 1
        return Bridgewatch(self.dir, self.sandbox.url, {"shop": self.pg.source()},
                           ["{source: shop, dataset: d%d, %s}" % (self.count, s) for s in syncs],
                           name="c%d" % self.count, extra=extra)


_world = None


def world():
    global _world
    _world = _world or World()
    return _world


ORDERS = "table: public.orders, schedule: every 1s"
LINES = "table: 'public.\"Lines\"', name: shop.lines, mode: replace, schedule: manual"


def by_name(document):
    return {s["sync"]: s for s in document["syncs"]}


def test_documents_have_their_fields():
    bw = world().program(ORDERS, LINES)
    before = bw.json("status")
    assert list(before) == ["engine", "syncs", "dead_letters"], before
    assert before["engine"]["state"] == "not running" and before["engine"]["started_at"] is None, before
    for sync in before["syncs"]:
        check(sync, SYNC)
        unknown = {sync[n] for n in ("freshness", "lag_s", "last_success_at", "next_run_at", "checkpoint", "error")}
        assert unknown == {None} and sync["state"] == "unknown" and sync["rows_total"] == 0, sync

    done = bw.json("run", "--once")
    assert list(done) == ["ok", "syncs"] and done["ok"] is True, done
    for result in done["syncs"]:
        check(result, RUN)
    orders, lines = done["syncs"]
    assert (orders["rows_read"], orders["rows_loaded"], orders["dead_letters"]) == (20, 17, 3), orders
    assert orders["batches"] >= 1 and orders["bytes_uploaded"] > 0 and orders["duration_s"] > 0, orders
    assert json.loads(orders["checkpoint"]) and orders["error"] is None, orders

    after = bw.json("status")
    assert list(after["engine"]) == ["state", "version", "started_at"], after["engine"]
    assert after["engine"]["state"] == "not running" and re.fullmatch(TIME, after["engine"]["started_at"]), after
    assert after["dead_letters"] == {"open": 4, "remote": None}, after
    for sync in after["syncs"]:
        check(sync, SYNC)
    sync = by_name(after)["shop.orders"]
    assert (sync["state"], sync["health"], sync["activity"]) == ("fresh", "fresh", "idle"), sync
    assert (sync["source"], sync["mode"], sync["freshness"]) == ("shop", "upsert", 100), sync
    assert sync["target"] == "demo.d%d.orders" % world().count and 0 <= sync["lag_s"] < 60, sync
    assert (sync["rows_total"], sync["dead_letters"], sync["checkpoint"]) == (17, 3, orders["checkpoint"]), sync

    letters = bw.json("dlq", "list")
    assert list(letters) == ["dead_letters"], letters
    for letter in letters["dead_letters"]:
        check(letter, LETTER)
    by_key = {l["key"]: l for l in letters["dead_letters"]}
    assert set(by_key) == {'{"id":3}', '{"id":5}', '{"id":7}', '{"a":1,"b":"q\\"\\\\\\t"}'}, list(by_key)
    letter = by_key['{"id":3}']
    assert (letter["column"], letter["attempts"], letter["state"]) == ("day", 1, "open"), letter
    assert json.loads(letter["content"])["day"] == "infinity", letter
    assert len(bw.json("dlq", "list", "--limit", "2")["dead_letters"]) == 2


def test_failures_are_documents_too():
    bw = world().program("table: public.nowhere", ORDERS)
    done = bw.run("run", "--once", "--json")
    assert done.returncode == 1, done
    results = by_name(json.loads(done.stdout))
    assert json.loads(done.stdout)["ok"] is False
    failed = results["shop.nowhere"]
    check(failed, RUN)
    assert failed["state"] == "failed" and list(failed["error"]) == ["message", "hint"], failed
    assert "public.nowhere" in failed["error"]["message"] and failed["error"]["hint"], failed
    assert results["shop.orders"]["state"] == "ok", "the other syncs go on: %s" % results
    status = by_name(bw.json("status"))["shop.nowhere"]
    assert status["state"] == "failed" and status["activity"] == "failed" and "public.nowhere" in status["error"], status
    # Usage and configuration are 2, one document each under --json, logs and words on the other side.
    for args in (["run", "--onse"], ["frobnicate"], ["dlq", "list", "x"], ["sync"]):
        assert bw.run(*args).returncode == 2, args
    broken = bw.directory.file("broken.yaml", "project: demo\nsincs: []\n")
    done = subprocess.run([PROGRAM, "-c", broken, "status", "--json"], capture_output=True, text=True)
    problem = [p for p in json.loads(done.stdout)["problems"] if "sincs" in p["message"]][0]
    assert done.returncode == 2 and (problem["line"], problem["column"]) == (2, 1), done
    assert "syncs" in problem["hint"] and "syncs" in done.stderr, done
    # The console wants a terminal.
    assert bw.run().returncode == 2


def test_a_source_that_is_silent_leaves_the_freshness_unknown():
    bw = world().program(ORDERS)
    assert bw.json("run", "--once")["ok"]
    with open(bw.config, encoding="utf-8") as f:
        text = f.read()
    with open(bw.config, "w", encoding="utf-8") as f:
        f.write(text.replace("host: ", "host: /nowhere"))
    assert bw.json("run", "--once")["ok"] is False
    sync, = bw.json("status")["syncs"]
    assert (sync["state"], sync["health"], sync["freshness"], sync["lag_s"]) == ("failed", "unknown", None, None), sync
    assert sync["last_success_at"] and sync["rows_total"] == 17, sync
    with open(bw.config, "w", encoding="utf-8") as f:
        f.write(text)
    assert bw.json("run", "--once")["ok"]
    sync, = bw.json("status")["syncs"]
    assert (sync["state"], sync["health"]) == ("fresh", "fresh"), sync


def test_lag_is_by_the_source_s_clock_with_nobody_running():
    bw = world().program(ORDERS)
    assert bw.json("run", "--once")["ok"]

    def lag_with(offset_us):
        with contextlib.closing(sqlite3.connect(os.path.join(bw.state, "state.db"))) as db, db:
            db.execute("UPDATE syncs SET source_offset = ?", (offset_us,))
        return bw.json("status")["syncs"][0]["lag_s"]

    assert 3600 <= lag_with(int(3600e6)) < 7200  # its clock is an hour ahead of this machine's
    assert lag_with(-int(3600e6)) == 0
    assert lag_with(None) is None


def running(bw):
    status = bw.json("status")
    return status["engine"]["state"] == "running" and all(
        s["last_success_at"] for s in status["syncs"] if s["sync"] == "shop.orders")


def ends(engine, sig, code):
    engine.send_signal(sig)
    assert engine.wait(timeout=30) == code, engine.returncode


def test_commands_reach_the_engine_that_runs():
    bw = world().program(ORDERS, LINES, extra="log: {format: json}")
    sandbox, pg = world().sandbox, world().pg
    sandbox.dataset = "d%d" % world().count
    log = open(bw.directory.file("engine.log"), "w+", encoding="utf-8")
    engine = bw.start("run", stdout=subprocess.DEVNULL, stderr=log)
    wait_for("the engine", lambda: running(bw))

    done = bw.run("sync", "shop.ordres")
    assert done.returncode == 1 and "HINT: Did you mean shop.orders?" in done.stderr, done
    # What a schedule does not start, a command does.
    assert by_name(bw.json("status"))["shop.lines"]["last_success_at"] is None
    done = bw.run("sync", "shop.lines", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["ok"] is True, done
    assert by_name(bw.json("status"))["shop.lines"]["last_success_at"]

    assert bw.run("pause", "shop.orders").returncode == 0
    status = by_name(bw.json("status"))["shop.orders"]
    assert (status["state"], status["activity"]) == ("paused", "paused"), status
    wait_for("the last run to end", lambda: not [s for s in bw.json("status")["syncs"] if s["activity"] == "running"])
    pg.sql("INSERT INTO orders VALUES (100, '2026-02-02')")
    seen = bw.json("status")["syncs"][0]["checkpoint"]
    # Two of its periods later nothing has moved.
    began = time.monotonic()
    wait_for("two periods", lambda: time.monotonic() > began + 2)
    assert bw.json("status")["syncs"][0]["checkpoint"] == seen
    assert bw.run("resume", "shop.orders").returncode == 0
    wait_for("the row", lambda: any(r["id"] == "100" for r in sandbox.rows("orders")))

    # Dead letters: corrected at the source behind the cursor's back, replayed, twice.
    pg.sql("UPDATE orders SET day = '2026-03-03' WHERE id = 3")
    before = bw.json("dlq", "list", "--sync", "shop.orders")["dead_letters"]
    ids = {l["key"]: str(l["id"]) for l in before}
    done = bw.run("dlq", "replay", ids['{"id":3}'], ids['{"id":5}'], "--dry-run")
    assert done.returncode == 0 and "replaying now: 2 read again" in done.stdout, done
    assert bw.json("dlq", "list", "--sync", "shop.orders")["dead_letters"] == before, "a dry run changed something"
    done = bw.run("dlq", "replay", ids['{"id":3}'], ids['{"id":5}'])
    assert done.returncode == 1 and "1 replayed, 1 refused, 0 gone, 0 open" in done.stdout, done
    assert [r["day"] for r in sandbox.rows("orders") if r["id"] == "3"] == ["2026-03-03"]
    left = {l["key"]: l for l in bw.json("dlq", "list", "--sync", "shop.orders")["dead_letters"]}
    assert set(left) == {'{"id":5}', '{"id":7}'}, left
    assert bw.run("dlq", "replay", ids['{"id":3}']).returncode != 0, "a letter that is over was replayed again"
    count = len(sandbox.rows("orders"))
    began = time.monotonic()
    done = bw.run("dlq", "replay", "--sync", "shop.orders", "--rate", "1")
    assert time.monotonic() - began >= 1, "two letters at one a second took less than a second"
    assert len(sandbox.rows("orders")) == count

    # A discarded letter is gone from the list and kept in what was.
    assert bw.run("dlq", "discard", ids['{"id":7}']).returncode == 0
    assert '{"id":7}' not in {l["key"] for l in bw.json("dlq", "list")["dead_letters"]}
    shown = bw.run("dlq", "show", ids['{"id":7}']).stdout
    assert re.search(r"^state +discarded$", shown, re.M) and "infinity" in shown, shown
    missing = bw.run("dlq", "show", "999999")
    assert missing.returncode == 1 and "no such dead letter" in missing.stderr, missing

    # Read-only is refused where commands enter.
    refused = bw.run("--read-only", "pause", "shop.orders")
    assert refused.returncode == 1 and "read-only, by --read-only" in refused.stderr, refused
    assert by_name(bw.json("status"))["shop.orders"]["state"] != "paused"

    # A second engine on the same state says who holds it.
    second = bw.run("run", "--once")
    assert second.returncode == 2 and "pid %d" % engine.pid in second.stderr, second
    ends(engine, signal.SIGTERM, 0)
    assert bw.json("status")["engine"]["state"] == "not running"
    log.seek(0)
    for line in log.read().splitlines():
        entry = json.loads(line)
        assert list(entry) == ["time", "level", "subject", "message"], line


def test_an_engine_that_is_read_only_refuses_commands():
    log = os.path.join(world().dir.path, "file.log")
    bw = world().program(ORDERS, extra="log: {file: %s, level: info}" % log)
    engine = bw.start("run", "--read-only", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for("the engine", lambda: running(bw))
    done = bw.run("pause", "shop.orders")
    assert done.returncode == 1 and "read-only" in done.stderr, done
    assert by_name(bw.json("status"))["shop.orders"]["state"] != "paused"
    ends(engine, signal.SIGINT, 3)
    # What happened is in the file, for its owner only, and not on standard error too.
    with open(log, encoding="utf-8") as f:
        lines = f.read().splitlines()
    assert os.stat(log).st_mode & 0o777 == 0o600 and engine.stderr.read() == ""
    assert [l for l in lines if re.fullmatch(TIME + r" info  command: pause by \S+", l)], lines
    assert all(re.match(TIME + " (info |warn |error|debug) ", l) for l in lines), lines


def test_commands_act_where_no_engine_runs():
    bw = world().program(ORDERS)
    assert bw.json("run", "--once")["ok"]
    assert bw.run("pause", "shop.orders").returncode == 0
    status = bw.json("status")
    assert (status["engine"]["state"], status["syncs"][0]["state"]) == ("not running", "paused"), status
    # What is paused stays so under --once, unless it is named.
    assert bw.once() == {} or bw.once()["shop.orders"]["state"] == "skipped"
    assert bw.once("shop.orders")["shop.orders"]["state"] == "ok"
    assert bw.run("resume", "shop.orders").returncode == 0
    path = bw.directory.file("letters.jsonl")
    done = bw.run("dlq", "export", "--output", path)
    assert done.returncode == 0 and os.stat(path).st_mode & 0o777 == 0o600, done
    with open(path, encoding="utf-8") as f:
        exported = [json.loads(line) for line in f]
    assert exported == bw.json("dlq", "list")["dead_letters"]
    assert bw.run("dlq", "export", "--output", path).returncode == 1, "a file was overwritten"


def test_check_says_where_the_dataset_is():
    w = world()
    bw = Bridgewatch(w.dir, w.sandbox.url, {"changes": "{type: pubsub}"},
                     ["{source: changes, table: nothing}"], name="place", extra="location: EU")
    done = bw.run("check")
    assert "dataset analytics: it is in US, location says EU" in done.stdout, done
    with open(bw.config) as f:
        text = f.read()
    with open(bw.config, "w") as f:
        f.write(text.replace("location: EU", "location: us"))
    done = bw.run("check")
    assert "dataset analytics: there, in US" in done.stdout and "location says" not in done.stdout, done


def test_status_is_there_when_other_things_are_not():
    w = world()
    # Nowhere near a configuration it says so: the engine may well run, with another state.
    lost = subprocess.run([PROGRAM, "status"], capture_output=True, text=True, timeout=60, cwd=w.dir.path,
                          env={"HOME": w.dir.path, "PATH": os.environ["PATH"]})
    assert lost.returncode == 0 and "there is no configuration: this is the state in %s" % w.dir.path in lost.stderr, lost
    # A log that cannot be written stops the engine, and not whoever wants to know why.
    bw = w.program(ORDERS, extra="log: {file: /proc/none.log}")
    refused = bw.run("run", "--once")
    assert refused.returncode == 1 and "HINT: Mend log.file" in refused.stderr, refused
    assert bw.run("pause", "shop.orders").returncode == 0
    shown = bw.run("status")
    assert shown.returncode == 0 and "cannot open the log /proc/none.log" in shown.stderr, shown
    # What a failed sync hides in its state is said: it is paused, too.
    assert re.search(r"^shop.orders: paused by \S+; `bridgewatch resume shop.orders` ends it$", shown.stdout, re.M), shown


def test_a_configuration_without_syncs_says_so():
    w = world()
    bw = w.program()
    done = bw.run("check")
    assert done.returncode == 0 and "no syncs are configured" in done.stdout, done
    done = bw.run("run", "--once")
    assert done.returncode == 0 and "no syncs are configured" in done.stderr, done


def test_a_late_sync_whose_run_waits_says_so():
    """Nothing has failed yet: without this nobody could see why it is late."""
    w, sandbox = world(), Sandbox()
    bw = Bridgewatch(w.dir, sandbox.url, {"shop": w.pg.source()},
                     ["{source: shop, table: public.orders, schedule: every 1s, freshness: {target: 1s}}"], name="late")
    engine = bw.start("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("a run", lambda: bw.json("status")["syncs"][0]["last_success_at"])
    sandbox.stop()
    wait_for("the words", lambda: re.search(r"^shop.orders: incremental run under way for \d+s; what it waits for is in "
                                            "the engine's log$", bw.run("status").stdout, re.M))
    engine.kill()
    engine.wait()


def test_output_that_cannot_be_written_is_a_failure():
    w = world()
    bw = w.program(ORDERS)
    for command in (["status"], ["status", "--json"], ["config"], ["config", "--reference"], ["help"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(bw.argv(*command), stdout=full, stderr=subprocess.PIPE, text=True, env=bw.env(), timeout=60)
        assert done.returncode == 1 and "cannot write" in done.stderr, (command, done)


def test_closed_descriptors_are_nobody_elses():
    """The first files and sockets that are opened would take their numbers, and with them the log."""
    w = world()
    bw = w.program(ORDERS)

    def start(argv):
        return subprocess.Popen(["bash", "-c", 'exec "$@" <&- >&- 2>&-', "x"] + argv, env=bw.env())

    def standard(process):
        return [os.readlink("/proc/%d/fd/%d" % (process.pid, fd)) for fd in range(3)]

    engine = start(bw.argv("run"))
    wait_for("the engine", lambda: running(bw))
    assert standard(engine) == ["/dev/null"] * 3, standard(engine)
    ends(engine, signal.SIGTERM, 0)
    # The sandbox, too: its file of state is there once it serves.
    data = os.path.join(w.dir.path, "closed-sandbox")
    sandbox = start([SANDBOX, "--port", "0", "--data", data])
    wait_for("the sandbox", lambda: os.path.isdir(data) and os.listdir(data))
    assert standard(sandbox) == ["/dev/null"] * 3, standard(sandbox)
    ends(sandbox, signal.SIGTERM, 0)
    with open(os.path.join(bw.state, "lock")) as f:
        assert re.fullmatch(r"pid \d+ on \S+\n", f.read())


def test_an_engine_that_is_killed_does_not_run():
    bw = world().program(ORDERS)
    engine = bw.start("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("the engine", lambda: running(bw))
    engine.kill()
    engine.wait()
    status = bw.json("status")
    assert status["engine"]["state"] == "not running", status
    assert not [s for s in status["syncs"] if s["activity"] == "running"], status


def test_the_shell_completes():
    script = world().dir.file("completion.bash", subprocess.run([PROGRAM, "completion", "bash"], capture_output=True,
                                                                text=True, check=True).stdout)

    def complete(*words):
        text = 'source %s; COMP_WORDS=(bridgewatch "$@"); COMP_CWORD=$#; _bridgewatch; printf "%%s\n" "${COMPREPLY[@]}"' % script
        return subprocess.run(["bash", "-uc", text, "bash"] + list(words), capture_output=True, text=True, check=True).stdout.split()

    assert complete("st") == ["status"] and complete("pau") == ["pause"], complete("st")
    assert complete("dlq", "re") == ["replay"] and complete("dlq", "replay", "--dry") == ["--dry-run"]
    assert complete("--log-level", "w") == ["warn"]
    assert complete("-c", world().bw_file()) == [world().bw_file()]
    # Names of syncs, and nothing that the shell would run.
    mark = os.path.join(world().dir.path, "ran")
    bw = world().program(ORDERS, "table: public.t, name: 'a$(touch %s)'" % mark, "table: public.u, name: 'b`touch %s`'" % mark)
    env = dict(PATH=os.path.dirname(PROGRAM) + ":" + os.environ["PATH"])
    text = 'source %s; COMP_WORDS=(bridgewatch "$@"); COMP_CWORD=$#; _bridgewatch; printf "%%s\n" "${COMPREPLY[@]}"' % script

    def offered(*words):
        return subprocess.run(["bash", "-uc", text, "bash"] + list(words), capture_output=True, text=True,
                              env=bw.env(env)).stdout.split()

    assert offered("-c", bw.config, "run", "--on") == ["--once"] and not os.path.exists(bw.state)
    for words in (("-c", bw.config, "sync"), ("-c", bw.config, "pause"), ("run", "-c", bw.config)):
        assert offered(*words, "") == ["shop.orders"], words
    assert not os.path.exists(mark)
    for shell in ("zsh", "fish"):
        done = subprocess.run([PROGRAM, "completion", shell], capture_output=True, text=True)
        assert done.returncode == 0 and "dry-run" in done.stdout, shell
    assert subprocess.run([PROGRAM, "completion", "tcsh"], capture_output=True).returncode == 2


run_tests(sys.modules[__name__])
