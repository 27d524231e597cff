"""What the end-to-end tests share: throwaway servers, the programs, and how to look at results.

Standard library only. Every server listens on a Unix socket or on loopback at a free port and is
ended, by its process id, by the test that started it; whatever is left when the interpreter exits
is killed. Nothing sleeps to wait: wait_for() polls with a deadline.
"""
import atexit
import glob
import json
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(BUILD, "bridgewatch")
CRASHING = os.path.join(BUILD, "tests", "bridgewatch-crash")
SANDBOX = os.path.join(BUILD, "bridgewatch-sandbox")

SERVICES = ("bigquery", "pubsub", "datastore", "logging", "monitoring", "secretmanager")

SOAK = os.environ.get("BW_SOAK") == "1"
# What a sanitizer watches takes several times the memory, and longer.
SANITIZED = BUILD.endswith(("-asan", "-tsan"))

_alive = []


def _end_all():
    for process in _alive:
        if process.poll() is None:
            process.kill()
            process.wait()


atexit.register(_end_all)


def soak(short, long):
    """How many: under BW_SOAK=1 the long form's, or the share of it that BW_SOAK_SHARE gives, but never
    less than the short form's."""
    return max(short, int(long * float(os.environ.get("BW_SOAK_SHARE", "1")))) if SOAK else short


