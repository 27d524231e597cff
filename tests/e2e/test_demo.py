#!/usr/bin/env python3
"""The demo from outside: real rows become fresh, a few become dead letters, and nothing is left
behind, whatever ends it, as root and as an ordinary user."""
# ctest: sanitizers
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

from harness import PROGRAM, SANDBOX, TempDir, run_tests, spawn, wait_for


def users():
    """Whom to run it as: ourselves, and as root somebody without rights too."""
    return [None] + ([pwd.getpwnam("nobody")] if os.geteuid() == 0 else [])


def programs(user):
    """The program with its sandbox beside it, where the user may run it."""
    if user is None:
        return PROGRAM
    directory = TempDir()
    for program in (PROGRAM, SANDBOX):
        shutil.copy(program, directory.path)
    return directory.file(os.path.basename(PROGRAM))


def become(user):
    def change():
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    return change if user else None


def parents():
    """{pid: parent} of every process that lives."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] not in "ZX":
                found[int(name)] = int(fields[1])
    return found


def family(pid):
    """The living descendants of a process."""
    every, found, front = parents(), set(), {pid}
    while front:
        front = {p for p, parent in every.items() if parent in front}
        found |= front
    return found


def words(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().decode(errors="replace").split("\0")
    except OSError:
        return []


class Demo:
    """A demo that runs, its processes and its directory."""

    def __init__(self, user=None, length="300s"):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "BIGQUERY_", "GOOGLE_"))}
        self.program = programs(user)
        self.process = spawn([self.program, "demo", "--headless", "--for", length], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd="/",
                             preexec_fn=become(user))
        # The writer is the last to start.
        self.directory = wait_for("the demo's writer", self.find_writer, 90)
        wait_for("the engine's state", lambda: os.path.exists(self.directory + "/state"))
        self.processes = family(self.process.pid)

    def find_writer(self):
        assert self.process.poll() is None, self.process.communicate()
        for pid in family(self.process.pid):
            argv = words(pid)
            if "CALL churn()" in argv:
                return os.path.dirname(argv[argv.index("-h") + 1])
        return None

    def assert_gone(self):
        self.processes.discard(self.process.pid)
        wait_for("the end of every child", lambda: not self.processes & set(parents()), 15)
        wait_for("the end of " + self.directory, lambda: not os.path.exists(self.directory), 15)


def status_of(demo, user):
    """The state of each sync, and how many dead letters there are, as the status tells it."""
    done = subprocess.run([demo.program, "-c", demo.directory + "/bridgewatch.yaml", "status", "--json"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=become(user), cwd="/")
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    status = json.loads(done.stdout)
    return {s["sync"]: s["state"] for s in status["syncs"]}, status["dead_letters"]["open"]


def test_syncs_become_fresh_and_a_few_rows_are_dead():
    fresh = dict.fromkeys({"shop." + n for n in ("customers", "orders", "payments", "products", "stock")} |
                          {"events.profile"}, "fresh")
    for user in users():
        demo = Demo(user)

        def as_it_should_be():
            states, letters = status_of(demo, user)
            return states == fresh and letters >= 4

        wait_for("every sync to be fresh, with a few dead letters", as_it_should_be, 150, 0.5)
        demo.process.send_signal(signal.SIGTERM)
        out, log = demo.process.communicate(timeout=120)
        assert demo.process.returncode == 0, (demo.process.returncode, out, log)
        letters = re.search(r"^engine running, 6 syncs, (\d+) dead letters?$", out, re.M)
        assert letters and 4 <= int(letters.group(1)) <= 40, out
        assert all(re.search("^%s +" % re.escape(name), out, re.M) for name in fresh), out
        assert " error " not in log, log
        demo.assert_gone()


def test_after_its_time_it_ends():
    for user in users():
        demo = Demo(user, "2s")
        out, log = demo.process.communicate(timeout=120)
        assert demo.process.returncode == 0 and "6 syncs" in out, (demo.process.returncode, out, log)
        demo.assert_gone()


def ends_by(sig, code):
    for user in users():
        demo = Demo(user)
        assert len(demo.processes) >= 6, demo.processes
        demo.process.send_signal(sig)
        told = demo.process.communicate(timeout=60)
        assert demo.process.returncode == code, (demo.process.returncode, told)
        demo.assert_gone()


def test_killed_it_leaves_nothing():
    ends_by(signal.SIGKILL, -signal.SIGKILL)


def test_interrupted_it_leaves_nothing():
    ends_by(signal.SIGINT, 3)


def test_ended_it_leaves_nothing():
    ends_by(signal.SIGTERM, 0)


def test_without_a_terminal_it_says_what_to_do():
    done = subprocess.run([PROGRAM, "demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "--headless" in done.stderr, (done.returncode, done.stderr)


run_tests(sys.modules[__name__])
