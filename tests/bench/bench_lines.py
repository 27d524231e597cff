"""`bridgewatch score -` and `row -`, records per second of one core."""
import os
import random
import sys

from harness import PROGRAM, TempDir
from measure import count, measured, median

# What a script would do: read each line, and write one. It scores nothing.
PYTHON = ("import json, sys\n"
          "for line in sys.stdin: sys.stdout.write(json.dumps(json.loads(line)) + '\\n')")
WHO = (("python3, JSON in and out", [sys.executable, "-c", PYTHON]),
       ("bridgewatch score -", [PROGRAM, "score", "-"]),
       ("bridgewatch row -", [PROGRAM, "row", "-"]))


def write_records(path, n):
    rng = random.Random(4)
    with open(path, "w", encoding="utf-8") as f:
        for i in range(n):
            f.write('{"entity_id": "c%d", "kind": "customer", "operation": "%s", "timestamp": '
                    '"2026-11-20T11:%02d:%02dZ", "event_id": "e%07d", "source": "shop", "data": {"name": '
                    '"customer %d", "total": %d.%02d, "items": %d, "status": "%s", "note": "text of a '
                    'usual length, in \u00fcbliche words"}}\n' % (
                        rng.randrange(5000), rng.choice(("create", "update", "update", "patch")),
                        i // 60 % 60, i % 60, i, rng.randrange(10000), rng.randrange(1000),
                        rng.randrange(100), rng.randrange(20), rng.choice(("new", "paid", "shipped"))))


def once(argv, records, answers, n):
    with open(records, "rb") as source, open(answers, "wb") as out:
        result = measured(argv, out, stdin=source)
    with open(answers, "rb") as f:
        written = sum(1 for _ in f)
    assert written == n, "%s answered %d records of %d" % (argv[1], written, n)
    return result


def run(n, rounds):
    directory = TempDir()
    records, answers = directory.file("records"), directory.file("answers")
    write_records(records, n)
    results = {name: [] for name, _ in WHO}
    for _ in range(rounds):
        for name, argv in WHO:
            results[name].append(once(argv, records, answers, n))
    floor = None
    print("%s records of %d bytes, one per line, medians of %d rounds in turns"
          % (count(n), os.path.getsize(records) / n, rounds))
    print("%-26s %8s %9s %16s %7s %9s" % ("", "seconds", "CPU s", "records/CPU s", "ratio", "peak MiB"))
    for name, _ in WHO:
        cpu = median(m.cpu for m in results[name])
        floor = floor or cpu
        print("%-26s %8.2f %9.2f %16s %7.2f %9.1f" % (
            name, median(m.seconds for m in results[name]), cpu, count(n / cpu), floor / cpu,
            max(m.peak for m in results[name]) / 1024), flush=True)
