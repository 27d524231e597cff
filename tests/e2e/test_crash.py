"""Nothing lost, nothing doubled: the engine killed at every crash point, in every mode.

For each listed crash point and each mode the engine is killed there (also in the run after, when it
was not passed before), started again undisturbed, and the destination compared with the source: as a
whole, row by row. The raw table may hold no event twice. A point that was never reached fails the
test.
"""
# ctest: timeout 1200
import os
import re
import signal
import sys

import harness
from harness import Bridgewatch, CRASHING, Postgres, Sandbox, SOURCE, TempDir

SOAK = os.environ.get("BW_SOAK") == "1"
BIG = 9000  # rows of more than 8 MiB of JSON: one resumable upload


def crash_points():
    names = []
    for room in ("destination", "store"):
        with open(os.path.join(SOURCE, "backend", room, "crash_points.def"), encoding="utf-8") as f:
            names += re.findall(r"^CRASH_POINT\((\w+)", f.read(), re.M)
    # Tables have no messages: tests/unit/store/test_crash.c dies where those are put.
    return [n for n in names if not n.startswith("store_letters_put_")]


class World:
    """One cluster, one sandbox; each case has tables and a state directory of its own."""

    def __init__(self):
        self.dir = TempDir()
        self.pg = Postgres(self.dir)
        self.pg.sql("CREATE DATABASE shop", "postgres")
        self.sandbox = Sandbox()
        self.seen = self.dir.file("seen")
        self.count = 0

    def reached(self):
        try:
            with open(self.seen, encoding="utf-8") as f:
                return set(f.read().split())
        except FileNotFoundError:
            return set()


class Case:
    def __init__(self, world, mode, raw=False, big=False):
        world.count += 1
        self.world, self.mode, self.raw = world, mode, raw
        self.table = "t%d" % world.count
        self.dataset = "d%d" % world.count
        width = 1000 if big else 5
        rows = BIG if big else 120
        world.pg.sql("""
            CREATE TABLE {t} (id bigint PRIMARY KEY, name text, tags text[],
                              updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
            INSERT INTO {t} SELECT g, repeat('x', {w}) || g, ARRAY['a'], now() - interval '1 hour' + g * interval '1 ms'
              FROM generate_series(1, {n}) g;
            UPDATE {t} SET tags = ARRAY['a', NULL] WHERE id IN (3, 50);""".format(t=self.table, w=width, n=rows))
        extra = ", mode: %s" % mode
        extra += ", cursor: updated_at" if mode == "append" else ""
        extra += ", raw: true" if raw else ""
        self.bw = Bridgewatch(world.dir, world.sandbox.url, {"shop": world.pg.source()},
                              ["{source: shop, table: public.%s, dataset: %s, target: target, lookback: 1s, "
                               "batch: {rows: 10000000}%s}" % (self.table, self.dataset, extra)],
                              name="case%d" % world.count)
        self.world.sandbox.dataset = self.dataset

    def run(self, point=None, nth=1):
        """True when the engine was killed at the point."""
        env = {"BW_CRASH_SEEN": self.world.seen}
        if point:
            env["BW_CRASH_AT"] = "%s:%d" % (point, nth)
        done = self.bw.run("run", "--once", "--log-level", "warn", program=CRASHING, env=env)
        if point and done.returncode == -signal.SIGKILL:
            return True
        assert done.returncode == 0, "%s: run failed (%d): %s%s" % (self, done.returncode, done.stdout, done.stderr)
        return False

    def change(self):
        """Updates, inserts, and a new column."""
        self.world.pg.sql("""
            ALTER TABLE {t} ADD COLUMN IF NOT EXISTS extra integer;
            UPDATE {t} SET name = name || '!', updated_at = clock_timestamp() WHERE id % 10 = 1;
            INSERT INTO {t} SELECT max(id) + 1, 'new', ARRAY['b'] FROM {t};""".format(t=self.table))

    def check(self):
        """The destination is what the source is; what is not there is a dead letter."""
        extra = self.has_extra()
        columns = "id, name, to_json(tags), extra" if extra else "id, name, to_json(tags)"
        source = {}
        for line in self.world.pg.sql("SELECT %s FROM %s WHERE id NOT IN (3, 50)" % (columns, self.table)).splitlines():
            parts = line.split("|")
            source[parts[0]] = parts[1:]
        self.world.sandbox.dataset = self.dataset
        rows = self.world.sandbox.rows("target")
        if self.mode == "append":
            self.check_append(rows)
        else:
            assert len(rows) == len({r["id"] for r in rows}), "%s: a key is doubled" % self
            found = {r["id"]: [r["name"], str(r["tags"]).replace("'", '"')] + ([r.get("extra") or ""] if extra else [])
                     for r in rows}
            assert found == source, "%s: %s" % (self, diff(found, source))
        if self.raw:
            events = [r["_bw_event_id"] for r in self.world.sandbox.rows("target_raw")]
            assert len(events) == len(set(events)), "%s: an event is doubled in the raw table" % self
        reasons = sorted((l["key"], l["reason"]) for l in self.bw.letters())
        assert reasons == [('{"id":3}', "ARRAY_NULL"), ('{"id":50}', "ARRAY_NULL")], "%s: %s" % (self, reasons)

    def check_append(self, rows):
        events = [r["_bw_event_id"] for r in rows]
        assert len(events) == len(set(events)), "%s: an event is doubled" % self
        # Every version that the source has now is there.
        have = {(r["id"], r["name"]) for r in rows}
        for line in self.world.pg.sql("SELECT id, name FROM %s WHERE id NOT IN (3, 50)" % self.table).splitlines():
            assert tuple(line.split("|")) in have, "%s: %s is lost" % (self, line)

    def has_extra(self):
        return self.world.pg.sql("SELECT count(*) FROM information_schema.columns WHERE table_name = '%s' "
                                 "AND column_name = 'extra'" % self.table) == "1"

    def clean(self):
        """No staging table stays behind."""
        left = [t for t in self.world.sandbox.tables() if t.startswith("_bw_stage")]
        assert not left, "%s: staging tables are left: %s" % (self, left)

    def __str__(self):
        return "%s%s %s" % (self.mode, "+raw" if self.raw else "", self.table)


