"""Nothing lost, nothing doubled, while everything is killed at random.

A writer inserts, updates and commits late and out of order: long transactions, one that was only
reading when a window opened, prepared ones, a cursor without a time zone in a zone that is not UTC.
Meanwhile the engine is killed by SIGKILL again and again, the database and the sandbox are killed and
restarted, and requests fail, are cut before and after their effect, or are slow. In the end, with
everything calm, the destination equals the source.

BW_SEED chooses the dice; BW_SOAK=1 is the long form.
"""
import os
import random
import sys
import time

import harness
from harness import Bridgewatch, CRASHING, Postgres, Sandbox, TempDir, soak, wait_for

SEED = int(os.environ.get("BW_SEED", "20261120"))
KILLS = soak(10, 1000)
FAULTS = ["*:503/backendError:0.05", "bigquery.jobs.insert:429/rateLimitExceeded:0.05",
          "bigquery.*:cut-after:0.05", "bigquery.*:cut-before:0.03", "*:latency=60ms:0.1",
          "bigquery.job.load:503/backendError:0.05", "bigquery.job.query:503/backendError:0.05"]

SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, v integer NOT NULL, note text,
                     updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE stock (sku text PRIMARY KEY, level integer NOT NULL, last_modified timestamp NOT NULL DEFAULT now());
