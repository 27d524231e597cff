"""A program in a real terminal: tmux without a configuration, driven by keys, read as text.

Nothing here sleeps to wait: every wait polls until a deadline and fails with the screen it saw.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time

DEADLINE = 20.0


class Console:
    """A shell in a tmux pane of its own server; `start` runs a program in it."""

    def __init__(self, cols=80, rows=24, env=None, locale="C.UTF-8"):
        self.dir = tempfile.mkdtemp(prefix="bw-tmux-")
        self.socket = os.path.join(self.dir, "socket")
        self.raw_path = os.path.join(self.dir, "raw")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": self.dir,
            "TERM": "tmux-256color",
            "LC_ALL": locale,
            "TZ": "UTC",
            "PS1": "$ ",
        }
        self.env.update(env or {})
        shell = ["env", "-i"] + [f"{k}={v}" for k, v in self.env.items()]
        self.tmux("new-session", "-d", "-x", str(cols), "-y", str(rows), *shell, "bash",
                  "--norc", "--noprofile", "-i")
        self.tmux("set", "-g", "window-size", "manual")
        self.tmux("set", "-s", "set-clipboard", "on")
        self.wait(lambda s: s.rstrip().endswith("$"), "the shell's prompt")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def tmux(self, *args):
        command = ["tmux", "-u", "-S", self.socket, "-f", "/dev/null", *args]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **self.env})
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(args)}: {done.stderr.strip()}")
        return done.stdout

    def screen(self, colours=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def get(self, what):
        return self.tmux("display", "-p", "#{%s}" % what).strip()

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def bytes(self, data):
        self.tmux("send-keys", "-H", *(f"{b:02x}" for b in data))

    def paste(self, text):
        self.tmux("set-buffer", "-b", "bw", text)
        self.tmux("paste-buffer", "-p", "-r", "-b", "bw")

    def resize(self, cols, rows):
        self.tmux("resize-window", "-x", str(cols), "-y", str(rows))

    def record(self):
        """From now on every byte that the program writes goes to a file as well."""
        self.tmux("pipe-pane", "-o", f"cat >> {self.raw_path}")
        return self

    def raw(self):
        if not os.path.exists(self.raw_path):
            return b""
        with open(self.raw_path, "rb") as f:
            return f.read()

    def wait(self, condition, what, timeout=DEADLINE):
        """Polls the screen until condition(text) holds; returns the screen."""
        end = time.monotonic() + timeout
        while True:
            text = self.screen()
            if condition(text):
                return text
            if time.monotonic() > end:
                raise AssertionError(f"timed out waiting for {what}; the screen is\n{text}")
            time.sleep(0.02)

    def wait_for(self, text, timeout=DEADLINE):
        return self.wait(lambda s: text in s, repr(text), timeout)

    def wait_value(self, what, value, timeout=DEADLINE):
        end = time.monotonic() + timeout
        while self.get(what) != value:
            if time.monotonic() > end:
                raise AssertionError(f"{what} is {self.get(what)}, not {value}")
            time.sleep(0.02)

    def start(self, command, ready):
        """Runs a command line in the shell and waits for `ready` on the screen."""
        self.type(f"clear; stty -g > {self.dir}/before; {command}; rc=$?; "
                  f"stty -g > {self.dir}/after; echo \"rc=$rc\"")
        self.keys("Enter")
        return self.wait_for(ready)

    def pid_of(self, name):
        """The process of the program that the shell runs in the foreground."""
        shell = self.get("pane_pid")
        out = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", shell], capture_output=True,
                             text=True).stdout
        for line in out.splitlines():
            pid, comm = line.split(None, 1)
            if comm.startswith(name[:15]):
                return int(pid)
        raise AssertionError(f"no process {name} below the shell: {out!r}")

    def assert_restored(self):
        """The terminal is as the shell left it: no alternate screen, no mouse, a cursor, same stty."""
        self.wait_value("alternate_on", "0")
        self.wait_value("mouse_any_flag", "0")
        self.wait_value("cursor_flag", "1")
        self.wait_value("keypad_flag", "0")
        with open(f"{self.dir}/before") as a, open(f"{self.dir}/after") as b:
            before, after = a.read(), b.read()
        assert before == after, f"stty {before.strip()} became {after.strip()}"


def colour_sequences(raw):
    """SGR parameters that set a colour (30 to 49, 90 to 107) in a stream of bytes."""
    found = []
    for match in re.finditer(rb"\x1b\[([0-9;:]*)m", raw):
        for part in re.split(rb"[;:]", match.group(1)):
            if part and (30 <= int(part) <= 49 or 90 <= int(part) <= 107):
                found.append(match.group(0))
    return found