def diff(found, wanted):
    missing = [k for k in wanted if k not in found]
    extra = [k for k in found if k not in wanted]
    other = [(k, found[k], wanted[k]) for k in wanted if k in found and found[k] != wanted[k]]
    return "missing %s, extra %s, different %s" % (missing[:5], extra[:5], other[:3])


WORLD = None


def world():
    global WORLD
    if WORLD is None:
        WORLD = World()
    return WORLD


def disturbed(case, point):
    """Kills at the point wherever a first or a second run passes it; undisturbed runs in between."""
    killed = case.run(point)
    if killed:
        case.run()
    case.check()
    case.change()
    if case.run(point):
        killed = True
        case.run()
    case.run()
    case.check()
    case.clean()
    return killed


BIG_POINTS = ("load_session_before", "load_session_after", "load_chunk_after")
RETRY_POINTS = ("store_batch_retry_before", "store_batch_retry_after")
ABANDON_POINTS = ("store_batch_abandon_before", "store_batch_abandon_after")
MODES = (("upsert", False), ("upsert", True), ("append", False), ("replace", False))


def each_point(mode, raw):
    for point in crash_points():
        if point in BIG_POINTS:
            disturbed(Case(world(), mode, raw, big=True), point)
        elif point in RETRY_POINTS:
            world().sandbox.faults(["bigquery.job.load:503/backendError:1:1"])
            disturbed(Case(world(), mode, raw), point)
            world().sandbox.faults([])
        elif point in ABANDON_POINTS:
            case = Case(world(), mode, raw)
            assert case.run("load_send_before"), "%s: not killed" % case
            assert case.run(point), "%s: %s was not passed by the recovery" % (case, point)
            case.run()
            case.check()
            case.clean()
        else:
            disturbed(Case(world(), mode, raw), point)


def test_upsert():
    each_point("upsert", False)


def test_upsert_with_raw():
    each_point("upsert", True)


def test_append():
    each_point("append", False)


def test_replace():
    each_point("replace", False)


def test_every_point_was_reached():
    missing = set(crash_points()) - world().reached()
    assert not missing, "never reached: %s" % sorted(missing)


harness.run_tests(sys.modules[__name__])