CREATE TABLE payments (id bigint PRIMARY KEY, amount numeric(10,2), paid_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE rates (code text PRIMARY KEY, rate float8 NOT NULL);
CREATE INDEX ON orders (updated_at);
INSERT INTO orders SELECT g, 0, repeat('n', g % 40), now() - interval '10 minutes' FROM generate_series(1, 3000) g;
INSERT INTO stock SELECT 's' || g, g, now() - interval '10 minutes' FROM generate_series(1, 200) g;
INSERT INTO payments SELECT g, g / 7.0, now() - interval '10 minutes' FROM generate_series(1, 1000) g;
INSERT INTO rates SELECT 'c' || g, g / 3.0 FROM generate_series(1, 50) g;
CREATE SEQUENCE fresh START 100000;
CREATE PROCEDURE churn(seed float8) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM setseed(seed);
  LOOP
    INSERT INTO orders SELECT nextval('fresh'), 1, 'new' FROM generate_series(1, (random() * 4)::int);
    UPDATE orders SET v = v + 1, updated_at = now() WHERE id = 1 + (random() * 2999)::int;
    IF random() < 0.1 THEN
      -- a row moves to another block while a backfill may be reading
      UPDATE orders SET note = repeat('m', 200), updated_at = now() WHERE id = 1 + (random() * 2999)::int;
    END IF;
    UPDATE stock SET level = level + 1, last_modified = now() WHERE sku = 's' || (1 + (random() * 199)::int);
    INSERT INTO payments VALUES (nextval('fresh'), random());
    IF random() < 0.2 THEN UPDATE rates SET rate = random() WHERE code = 'c' || (1 + (random() * 49)::int); END IF;
    IF random() < 0.2 THEN PERFORM pg_sleep(random() * 0.4); END IF;  -- stamped before, committed after
    COMMIT;
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;
"""

# The transaction that only reads when a window opens, then writes with the time of its beginning.
READER = """BEGIN; SELECT count(*) FROM rates; SELECT pg_sleep(1.5);
UPDATE orders SET v = v + 100, updated_at = now() WHERE id = {id}; COMMIT;
"""


class Servers:
    def __init__(self):
        self.dir = TempDir()
        # now() of a `timestamp` column is the clock of this zone.
        self.pg = Postgres(self.dir, settings=["timezone=America/New_York"])
        self.pg.sql("CREATE DATABASE shop", "postgres")
        self.pg.sql(SCHEMA)
        self.sandbox = Sandbox(data=self.dir.file("bq"))
        self.writers = []
        self.prepared = 0

    def write(self):
        self.writers = [w for w in self.writers if w.poll() is None]
        while len(self.writers) < 2:
            w = self.pg.session()
            w.stdin.write("CALL churn(%f);\n" % random.random())
            w.stdin.flush()
            self.writers.append(w)

    def late_writers(self):
        w = self.pg.session()
        w.stdin.write(READER.format(id=random.randint(1, 3000)) + "\\q\n")
        w.stdin.flush()
        self.prepared += 1
        self.pg.psql("BEGIN; UPDATE orders SET v = v + 1000, updated_at = now() WHERE id = %d; "
                     "PREPARE TRANSACTION 'p%d';" % (random.randint(1, 3000), self.prepared), "shop")

    def commit_prepared(self):
        for gid in self.pg.sql("SELECT gid FROM pg_prepared_xacts").split():
            self.pg.psql("COMMIT PREPARED '%s'" % gid, "shop")

    def stop_writing(self):
        for w in self.writers:
            w.kill()
            w.wait()
        # A server process that never writes to its client does not notice that it is gone.
        self.pg.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'psql' "
                    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
        wait_for("the writers' transactions to end", lambda: self.pg.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " AND application_name = 'psql'") == "0")
        self.commit_prepared()


def engine(servers):
    sync = "{source: shop, table: public.%s, schedule: every 1s, lookback: 2s%s}"
    return Bridgewatch(servers.dir, servers.sandbox.url, {"shop": servers.pg.source()},
                       [sync % ("orders", ", raw: true, batch: {rows: 700}"), sync % ("stock", ""),
                        sync % ("payments", ", mode: append, cursor: paid_at"),
                        sync % ("rates", ", mode: replace")])


def disturb(servers, bw, kills):
    running = None
    log = open(servers.dir.file("engine.log"), "a", encoding="utf-8")
    for n in range(kills):
        servers.write()
        if n % 3 == 1:
            servers.late_writers()
        if n % 4 == 3:
            servers.commit_prepared()
        running = bw.start("run", "--log-level", "warn", program=CRASHING, stdout=log, stderr=log)
        time.sleep(random.uniform(0.2, 2.5))  # the length of a life: not a wait for anything
        dice = random.random()
        if dice < 0.15:
            servers.pg.kill()
            servers.pg.start()
        elif dice < 0.35:
            servers.sandbox.kill()
            servers.sandbox.start()
            servers.sandbox.faults(FAULTS)
        assert running.poll() is None, "the engine ended by itself: see " + servers.dir.file("engine.log")
        running.kill()
        running.wait()


def calm(servers, bw):
    """Everything works again, nobody writes: the syncs catch up."""
    servers.sandbox.faults([])
    servers.stop_writing()
    for _ in range(2):
        done = bw.json("run", "--once", seconds=300)
        assert done["ok"], done


def compare(servers, table, key, columns):
    source = {}
    for line in servers.pg.sql("SELECT %s, %s FROM %s" % (key, ", ".join(columns), table)).splitlines():
        parts = line.split("|")
        source[parts[0]] = parts[1:]
    rows = servers.sandbox.rows(table)
    found = {r[key]: [r[c] or "" for c in columns] for r in rows}
    assert len(rows) == len(found), "%s: a key is doubled" % table
    missing = sorted(set(source) - set(found))
    extra = sorted(set(found) - set(source))
    other = [(k, found[k], source[k]) for k in source if k in found and found[k] != source[k]]
    assert not missing and not extra and not other, \
        "%s: missing %s, extra %s, different %s" % (table, missing[:5], extra[:5], other[:5])


def test_random_kills():
    random.seed(SEED)
    print("seed %d" % SEED)
    servers = Servers()
    bw = engine(servers)
    servers.write()
    servers.sandbox.faults(FAULTS)
    disturb(servers, bw, KILLS)
    calm(servers, bw)
    compare(servers, "orders", "id", ["v", "note"])
    compare(servers, "stock", "sku", ["level"])
    compare(servers, "payments", "id", ["id"])
    compare(servers, "rates", "code", ["code"])
    events = [r["_bw_event_id"] for r in servers.sandbox.rows("orders_raw")]
    assert len(events) == len(set(events)), "the raw table holds an event twice"
    assert bw.letters() == [], bw.letters()


def test_lost_state_directory():
    """A new state directory does not load another's target until it is told to; then nothing doubles."""
    servers = Servers()
    bw = engine(servers)
    assert bw.json("run", "--once")["ok"]
    os.rename(bw.state, bw.state + ".lost")
    again = bw.once()
    for name, result in again.items():
        assert result["state"] == "failed" and "belongs to another" in result["error"]["message"], (name, result)
    servers.pg.sql("UPDATE orders SET v = 7, updated_at = now() WHERE id = 5")
    for name in ("shop.orders", "shop.stock", "shop.rates"):
        done = bw.run("sync", name, "--take-over")
        assert done.returncode == 0, done.stderr
    compare(servers, "orders", "id", ["v", "note"])
    compare(servers, "stock", "sku", ["level"])
    events = [r["_bw_event_id"] for r in servers.sandbox.rows("orders_raw")]
    assert len(events) == len(set(events)), "the raw table holds an event twice"


def test_two_engines_on_one_target():
    servers = Servers()
    first = engine(servers)
    second = Bridgewatch(servers.dir, servers.sandbox.url, {"shop": servers.pg.source()},
                         ["{source: shop, table: public.orders}", "{source: shop, table: public.stock, target: mine}"],
                         name="second")
    assert first.json("run", "--once")["ok"]
    results = second.once()
    assert results["shop.orders"]["state"] == "failed", results
    assert "belongs to another" in results["shop.orders"]["error"]["message"], results
    assert results["shop.stock"]["state"] == "ok", results
    compare(servers, "orders", "id", ["v", "note"])


def test_dropped_target():
    """A target that somebody dropped is filled whole again, never from the checkpoint on."""
    servers = Servers()
    bw = engine(servers)
    assert bw.json("run", "--once")["ok"]
    for table in ("orders", "payments"):
        servers.sandbox.call("DELETE", "/bigquery/v2/projects/demo/datasets/analytics/tables/" + table)
    results = bw.once()
    compare(servers, "orders", "id", ["v", "note"])
    # Rows that were appended may have been taken elsewhere: an operator says what is meant.
    assert "is empty" in results["shop.payments"]["error"]["message"], results
    assert bw.run("sync", "shop.payments", "--full").returncode == 0
    compare(servers, "payments", "id", ["id"])


harness.run_tests(sys.modules[__name__])
