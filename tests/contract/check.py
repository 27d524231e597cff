#!/usr/bin/env python3
"""The contract check over what the sandboxes of a test run have recorded.

    check.py --begin DIRECTORY TEST...    makes the directory anew, with one for each test
    check.py DIRECTORY [--complete]       checks every record below it, after the tests

Each violation is printed once, with its method, its path in the exchange and the test that showed it.
--complete, of a build with all tests: where the whole of ctest is run (tests/run.sh says so by
BW_CONTRACT_COMPLETE) bridgewatch must have used each method that it is known to use.
"""
import collections
import glob
import json
import os
import shutil
import sys

import prose
from exchange import Exchange, outside
from methods import Methods
from schema import Members

# What bridgewatch itself asks, and the tests make it ask.
ENGINE_METHODS = {"%s.%s" % (service, name) for service, names in {
    "bigquery": "datasets.get datasets.insert jobs.cancel jobs.get jobs.getQueryResults jobs.insert jobs.query "
                "tables.delete tables.get tables.insert tables.list tables.patch",
    "datastore.projects": "beginTransaction commit lookup rollback runAggregationQuery runQuery",
    "logging.entries": "write",
    "monitoring.projects.dashboards": "create delete get patch",
    "monitoring.projects.timeSeries": "create list",
    "pubsub.projects.subscriptions": "acknowledge create delete get list modifyAckDeadline patch pull seek",
    "pubsub.projects.topics": "create delete get publish",
    "pubsub.projects.topics.subscriptions": "list",
    "secretmanager.projects.secrets.versions": "access",
    "metadata": "token",
    "oauth": "token",
}.items() for name in names.split()}


def read(path):
    """The exchanges of one process. A killed one may have left half a line at the end."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.endswith("\n"):
                record = json.loads(line, object_pairs_hook=Members)
                yield from_wire(record["raw"]) if "raw" in record else record


def from_wire(text):
    """A request as the tests' wire server has received it; nothing is known of the answer, and of the
    body only what had come when the server lost interest."""
    head, _, rest = text.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    verb, address, _ = first.split(" ", 2)
    path, _, query = address.partition("?")
    headers = {k.title(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
    if headers.get("Content-Type", "").startswith("multipart/related"):
        rest = rest.partition("\r\n\r\n")[2].partition("\r\n--")[0]
    try:
        body = json.loads(rest, object_pairs_hook=Members)
    except ValueError:
        body = None
    return {"verb": verb, "path": path, "query": query, "headers": headers, "body": body,
            "bodySize": int(headers.get("Content-Length", 0)), "status": 0, "fault": "" if body is not None else "cut on the wire",
            "replyHeaders": {}, "replySize": 0, "reply": None}


class Report:
    def __init__(self):
        self.methods = Methods()
        self.wrong = collections.OrderedDict()  # text: the first test that showed it
        self.exchanges = 0
        self.used = collections.Counter()
        self.used_by_engine = collections.Counter()
        self.let_by = collections.Counter()

    def add(self, test, record):
        exchange = Exchange(self.methods, record)
        self.exchanges += 1
        for text in exchange.check():
            self.wrong.setdefault(text, (test, record))
        if exchange.found:
            self.used[exchange.found.method.id] += 1
            self.used_by_engine[exchange.found.method.id] += exchange.engine
        elif outside(record["path"]):
            self.let_by[outside(record["path"])] += 1

    def missing(self):
        return sorted(m for m in ENGINE_METHODS if not self.used_by_engine[m])

    def print(self):
        for text, (test, record) in self.wrong.items():
            print("%s\n    shown by %s: %s %s?%s -> %d%s" % (
                text, test, record["verb"], record["path"], record["query"], record["status"],
                " (fault %s)" % record["fault"] if record["fault"] else ""))
        print("%d exchanges, %d methods, %d of them used by bridgewatch itself; %d violations"
              % (self.exchanges, len(self.used), sum(1 for n in self.used_by_engine.values() if n), len(self.wrong)))
        for name in sorted(self.used):
            print("  %-50s %5d  %s" % (name, self.used[name], "bridgewatch" if self.used_by_engine[name] else ""))
        for pattern, count in self.let_by.items():
            print("  not checked: %s (%d), %s" % (pattern, count, prose.OUTSIDE[pattern]))


def begin(directory, tests):
    shutil.rmtree(directory, ignore_errors=True)
    for test in tests:
        path = os.path.join(directory, test)
        os.makedirs(path)
        os.chmod(path, 0o1777)  # some tests start a sandbox as another user


def check(directory, complete):
    report = Report()
    for path in sorted(glob.glob(os.path.join(directory, "*", "*.jsonl"))):
        for record in read(path):
            report.add(os.path.basename(os.path.dirname(path)), record)
    report.print()
    failed = bool(report.wrong)
    if complete:
        for name in report.missing():
            print("bridgewatch has not used %s in any test" % name)
            failed = True
    return 1 if failed else 0


def main(argv):
    if len(argv) >= 3 and argv[1] == "--begin":
        begin(argv[2], argv[3:])
        return 0
    if len(argv) not in (2, 3) or argv[2:] not in ([], ["--complete"]):
        sys.exit(__doc__)
    return check(argv[1], argv[2:] and os.environ.get("BW_CONTRACT_COMPLETE"))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
