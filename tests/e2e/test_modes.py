#!/usr/bin/env python3
"""What the settings of a sync promise, from the source's table to the destination's: patterns, where
reading starts, what an empty or half-filled side means, the raw table, resyncs, and keys."""
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

from harness import Bridgewatch, Postgres, Sandbox, TempDir, run_tests, wait_for

SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, v text, updated_at timestamptz NOT NULL);
INSERT INTO orders SELECT g, 'v' || g, now() - interval '1 day' * g FROM generate_series(1, 9) g;
CREATE TABLE audit_log (id int PRIMARY KEY, t text);
CREATE SCHEMA sales;
CREATE TABLE sales.offers (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now() - interval '1 hour');
INSERT INTO sales.offers VALUES (1);
"""


class World:
    def __init__(self):
        self.dir = TempDir()
        self.pg = Postgres(self.dir)
        self.pg.sql("CREATE DATABASE shop", "postgres")
        self.pg.sql(SCHEMA)
        self.count = 0

    def program(self, *syncs, sandbox=None):
        """A program with a state of its own and, unless one is given, a sandbox of its own."""
        self.count += 1
        sandbox = sandbox or Sandbox()
        bw = Bridgewatch(self.dir, sandbox.url, {"shop": self.pg.source()},
                         ["{source: shop, %s}" % s for s in syncs], name="modes%d" % self.count)
        bw.sandbox = sandbox
        return bw


_world = None


def world():
    global _world
    _world = _world or World()
    return _world


def one(bw, **kwargs):
    result, = bw.once(**kwargs).values()
    return result


def ids(rows):
    return sorted(int(r["id"]) for r in rows)


def refused(result, *words):
    assert result["state"] == "failed" and result["error"]["hint"], result
    for word in words:
        assert word in result["error"]["message"] + result["error"]["hint"], (word, result["error"])


def test_a_pattern_stands_for_the_tables_that_match():
    bw = world().program('table: "public.*", exclude: [public.audit_*]', 'table: "sales.*"')
    results = bw.once()
    assert sorted(results) == ["shop.orders", "shop.sales.offers"], results
    assert all(r["state"] == "ok" for r in results.values()), results
    assert bw.sandbox.tables() == ["orders", "sales_offers"], bw.sandbox.tables()
    # A table that is made later is found by the next start; one that nothing matches is an error.
    world().pg.sql("CREATE TABLE sales.later (id int PRIMARY KEY)")
    assert "shop.sales.later" in bw.once()
    world().pg.sql("DROP TABLE sales.later")
    refused(one(world().program('table: "nowhere.*"')), "nowhere.*")


def test_a_pattern_stands_for_names_that_need_quotes():
    pg, names = world().pg, ('a.b', 'c"d', 'esc\x1b[2J\u202e', 'private.x', 'private"y')
    pg.sql("CREATE SCHEMA odd; " + "".join('CREATE TABLE odd."%s" (id int PRIMARY KEY); ' % n.replace('"', '""') for n in names))
    bw = world().program('table: "odd.*", exclude: ["odd.private*"]')
    check = bw.run("check")
    assert check.returncode == 0 and "5 tables, 2 of them excluded" in check.stdout, check.stdout
    assert "esc^[[2J\\u{202E}" in check.stdout and "\x1b" not in check.stdout and "\u202e" not in check.stdout, check.stdout
    results = bw.once()
    assert len(results) == 3 and all(r["state"] == "ok" for r in results.values()), results
    assert [t[:5] for t in bw.sandbox.tables()] == ["odd_a", "odd_c", "odd_e"], bw.sandbox.tables()
    pg.sql("DROP SCHEMA odd CASCADE")


def test_a_new_table_does_not_take_the_target_of_another():
    pg = world().pg
    pg.sql("CREATE SCHEMA twin; CREATE TABLE twin.\"a-b\" (id int PRIMARY KEY, v text); INSERT INTO twin.\"a-b\" VALUES (1, 'old')")
    bw = world().program('table: "twin.*"')
    assert one(bw)["state"] == "ok"
    # Its name comes first, and its target would be twin_a_b, too.
    pg.sql("CREATE TABLE twin.\"a b\" (id int PRIMARY KEY, v text); INSERT INTO twin.\"a b\" VALUES (1, 'new'), (2, 'new')")
    check = bw.run("check")
    assert "FAILED  sync shop.twin.a b: table analytics.twin_a_b is written by sync shop.twin.a-b" in check.stdout, check.stdout
    results = bw.once()
    assert results["shop.twin.a-b"]["state"] == "ok", results
    refused(results["shop.twin.a b"], "written by sync shop.twin.a-b")
    assert [r["v"] for r in bw.sandbox.rows("twin_a_b")] == ["old"]
    pg.sql("DROP SCHEMA twin CASCADE")


def test_what_is_parked_runs_once_when_it_is_named():
    bw = world().program("table: public.orders")
    assert one(bw)["state"] == "ok"
    with contextlib.closing(sqlite3.connect(os.path.join(bw.state, "state.db"))) as db, db:
        db.execute("UPDATE syncs SET parked_until = ?", (int((time.time() + 3600) * 1e6),))
    assert bw.once() == {}
    assert bw.once("shop.orders")["shop.orders"]["state"] == "ok"


def test_rows_without_a_cursor_or_ahead_of_the_clock_are_counted():
    pg = world().pg
    pg.sql("CREATE TABLE odd (id int PRIMARY KEY, seen timestamptz); INSERT INTO odd VALUES "
           "(1, now() - interval '1 hour'), (2, NULL), (3, NULL), (4, now() + interval '1 day')")
    bw = world().program("table: public.odd, mode: upsert, cursor: seen")
    assert one(bw)["state"] == "ok"
    bw.once()
    done = bw.run("status")
    assert "2 rows have a NULL cursor" in done.stdout, done.stdout
    assert "1 row is ahead of the source's clock" in done.stdout, done.stdout


def disown(sandbox):
    sandbox.call("PATCH", "/bigquery/v2/projects/demo/datasets/analytics/tables/orders", {"labels": {"bw_owner": None}})


def test_reading_starts_where_it_was_told_to():
    since = world().pg.sql("SELECT to_char((now() - interval '3 days 12 hours') AT TIME ZONE 'UTC', "
                           "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    bw = world().program("table: public.orders, mode: append, start_from: %s" % since)
    assert one(bw)["state"] == "ok"
    assert ids(bw.sandbox.rows("orders")) == [1, 2, 3]
    # Another state directory finds rows and no checkpoint: it refuses, or asks the destination.
    disown(bw.sandbox)
    refused(one(world().program("table: public.orders, mode: append, cursor: updated_at", sandbox=bw.sandbox)),
            "no checkpoint", "start_from")
    disown(bw.sandbox)
    asking = world().program("table: public.orders, mode: append, start_from: destination", sandbox=bw.sandbox)
    world().pg.sql("INSERT INTO orders VALUES (10, 'v10', now() - interval '5 minutes')")
    result = one(asking)
    assert result["state"] == "ok", result
    assert ids(bw.sandbox.rows("orders")) == [1, 2, 3, 10]
    # A question that fails is a failed run, never an empty table.
    lost = world().program("table: public.orders, mode: append, start_from: destination", sandbox=bw.sandbox)
    disown(bw.sandbox)
    bw.sandbox.faults(["bigquery.jobs.query:403/accessDenied:1"])
    assert one(lost)["state"] == "failed"
    bw.sandbox.faults([])
    assert ids(bw.sandbox.rows("orders")) == [1, 2, 3, 10]
    world().pg.sql("DELETE FROM orders WHERE id = 10")


def test_nothing_read_is_not_an_empty_table():
    pg = world().pg
    pg.sql("CREATE TABLE rates (id int PRIMARY KEY); INSERT INTO rates VALUES (1), (2)")
    bw = world().program("table: public.rates, mode: replace")
    assert one(bw)["state"] == "ok"
    pg.sql("TRUNCATE rates")
    refused(one(bw), "is empty", "allow_empty")
    assert ids(bw.sandbox.rows("rates")) == [1, 2]
    with open(bw.config, encoding="utf-8") as f:
        text = f.read()
    with open(bw.config, "w", encoding="utf-8") as f:
        f.write(text.replace("mode: replace", "mode: replace, allow_empty: true"))
    assert one(bw)["state"] == "ok"
    assert bw.sandbox.rows("rates") == []


def test_only_an_empty_target_is_filled():
    bw = world().program("table: public.orders, mode: replace, only_if_empty: true")
    assert one(bw)["rows_loaded"] == 9
    before = bw.sandbox.rows("orders")
    refused(one(bw), "holds 9 rows already", "only_if_empty")
    assert bw.sandbox.rows("orders") == before


def test_the_raw_table_has_every_event_once_and_whole():
    pg = world().pg
    pg.sql("CREATE TABLE notes (id int PRIMARY KEY, n numeric, j json, updated_at timestamptz NOT NULL)")
    pg.sql("""INSERT INTO notes VALUES (1, 12345678901234567890.5, '{"a":1,"a":2}', '2026-01-02 03:04:05.000006+00')""")
    bw = world().program("table: public.notes, raw: true")
    assert one(bw)["state"] == "ok"
    table = bw.sandbox.table("notes_raw")
    assert [f["name"] for f in table["schema"]["fields"]] == [
        "_bw_event_id", "_bw_op", "_bw_key", "_bw_version", "_bw_event_time", "_bw_ingested_at", "_bw_batch",
        "_bw_score", "_bw_payload"], table["schema"]
    assert table["timePartitioning"]["field"] == "_bw_event_time", table
    first, = bw.sandbox.rows("notes_raw")
    payload = first["_bw_payload"]
    assert "12345678901234567890.5" in payload and json.loads(payload)["j"] == '{"a":1,"a":2}', payload
    assert json.loads(first["_bw_key"]) == {"id": 1}, first
    assert first["_bw_event_time"] == "1767323045000006", first
    assert 0 <= float(first["_bw_score"]) <= 1, first
    pg.sql("UPDATE notes SET n = 2, updated_at = now()")
    assert one(bw)["state"] == "ok"
    assert one(bw)["state"] == "ok"  # the lookback reads the row once more
    events = bw.sandbox.rows("notes_raw")
    assert len(events) == 2 and first in events, events
    assert [r["n"] for r in bw.sandbox.rows("notes")] == ["2"]


def test_resyncs_read_what_they_were_asked_for():
    pg = world().pg
    pg.sql("CREATE TABLE parts (id bigint PRIMARY KEY, v text, updated_at timestamptz NOT NULL);"
           "INSERT INTO parts SELECT g, 'old', now() - interval '1 day' * g FROM generate_series(1, 9) g")
    bw = world().program("table: public.parts")
    assert one(bw)["state"] == "ok"

    def values():
        return "".join("n" if r["v"] == "new" else "." for r in sorted(bw.sandbox.rows("parts"), key=lambda r: int(r["id"])))

    # Changed behind the cursor's back: no window sees it.
    pg.sql("UPDATE parts SET v = 'new'; DELETE FROM parts WHERE id = 9")
    assert one(bw)["state"] == "ok" and values() == "." * 9, values()
    done = bw.run("sync", "shop.parts", "--key", '{"id":7}', "--key", '{"id":2}')
    assert done.returncode == 0 and values() == ".n....n..", (done.stderr, values())
    since = pg.sql("SELECT to_char((now() - interval '4 days 12 hours') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    done = bw.run("sync", "shop.parts", "--since", since)
    assert done.returncode == 0 and values() == "nnnn..n..", (done.stderr, values())
    checkpoint = bw.json("status")["syncs"][0]["checkpoint"]
    done = bw.run("sync", "shop.parts", "--full")
    assert done.returncode == 0 and values() == "n" * 8, (done.stderr, values())
    assert bw.json("status")["syncs"][0]["checkpoint"] >= checkpoint
    # The schema, the labels and the owner are as before: the next incremental run goes on.
    pg.sql("UPDATE parts SET v = 'newer', updated_at = now() WHERE id = 1")
    assert one(bw)["state"] == "ok"
    assert sorted(r["v"] for r in bw.sandbox.rows("parts"))[-1] == "newer"
    done = bw.run("sync", "shop.partz")
    assert done.returncode == 1 and "Did you mean shop.parts?" in done.stderr, (done.returncode, done.stderr)


def test_schedules_say_when_the_next_run_is():
    pg = world().pg
    pg.sql("CREATE TABLE s1 (id int PRIMARY KEY); CREATE TABLE s2 (id int PRIMARY KEY); CREATE TABLE s3 (id int PRIMARY KEY)")
    bw = world().program("table: public.s1, schedule: every 1h", 'table: public.s2, schedule: "cron: 0 3 * * *"',
                         "table: public.s3, schedule: manual")
    engine = bw.start("run", env={"TZ": "UTC"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def status():
        return {s["sync"]: s for s in bw.json("status")["syncs"]}

    # `every` begins at once; the others wait for their time or for somebody.
    wait_for("the first run", lambda: status()["shop.s1"]["next_run_at"])
    assert not status()["shop.s2"]["last_success_at"] and not status()["shop.s3"]["last_success_at"]
    assert bw.run("sync", "shop.s2", "shop.s3").returncode == 0
    wait_for("their runs", lambda: status()["shop.s2"]["last_success_at"] and status()["shop.s3"]["last_success_at"])
    found = status()
    engine.terminate()
    assert engine.wait(30) == 0
    now = datetime.now(timezone.utc)
    every = datetime.fromisoformat(found["shop.s1"]["next_run_at"].replace("Z", "+00:00"))
    assert timedelta(minutes=58) < every - now <= timedelta(hours=1), (every, now)
    cron = datetime.fromisoformat(found["shop.s2"]["next_run_at"].replace("Z", "+00:00"))
    assert (cron.hour, cron.minute, cron.second) == (3, 0, 0) and timedelta(0) < cron - now <= timedelta(days=1), cron
    assert found["shop.s3"]["next_run_at"] is None, found


def test_jobs_run_where_the_dataset_is():
    sandbox = Sandbox(dataset="far")
    bw = world().program("table: public.orders, dataset: elsewhere", sandbox=sandbox)
    sandbox.call("POST", "/bigquery/v2/projects/demo/datasets",
                 {"datasetReference": {"projectId": "demo", "datasetId": "elsewhere"}, "location": "EU"})
    assert one(bw)["state"] == "ok"
    jobs = [r for r in sandbox.call("GET", "/sandbox/requests?maxResults=10000")["requests"] if ".jobs." in r["method"]]
    for job in jobs:
        if job["method"] == "bigquery.jobs.get":
            assert "location=EU" in job["query"], job
        elif job["body"]:
            assert '"location": "EU"' in json.dumps(job["body"]), job
    assert {"bigquery.jobs.get", "bigquery.jobs.insert"} <= {j["method"] for j in jobs}, jobs


def test_a_configured_key_must_be_one():
    pg = world().pg
    pg.sql("CREATE TABLE pairs (a int, b text, updated_at timestamptz NOT NULL DEFAULT now() - interval '1 hour');"
           "INSERT INTO pairs VALUES (1, 'x'), (2, 'y'), (NULL, 'z')")
    bw = world().program("table: public.pairs, key: [a]")
    result = one(bw)
    assert (result["state"], result["rows_loaded"], result["dead_letters"]) == ("ok", 2, 1), result
    letter, = bw.letters()
    assert (letter["reason"], letter["column"]) == ("KEY_NULL", "a"), letter
    pg.sql("INSERT INTO pairs VALUES (3, 'one', now()), (3, 'other', now())")
    refused(one(bw), "not unique", '{"a":3} occurs twice')
    assert sorted(r["b"] for r in bw.sandbox.rows("pairs")) == ["x", "y"]


def test_a_flood_of_dead_letters_stops_before_the_checkpoint():
    pg = world().pg
    pg.sql("CREATE TABLE flood (id int PRIMARY KEY, f date, updated_at timestamptz NOT NULL DEFAULT now() - interval '1 hour');"
           "INSERT INTO flood SELECT g, 'infinity' FROM generate_series(1, 5) g; INSERT INTO flood VALUES (6, '2026-01-01')")
    bw = world().program("table: public.flood, max_dead_letters: 4")
    result = one(bw)
    refused(result, "max_dead_letters")
    assert result["checkpoint"] is None, result
    assert len(bw.letters()) == 5, bw.letters()
    with open(bw.config, encoding="utf-8") as f:
        text = f.read()
    with open(bw.config, "w", encoding="utf-8") as f:
        f.write(text.replace("max_dead_letters: 4", "max_dead_letters: 5"))
    result = one(bw)
    assert (result["state"], result["rows_loaded"], result["dead_letters"]) == ("ok", 1, 5), result
    assert len(bw.letters()) == 5, bw.letters()


run_tests(sys.modules[__name__])
