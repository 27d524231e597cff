#!/usr/bin/env python3
"""How fast bridgewatch is, and in how much memory.

    bench.py BUILD [--small] [--rounds N] [--rows N] [--events N] [--records N] [--only PART...]

table    a large PostgreSQL table, beside psql
events   change events through Pub/Sub and Datastore, beside a client that takes one at a time
lines    `bridgewatch score -` and `row -`, beside a loop that reads JSON and writes it
anomaly  the anomaly model beside the plain z-score: bench_anomaly.c
sandbox  the sandbox alone: bench_sandbox.c

Of the table the measure is the database itself: `psql -c 'COPY wide TO STDOUT' > /dev/null` on the same table,
in turns with bridgewatch, because a machine is never twice the same. The other end is
bridgewatch-sandbox --discard, which counts bytes and lines and drops them. What is asserted, here
and in the tests (--small), is that everything arrives and that memory stays within its bound; times
are printed, never asserted.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))
import bench_events  # noqa: E402
import bench_lines  # noqa: E402
from harness import BUILD, Bridgewatch, Postgres, Sandbox, TempDir  # noqa: E402
from measure import measured  # noqa: E402

MEMORY_LIMIT = 64 * 1024  # KiB
COPY = "COPY %s TO STDOUT"

# 50 columns: the name's letter, the type, and an expression over the row's number g.
KINDS = [
    ("n", "integer", "(g * 7919 %% 1000003)::int"),
    ("b", "bigint", "g * 1000003 + %d"),
    ("t", "text", "'row ' || g || ' of a table with plain \"text\", column %d'"),
    ("d", "numeric(12,2)", "(g %% 100000000) / 100.0 + %d"),
    ("s", "timestamptz", "timestamptz '2020-01-01 00:00+00' + g * interval '17.25 s'"),
    ("l", "timestamp", "timestamp '2020-01-01' + g * interval '1.5 s'"),
    ("f", "boolean", "(g + %d) %% 2 = 0"),
    ("x", "float8", "sqrt(g) * 1.1 + %d"),
]


def wide_columns():
    """[(name, type, expression)]; every fifth column is NULL in every third row."""
    columns = [("id", "bigint PRIMARY KEY", "g")]
    for i in range(1, 50):
        letter, kind, expression = KINDS[i % len(KINDS)]
        expression = expression % i if "%d" in expression else expression.replace("%%", "%")
        if i % 5 == 0:
            expression = "CASE WHEN (g + %d) %% 3 > 0 THEN %s END" % (i, expression)
        columns.append(("%s%d" % (letter, i), kind, expression))
    return columns


def make_wide(database, rows):
    columns = wide_columns()
    database.sql("CREATE TABLE wide (%s)" % ", ".join("%s %s" % c[:2] for c in columns))
    database.sql("INSERT INTO wide SELECT %s FROM generate_series(1::bigint, %d) g"
                 % (", ".join(c[2] for c in columns), rows))
    database.sql("VACUUM (FREEZE, ANALYZE) wide")


def make_narrow(database, rows):
    database.sql("CREATE TABLE narrow (id bigint PRIMARY KEY, n integer)")
    database.sql("INSERT INTO narrow SELECT g, g %% 97 FROM generate_series(1, %d) g" % rows)
    database.sql("VACUUM (FREEZE, ANALYZE) narrow")


def run_psql(database, table):
    argv = ["psql", "-qX", "-h", database.socket, "-U", "tester", "-d", "shop", "-c", COPY % table]
    with open(os.devnull, "wb") as null:
        return measured(argv, null)


def run_bridgewatch(database, table, rows, compression, discard=True):
    """One run on a fresh state into a fresh sandbox; checks that every row arrived."""
    directory = TempDir()
    sandbox = Sandbox(discard=discard)
    bw = Bridgewatch(directory, sandbox.url, {"shop": database.source()},
                     ["{source: shop, table: %s, mode: replace}" % table],
                     extra="compression: %s" % compression)
    report = directory.file("report.json")
    with open(report, "wb") as out:
        result = measured(bw.argv("run", "--once", "--json", "--log-level=warn"), out, bw.env())
    with open(report, encoding="utf-8") as f:
        (sync,) = json.load(f)["syncs"]
    check(sandbox, sync, table, rows, compression, discard)
    sandbox.stop()
    assert result.peak <= MEMORY_LIMIT, "%d KiB resident, more than %d" % (result.peak, MEMORY_LIMIT)
    return result


def check(sandbox, sync, table, rows, compression, discard):
    counts = (sync["rows_read"], sync["rows_loaded"], sync["dead_letters"])
    assert counts == (rows, rows, 0), "read, loaded, dead: %s of %d" % (counts, rows)
    if not discard:
        arrived = int(sandbox.table(table)["numRows"])
    elif compression == "off":
        arrived = int(sandbox.call("GET", "/sandbox/stats")["uploadLines"])
    else:
        return  # what is dropped is not decompressed, so there is nothing more to count
    assert arrived == rows, "%d rows arrived of %d" % (arrived, rows)


def line(name, rows, measures, floor):
    seconds = statistics.median(m.seconds for m in measures)
    cpu = statistics.median(m.cpu for m in measures)
    ratio = "" if floor is None else "%.2f" % (seconds / floor)
    print("%-26s %8.2f %12s %7s %9.2f %9.1f" % (
        name, seconds, format(int(rows / seconds), ","), ratio, cpu, max(m.peak for m in measures) / 1024), flush=True)
    return seconds


def compare(database, rows, rounds):
    runs = {"psql": [], "off": [], "on": []}
    run_psql(database, "wide")  # fills the server's cache, for everybody
    for _ in range(rounds):
        runs["psql"].append(run_psql(database, "wide"))
        runs["off"].append(run_bridgewatch(database, "wide", rows, "off"))
        runs["on"].append(run_bridgewatch(database, "wide", rows, "on"))
    print("%s rows of 50 columns, medians of %d rounds in turns" % (format(rows, ","), rounds))
    print("%-26s %8s %12s %7s %9s %9s" % ("", "seconds", "rows/s", "ratio", "CPU s", "peak MiB"))
    floor = line("psql COPY TO STDOUT", rows, runs["psql"], None)
    line("bridgewatch", rows, runs["off"], floor)
    line("bridgewatch, compressed", rows, runs["on"], floor)


def bench_table(options):
    rows = options.rows or (50000 if options.small else 500000)
    rounds = options.rounds or (1 if options.small else 5)
    database = Postgres(TempDir())
    database.sql("CREATE DATABASE shop", "postgres")
    make_wide(database, rows)
    compare(database, rows, rounds)
    if options.small:
        run_bridgewatch(database, "wide", rows, "on", discard=False)
    else:
        make_narrow(database, 5000000)
        narrow = run_bridgewatch(database, "narrow", 5000000, "off")
        line("5,000,000 rows of 2 columns", 5000000, [narrow], None)
    database.stop()


def run_program(name):
    """A benchmark of its own, which prints what it found."""
    path = next((p for p in (os.path.join(BUILD, name), os.path.join(BUILD, "tests", name))
                 if os.path.exists(p)), None)
    if not path:
        print("%s is not built: cmake --build %s --target %s" % (name, BUILD, name))
        return
    done = subprocess.run([path], stdin=subprocess.DEVNULL)
    assert done.returncode == 0, "%s ended with %d" % (name, done.returncode)


PARTS = {
    "table": bench_table,
    "events": lambda options: bench_events.run(options.events or (2000 if options.small else 20000),
                                               options.rounds or (1 if options.small else 3)),
    "lines": lambda options: bench_lines.run(options.records or (20000 if options.small else 500000),
                                             options.rounds or (1 if options.small else 3)),
    "anomaly": lambda options: run_program("bench-anomaly"),
    "sandbox": lambda options: run_program("bench-sandbox"),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--small", action="store_true", help="a little of everything, once, for the tests")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--rows", type=int, help="of the table")
    parser.add_argument("--events", type=int, help="change events")
    parser.add_argument("--records", type=int, help="lines for score and row")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts")
    options = parser.parse_args()
    # The sandbox alone is measured against nothing: there is no little of it.
    parts = options.only or [p for p in PARTS if not (options.small and p in ("anomaly", "sandbox"))]
    for i, part in enumerate(parts):
        if i:
            print(flush=True)
        PARTS[part](options)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
