"""A shop's database, the sandbox and the console on them in a real terminal: what the tests of the
console share."""
import os
import re
import signal
import socket
import sqlite3
import subprocess

from harness import PROGRAM, Bridgewatch, Postgres, Sandbox, TempDir, wait_for
from tmux_console import Console

ENVIRONMENT = "environment: {label: PROD, colour: red}"
SYNCS = ["{source: shop, table: public.orders, schedule: manual, mode: replace}",
         "{source: shop, table: public.customers, schedule: manual, mode: replace}",
         "{source: shop, table: public.stock, schedule: manual, mode: replace}"]

directory = TempDir()
postgres = None


def database():
    """One cluster for all tests; each makes its own tables anew."""
    global postgres
    if postgres is None:
        postgres = Postgres(directory)
        postgres.sql("CREATE DATABASE shop", "postgres")
    postgres.sql("""
        DROP SCHEMA public CASCADE; CREATE SCHEMA public;
        CREATE TABLE orders (id bigint PRIMARY KEY, customer text, tags text[], updated_at timestamptz NOT NULL DEFAULT now());
        INSERT INTO orders SELECT g, 'c' || g, '{a,b}' FROM generate_series(1, 200) g;
        UPDATE orders SET tags = '{a,NULL}' WHERE id IN (7, 9, 11);
        CREATE TABLE customers (id int PRIMARY KEY, name text, born date, updated_at timestamptz NOT NULL DEFAULT now());
        INSERT INTO customers VALUES (1, 'Ann', '2000-01-01'), (2, 'Zoë 世界', '1999-12-31');
        CREATE TABLE stock (id int PRIMARY KEY, amount int, updated_at timestamptz NOT NULL DEFAULT now());
        INSERT INTO stock SELECT g, g FROM generate_series(1, 50) g;
    """)
    return postgres


class Shop:
    """The program on a shop's database in a terminal."""
    count = 0

    def __init__(self, syncs=None, extra=ENVIRONMENT, sources=None, options="", cols=80, rows=24,
                 env=None, locale="C.UTF-8", start=True):
        Shop.count += 1
        self.postgres = database()
        self.sandbox = Sandbox()
        self.bw = Bridgewatch(directory, self.sandbox.url, sources or {"shop": self.postgres.source()},
                              syncs or SYNCS, name="c%d" % Shop.count, extra=extra)
        self.console = Console(cols, rows, env=env, locale=locale)
        self.options = options
        if start:
            self.start()

    def command(self):
        return " ".join([PROGRAM, "-c", self.bw.config, self.options])

    def start(self):
        """Runs it, and waits for the rows that come with the engine."""
        self.console.start(self.command(), "SYNC ")
        self.wait_row("[▸>] .*[.]")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pids = [int(p) for p in self.pids()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.console.__exit__()
        self.sandbox.stop()

    def pids(self):
        """The program's, found by the terminal it runs in."""
        done = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", self.console.get("pane_pid")],
                              capture_output=True, text=True)
        return [line.split()[0] for line in done.stdout.splitlines() if "bridgewatch" in line]

    def pid(self):
        return self.console.pid_of("bridgewatch")

    def keys(self, *names):
        self.console.keys(*names)

    def last_line(self):
        return self.console.screen().rstrip("\n").split("\n")[-1]

    def say(self, line):
        """A command on the command line."""
        self.console.keys(":")
        wait_for("the command line", lambda: self.last_line().startswith(":"))
        self.console.type(line)
        self.console.keys("Enter")
        wait_for("the command line's end", lambda: not self.last_line().startswith(":"))

    def escape(self, gone):
        """Esc, until it has had its effect: what follows at once would be an alt key."""
        self.console.keys("Escape")
        self.wait_gone(gone)

    def wait_for(self, text, timeout=20):
        return self.console.wait_for(text, timeout)

    def wait_gone(self, text, timeout=20):
        return self.console.wait(lambda s: text not in s, "no " + repr(text), timeout)

    def wait_row(self, pattern, timeout=30):
        """A line of the screen in which the pattern is found."""
        def found(screen):
            return any(re.search(pattern, line) for line in screen.split("\n"))
        return self.console.wait(found, "a line with %r" % pattern, timeout)

    def select(self, name):
        self.say("filter sync:" + name)
        self.wait_row("[▸>] +" + re.escape(name))
        self.escape("/sync:")
        self.wait_row("[▸>] +" + re.escape(name))

    def resync(self, name):
        self.select(name)
        self.keys("r")
        self.wait_row(re.escape(name) + ": [0-9]+ rows read")
        self.keys("BSpace")
        self.wait_gone("rows read")

    def audit(self):
        """What the audit trail says was done: (who, action, subject)."""
        db = sqlite3.connect("file:%s/state.db?mode=ro" % self.bw.state, uri=True)
        rows = db.execute("SELECT who, action, subject FROM audit ORDER BY id").fetchall()
        db.close()
        return rows


def hanging_server():
    """A port that takes connections and never says a word; and its number."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener, listener.getsockname()[1]
