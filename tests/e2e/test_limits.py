#!/usr/bin/env python3
"""Limits: BigQuery's quotas, as it refuses and as the engine books them; what a day of queries may
cost; standing still for a while; and rates that are too high."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timezone

from harness import Bridgewatch, Postgres, Sandbox, TempDir, run_tests, wait_for


class World:
    def __init__(self):
        self.dir = TempDir()
        self.pg = Postgres(self.dir)
        self.pg.sql("CREATE DATABASE shop", "postgres")
        self.count = 0


_world = None


def world():
    global _world
    _world = _world or World()
    return _world


class Table:
    """A table of five rows with a program and a sandbox of its own."""

    def __init__(self, more=""):
        world().count += 1
        self.name = "t%d" % world().count
        self.pg, self.sandbox = world().pg, Sandbox()
        self.pg.sql("CREATE TABLE %s (id bigint PRIMARY KEY, v int, updated_at timestamptz NOT NULL DEFAULT now());"
                    "INSERT INTO %s SELECT g, 0, now() - interval '1 hour' FROM generate_series(1, 5) g" % (self.name, self.name))
        self.bw = Bridgewatch(world().dir, self.sandbox.url, {"shop": self.pg.source()},
                              ["{source: shop, table: public.%s, target: t%s}" % (self.name, more)], name=self.name)

    def change(self, v):
        self.pg.sql("UPDATE %s SET v = %d, updated_at = now()" % (self.name, v))

    def once(self):
        result = self.bw.once().get("shop." + self.name)
        assert result, "it was skipped"
        return result

    def status(self):
        status, = self.bw.json("status")["syncs"]
        return status

    def values(self):
        return {r["v"] for r in self.sandbox.rows("t")} if self.sandbox.table("t") else set()

    def requests(self, method):
        every = self.sandbox.call("GET", "/sandbox/requests?maxResults=10000")["requests"]
        return [r for r in every if r["method"] == method]

    def store(self, sql, *args):
        with contextlib.closing(sqlite3.connect(os.path.join(self.bw.state, "state.db"), timeout=10)) as db, db:
            return db.execute(sql, args).fetchall()

    def engine(self):
        return self.bw.start("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end(engine):
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(30) == 0, engine.returncode


def test_a_quota_parks_until_a_stated_time():
    t = Table(", schedule: every 1s")
    t.sandbox.faults(["bigquery.job.load:403/quotaExceeded:1"])
    assert t.once()["state"] == "failed"
    status = t.status()
    assert (status["state"], status["activity"]) == ("parked", "parked"), status
    assert "quota" in status["error"].lower(), status
    said = re.search(r"parked until (\S+Z); resume", t.bw.run("status").stdout)
    assert said and 60 < until(said.group(1)) < 7200, t.bw.run("status").stdout
    t.sandbox.faults([])
    jobs = len(t.requests("bigquery.jobs.insert"))
    # Parked it stays, under an engine that runs too, until an operator resumes it.
    engine = t.engine()
    wait_for("the engine", lambda: t.bw.json("status")["engine"]["state"] == "running")
    began = time.monotonic()
    wait_for("two periods", lambda: time.monotonic() > began + 2)
    assert len(t.requests("bigquery.jobs.insert")) == jobs and t.values() == set()
    assert t.status()["state"] == "parked"
    assert t.bw.run("resume", "shop." + t.name).returncode == 0
    wait_for("the rows", lambda: t.values() == {"0"})
    wait_for("the end of parking", lambda: t.status()["state"] == "fresh")
    end(engine)
    assert t.bw.letters() == []


def test_modifications_are_booked_and_slow_down_and_park():
    t = Table(", schedule: every 1s")
    assert t.once()["state"] == "ok"
    booked = t.store("SELECT whom, sum(n) FROM bookings WHERE what = 'modifications' GROUP BY whom")
    jobs = t.store("SELECT sum(n) FROM bookings WHERE what = 'load_jobs'")
    loads = [r for r in t.requests("bigquery.jobs.insert") if "load" in json.dumps(r["body"] or "")]
    assert booked and jobs[0][0] >= 1, (booked, jobs, loads)
    # Below a tenth of 1,500 the sync runs less often than its schedule.
    now = int(time.time() * 1e6)
    t.store("INSERT INTO bookings (what, whom, minute, newest, n) VALUES ('modifications', 'demo.analytics.t', 1, ?, 1400)", now)
    t.change(1)
    engine = t.engine()
    wait_for("the next run", lambda: t.values() == {"1"})
    wait_for("a later one", lambda: t.status()["next_run_at"] and until(t.status()["next_run_at"]) > 30)
    assert until(t.status()["next_run_at"]) < 300, t.status()
    end(engine)
    # None left: nothing is sent, the reason is said, and nothing is lost.
    t.store("INSERT INTO bookings (what, whom, minute, newest, n) VALUES ('load_jobs', 'project', 1, ?, 100000)", now)
    t.change(2)
    jobs = len(t.requests("bigquery.jobs.insert"))
    result = t.once()
    assert result["state"] == "failed" and "used up" in result["error"]["message"], result
    assert t.status()["state"] == "parked" and len(t.requests("bigquery.jobs.insert")) == jobs
    t.store("DELETE FROM bookings")
    assert t.bw.run("resume", "shop." + t.name).returncode == 0
    assert t.once()["state"] == "ok" and t.values() == {"2"}


def until(text):
    when = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return when.timestamp() - time.time()


def test_queries_may_cost_so_much_a_day():
    t = Table()
    assert t.once()["state"] == "ok"
    sent = [json.loads(r["body"]) if isinstance(r["body"], str) else r["body"] for r in t.requests("bigquery.jobs.insert")]
    merges = [b["configuration"]["query"] for b in sent if "query" in (b or {}).get("configuration", {})]
    assert merges, sent
    for merge in merges:
        assert int(merge["maximumBytesBilled"]) == 1 << 40, merge
    dry = [r for r in t.requests("bigquery.jobs.query") if '"dryRun":true' in json.dumps(r["body"]).replace(" ", "").replace("\\", "")]
    assert len(dry) + len([b for b in sent if b["configuration"].get("dryRun")]) >= len(merges), "no MERGE was estimated"
    # A day's worth is used up.
    t.store("INSERT INTO bookings (what, whom, minute, newest, n) VALUES ('bytes', ?, 1, ?, ?)",
            "shop." + t.name, int(time.time() * 1e6), 1 << 40)
    t.change(1)
    result = t.once()
    assert result["state"] == "failed" and "1 TiB that queries may read" in result["error"]["message"], result
    assert "max_bytes_per_day" in result["error"]["hint"], result
    assert t.status()["state"] == "failed" and t.values() == {"0"}
    t.store("DELETE FROM bookings")
    assert t.once()["state"] == "ok" and t.values() == {"1"}


def test_few_bytes_left_stretch_the_interval():
    t = Table(", schedule: every 1s")
    assert t.once()["state"] == "ok" and t.status()["slowed"] is None
    (cost,), = t.store("SELECT sum(n) FROM bookings WHERE what = 'bytes'")
    # Ten runs' worth is left of the day.
    t.store("INSERT INTO bookings (what, whom, minute, newest, n) VALUES ('bytes', ?, 1, ?, ?)",
            "shop." + t.name, int(time.time() * 1e6), (1 << 40) - 11 * cost)
    t.change(1)
    engine = t.engine()
    wait_for("the engine", lambda: t.bw.json("status")["engine"]["state"] == "running")
    # Who does not want to wait asks for a run; the next one is a tenth of a day away.
    assert t.bw.run("sync", "shop." + t.name).returncode == 0 and t.values() == {"1"}
    wait_for("the pace", lambda: t.status()["slowed"])
    status = t.status()
    assert status["state"] == "fresh" and 3600 < until(status["next_run_at"]) < 86400, status
    assert "of the 1 TiB that its queries may read in 24 h are left" in status["slowed"], status
    assert status["slowed"] in t.bw.run("status").stdout
    end(engine)


def test_standing_still_begins_again_and_does_not_count():
    t = Table(", schedule: manual")
    t.sandbox.faults(["bigquery.jobs.insert:latency=3s:1:1"])
    engine = t.engine()
    wait_for("the engine", lambda: t.bw.json("status")["engine"]["state"] == "running")
    asked = t.bw.start("sync", "shop." + t.name, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for("a load under way", lambda: t.requests("bigquery.tables.insert"))
    engine.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    wait_for("more than ten seconds", lambda: time.monotonic() > began + 10.5)
    engine.send_signal(signal.SIGCONT)
    # The command is answered by the run that began again.
    out, err = asked.communicate(timeout=30)
    assert asked.returncode == 0 and "5 loaded" in out, (out, err)
    assert t.values() == {"0"}
    runs = t.store("SELECT state FROM runs ORDER BY id")
    assert runs == [("cancelled",), ("ok",)], runs
    assert t.store("SELECT failures FROM syncs") == [(0,)]
    end(engine)


def test_rates_that_are_too_high_are_waited_out():
    t = Table()
    t.sandbox.faults(["bigquery.jobs.insert:429/rateLimitExceeded:1:2", "bigquery.tables.get:503/backendError:1:2"])
    result = t.once()
    assert result["state"] == "ok" and t.values() == {"0"}, result


run_tests(sys.modules[__name__])