def wait_for(what, check, seconds=30, pause=0.02):
    """Polls check() until it is true and returns its value; fails with `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("timed out waiting for " + what)
        time.sleep(pause)


def spawn(argv, **kwargs):
    process = subprocess.Popen(argv, **kwargs)
    _alive.append(process)
    return process


class TempDir:
    """A directory that is removed with the test."""

    def __init__(self, prefix="bwt-"):
        self.path = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
        os.chmod(self.path, 0o711)
        atexit.register(shutil.rmtree, self.path, True)

    def file(self, name, text=None):
        path = os.path.join(self.path, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return path


def postgres_bindir():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: float(p.split("/")[-2]))
    return found[-1] if found else os.path.dirname(shutil.which("postgres") or "/usr/bin/postgres")


class Postgres:
    """A throwaway cluster on a Unix socket; as root it runs as the user postgres."""

    def __init__(self, directory, settings=(), locale="C.UTF-8", encoding="UTF8", port=5432, env=None):
        self.directory = os.path.join(directory.path, "pg%d" % id(self))
        self.socket = os.path.join(directory.path, "s%d" % (id(self) % 100000))
        self.settings, self.port, self.env = list(settings), str(port), dict(os.environ, **env or {})
        self.bin = postgres_bindir()
        self.process = None
        os.mkdir(self.directory, 0o700)
        os.mkdir(self.socket, 0o755)
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
            os.chown(self.socket, self.user.pw_uid, self.user.pw_gid)
        self._as_user([os.path.join(self.bin, "initdb"), "-D", self.directory, "-U", "tester", "-A",
                       "trust", "-E", encoding, "--locale=" + locale, "-N"])
        self.start()

    def _demote(self):
        os.setsid()
        if self.user:
            os.initgroups(self.user.pw_name, self.user.pw_gid)
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    def _as_user(self, argv):
        done = subprocess.run(argv, preexec_fn=self._demote, cwd="/", capture_output=True, env=self.env)
        assert done.returncode == 0, done.stderr.decode()

    def start(self):
        argv = [os.path.join(self.bin, "postgres"), "-D", self.directory, "-c", "listen_addresses=",
                "-c", "unix_socket_directories=" + self.socket, "-c", "fsync=off",
                "-c", "max_prepared_transactions=10"]
        for setting in self.settings:
            argv += ["-c", setting]
        self.log = open(os.path.join(self.directory + ".log"), "ab")
        self.process = spawn(argv, preexec_fn=self._demote, cwd="/", stdout=self.log, stderr=self.log,
                             stdin=subprocess.DEVNULL, env=self.env)
        wait_for("PostgreSQL", lambda: self.try_sql("SELECT 1", "postgres") == "1")

    def try_sql(self, sql, database):
        done = self.psql(sql, database)
        return done.stdout.strip() if done.returncode == 0 else None

    def psql(self, sql, database):
        return subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-p", self.port, "-U", "tester",
                               "-d", database, "-f", "-"], input=sql, capture_output=True, text=True,
                              env=dict(os.environ, PGCLIENTENCODING="UTF8"))

    def sql(self, sql, database="shop"):
        """Runs statements; returns what the last ones print, unaligned."""
        done = self.psql(sql, database)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def session(self, database="shop"):
        """An open psql whose standard input takes statements (a writer, an open transaction)."""
        return spawn(["psql", "-qAtX", "-h", self.socket, "-p", self.port, "-U", "tester", "-d", database],
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # The children of a killed postmaster end by themselves; a new one waits for them.
        wait_for("the old server's end", self._stale_gone, 30)

    def _stale_gone(self):
        done = subprocess.run(["pgrep", "-f", self.directory], capture_output=True)
        return done.returncode != 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()

    def source(self, database="shop"):
        return "{type: postgres, host: %s, database: %s, user: tester}" % (self.socket, database)


class Sandbox:
    """bridgewatch-sandbox; restarted on the same port and, with `data`, on the same data."""

    def __init__(self, data=None, discard=False, faults=(), project="demo", dataset="analytics"):
        self.args = ["--project", project, "--dataset", dataset]
        if data:
            self.args += ["--data", data]
        if discard:
            self.args += ["--discard"]
        for fault in faults:
            self.args += ["--fault", fault]
        self.project, self.dataset, self.port = project, dataset, 0
        self.start()

    def start(self):
        self.process = spawn([SANDBOX, "--port", str(self.port)] + self.args, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        match = re.match(r"listening on (http://127\.0\.0\.1:(\d+))", line)
        assert match, "the sandbox said: %r" % line
        self.url, self.port = match.group(1), int(match.group(2))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as response:
            text = response.read().decode()
            return json.loads(text) if text else {}

    def faults(self, specs):
        """Replaces the faults in force."""
        self.call("POST", "/sandbox/faults", {"faults": list(specs), "replace": True})

    def table(self, name):
        """The table resource, or None."""
        try:
            return self.call("GET", "/bigquery/v2/projects/%s/datasets/%s/tables/%s"
                             % (self.project, self.dataset, name))
        except urllib.error.HTTPError as e:
            if e.code == 404:
                return None
            raise

    def tables(self):
        found = self.call("GET", "/bigquery/v2/projects/%s/datasets/%s/tables?maxResults=10000"
                          % (self.project, self.dataset))
        return sorted(t["tableReference"]["tableId"] for t in found.get("tables", []))

    def rows(self, name):
        """Every row of a table as a dict of texts (None for NULL, lists for REPEATED)."""
        fields = self.table(name)["schema"]["fields"]
        rows, token = [], ""
        while True:
            page = self.call("GET", "/bigquery/v2/projects/%s/datasets/%s/tables/%s/data?maxResults=5000"
                             "&formatOptions.useInt64Timestamp=true%s"
                             % (self.project, self.dataset, name, "&pageToken=" + urllib.parse.quote(token) if token else ""))
            for row in page.get("rows", []):
                rows.append({f["name"]: _cell(c["v"]) for f, c in zip(fields, row["f"])})
            token = page.get("pageToken")
            if not token:
                return rows

    def query(self, sql):
        answer = self.call("POST", "/bigquery/v2/projects/%s/queries" % self.project,
                           {"query": sql, "useLegacySql": False, "timeoutMs": 60000})
        return [[_cell(c["v"]) for c in row["f"]] for row in answer.get("rows", [])]


def _cell(v):
    return [_cell(e["v"]) for e in v] if isinstance(v, list) else v


class Bridgewatch:
    """The program with a configuration and a state directory of its own."""

    def __init__(self, directory, sandbox_url, sources, syncs, name="bw", extra=""):
        self.directory = directory
        self.state = os.path.join(directory.path, name + "-state")
        self.config = directory.file(name + ".yaml", "\n".join(
            ["project: demo", "dataset: analytics", "credentials: none",
             "endpoints: {%s}" % ", ".join('%s: "%s"' % (s, sandbox_url) for s in SERVICES),
             "state_dir: " + self.state]
            + ([extra] if extra else [])
            + ["sources:"] + ["  %s: %s" % item for item in sources.items()]
            + ["syncs:"] + ["  - " + s for s in syncs]) + "\n")

    def argv(self, *args, program=PROGRAM):
        return [program, "-c", self.config] + list(args)

    def env(self, extra=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "BIGQUERY_", "GOOGLE_"))}
        env.update(extra or {})
        return env

    def run(self, *args, program=PROGRAM, env=None, seconds=300):
        return subprocess.run(self.argv(*args, program=program), capture_output=True, text=True,
                              env=self.env(env), timeout=seconds, stdin=subprocess.DEVNULL)

    def start(self, *args, program=PROGRAM, env=None, **kwargs):
        return spawn(self.argv(*args, program=program), env=self.env(env), stdin=subprocess.DEVNULL, **kwargs)

    def json(self, *args, **kwargs):
        done = self.run(*args, "--json", **kwargs)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise AssertionError("no JSON from %s (%d): %s%s" % (args, done.returncode, done.stdout, done.stderr))

    def once(self, *syncs, **kwargs):
        """run --once; the result of each sync by name."""
        return {r["sync"]: r for r in self.json("run", "--once", *syncs, **kwargs)["syncs"]}

    def letters(self):
        return self.json("dlq", "list")["dead_letters"]


def run_tests(module):
    """Runs every function test_* of the module, or those named after the build's directory, in the
    order of the file and says how each went."""
    failed = 0
    for name, function in list(vars(module).items()):
        if not name.startswith("test_") or not callable(function) or (sys.argv[2:] and name not in sys.argv[2:]):
            continue
        started = time.monotonic()
        try:
            function()
            print("ok    %s (%.1f s)" % (name, time.monotonic() - started), flush=True)
        except Exception:
            import traceback
            traceback.print_exc()
            print("FAIL  %s" % name, flush=True)
            failed += 1
    sys.exit(1 if failed else 0)
