#!/usr/bin/env python3
"""The toolkit on a real terminal (kit_probe.c): what reaches it, and in what state it is left."""
# ctest: serial
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tmux_console import Console, colour_sequences  # noqa: E402

BUILD = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") \
    else os.path.join(os.path.dirname(__file__), "..", "..", "build")
PROBE = os.path.join(BUILD, "tests", "kit-probe")
READY = "Probe"


def probe(*args):
    return " ".join([PROBE, *args])


class Restored(unittest.TestCase):
    """Whatever ends the program, the shell gets its terminal back."""

    def ends(self, act, code, text=""):
        # Under a sanitizer the signal still has to end the process.
        with Console(env={"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_abort=0"}) as c:
            c.start(probe(), READY)
            self.assertEqual(c.get("alternate_on"), "1")
            self.assertEqual(c.get("mouse_any_flag"), "1")
            act(c)
            screen = c.wait(lambda s: re.search(r"^rc=", s, re.M), "the end")
            self.assertIn(f"rc={code}", screen)
            self.assertIn(text, screen)
            c.assert_restored()
            # The shell is usable: what is typed is echoed and run.
            c.type("echo sum=$((40+2))")
            c.keys("Enter")
            c.wait_for("sum=42")

    def test_quit(self):
        self.ends(lambda c: c.keys("Q"), 0, "quit")

    def test_segmentation_fault(self):
        self.ends(lambda c: c.keys("X"), 139, "ended by SIGSEGV")

    def test_segmentation_fault_in_a_thread(self):
        self.ends(lambda c: c.keys("T"), 139, "ended by SIGSEGV")

    def test_stack_of_a_thread_used_up(self):
        self.ends(lambda c: c.keys("O"), 139, "ended by SIGSEGV")

    def test_abort(self):
        self.ends(lambda c: c.keys("A"), 134, "ended by SIGABRT")

    def test_exit_from_below(self):
        self.ends(lambda c: c.keys("E"), 3)

    def test_sigterm(self):
        self.ends(lambda c: os.kill(c.pid_of("kit-probe"), signal.SIGTERM), 3, "ended by signal 15")

    def test_sighup(self):
        self.ends(lambda c: os.kill(c.pid_of("kit-probe"), signal.SIGHUP), 3, "ended by signal 1")

    def test_interrupt_key(self):
        self.ends(lambda c: c.keys("C-c"), 3, "ended by signal 2")

    def test_fatal_signal_from_outside(self):
        self.ends(lambda c: os.kill(c.pid_of("kit-probe"), signal.SIGBUS), 135, "ended by SIGBUS")

    def test_without_a_terminal(self):
        done = subprocess.run([PROBE], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("the console needs a terminal", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_terminal_that_cannot_move_its_cursor(self):
        for kind in ("dumb", "no-such-terminal"):
            with Console(env={"TERM": kind}) as c:
                c.start(probe(), "rc=2")
                c.wait_for("Set TERM to what your terminal is")
                c.assert_restored()


class JobControl(unittest.TestCase):
    def stops(self, stop):
        with Console() as c:
            c.start(probe(), READY)
            pid = c.pid_of("kit-probe")
            stop(c, pid)
            c.wait_for("Stopped")
            c.wait_value("alternate_on", "0")
            c.wait_value("mouse_any_flag", "0")
            c.wait_value("cursor_flag", "1")
            c.resize(100, 30)
            c.type("fg")
            c.keys("Enter")
            c.wait_for("100x30")
            c.wait_value("alternate_on", "1")
            c.wait_value("mouse_any_flag", "1")
            c.keys("j")
            c.wait_for("key j")
            c.keys("Q")
            c.wait_for("quit")
            c.wait_value("alternate_on", "0")

    def test_ctrl_z(self):
        self.stops(lambda c, pid: c.keys("C-z"))

    def test_stop_signal_from_outside(self):
        self.stops(lambda c, pid: os.kill(pid, signal.SIGTSTP))

    def test_twice(self):
        with Console() as c:
            c.start(probe(), READY)
            for _ in range(2):
                c.keys("C-z")
                c.wait_for("Stopped")
                c.type("clear; fg")
                c.keys("Enter")
                c.wait_for(READY)
            c.keys("Q")
            c.wait_for("quit")


class Stream(unittest.TestCase):
    """What goes over the wire."""

    def test_hostile_rows_do_nothing(self):
        with Console(cols=80, rows=30) as c:
            c.record()
            screen = c.start(probe(), READY)
            c.keys("End")
            c.wait_for("key end")
            raw = c.raw()[c.raw().index(b"\x1b[?1049h"):]
            for bad in (b"\x1b[2J\x1b[1;1H", "\u202e".encode(), b"\xff\xfe", b"\x9b31m"):
                self.assertNotIn(bad, raw)
            self.assertNotIn(b"\t", raw.replace(b"\x1b\t", b""))
            self.assertIn("\\u{202E} override", screen)
            self.assertIn("esc ^[[2J^[[1;1H", screen)
            # Whatever stands in the first column, the last one begins in the same cell.
            columns = {self.cells_before(line, "|END") for line in screen.splitlines()
                       if "|END" in line}
            self.assertEqual(len(columns), 1, screen)

    @staticmethod
    def cells_before(line, text):
        cells = 0
        for ch in line[:line.index(text)]:
            cells += 2 if ord(ch) > 0x1100 and (ch in "世界" or ord(ch) > 0x1F000) else \
                0 if 0x300 <= ord(ch) < 0x370 else 1
        return cells

    def test_no_color_means_no_colours(self):
        with Console(env={"NO_COLOR": "1", "TERM": "xterm-256color"}) as c:
            c.record()
            c.start(probe("--theme", "dark"), READY)
            c.keys("j", "Space", "C-l")
            c.wait_for("key ctrl-l")
            c.keys("Q")
            c.wait_for("rc=0")
            raw = c.raw()
            self.assertIn(b"\x1b[?1049h", raw)
            self.assertEqual(colour_sequences(raw), [])

    def test_colours_otherwise(self):
        with Console(env={"TERM": "xterm-256color"}) as c:
            c.record()
            c.start(probe("--theme", "dark"), READY)
            self.assertTrue(any(b"38;5;" in s for s in colour_sequences(c.raw())))

    def test_sixteen_and_eight_colours(self):
        for kind in ("xterm-16color", "xterm"):
            if not os.path.exists(f"/usr/share/terminfo/x/{kind}") and \
                    not os.path.exists(f"/lib/terminfo/x/{kind}"):
                continue
            with Console(env={"TERM": kind}) as c:
                c.record()
                c.start(probe("--theme", "dark"), READY)
                found = colour_sequences(c.raw())
                self.assertTrue(found)
                self.assertFalse(any(b"38;5;" in s for s in found))

    def test_true_colour_where_the_terminal_has_it(self):
        source = r"""
xterm-direct|direct colours,
    use=xterm-256color, RGB, ccc@, initc@, oc@, colors#0x1000000, pairs#0x7FFF,
    setaf=\E[%?%p1%{8}%<%t3%p1%d%e38\:2\:\:%p1%{65536}%/%d\:%p1%{256}%/%{255}%&%d\:%p1%{255}%&%d%;m,
    setab=\E[%?%p1%{8}%<%t4%p1%d%e48\:2\:\:%p1%{65536}%/%d\:%p1%{256}%/%{255}%&%d\:%p1%{255}%&%d%;m,
"""
        with tempfile.TemporaryDirectory() as d:
            subprocess.run(["tic", "-x", "-o", d, "-"], input=source, text=True, check=True)
            env = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TERMINFO_DIRS": f"{d}:"}
            with Console(env=env) as c:
                c.record()
                c.start(probe("--theme", "dark"), READY)
                # ok = #7ec87e, as it stands in the theme.
                self.assertIn(b"38:2::126:200:126", c.raw())
                c.keys("Q")
                c.wait_for("rc=0")
                c.assert_restored()

    def test_c_locale_is_ascii(self):
        with Console(locale="C") as c:
            screen = c.start(probe(), READY)
            c.keys("End")
            screen += c.wait_for("key end")
            self.assertTrue(screen.isascii(), screen)

    def test_ascii_can_be_forced(self):
        with Console() as c:
            screen = c.start(probe("--ascii"), READY)
            self.assertTrue(screen.isascii(), screen)

    def test_plain_shows_the_cursor_on_the_selected_row(self):
        with Console() as c:
            c.start(probe("--plain"), READY)
            self.assertEqual(c.get("cursor_flag"), "1")
            row = int(c.get("cursor_y"))
            c.keys("j")
            c.wait_for("key j")
            self.assertEqual(int(c.get("cursor_y")), row + 1)

    def test_idle_writes_nothing_and_costs_nothing(self):
        with Console() as c:
            c.record()
            c.start(probe("--rows", "500"), READY)
            pid = c.pid_of("kit-probe")
            c.wait_for("80x24")
            before, cpu = len(c.raw()), self.cpu_ticks(pid)
            time.sleep(3)  # the time itself is what is measured
            self.assertEqual(len(c.raw()), before)
            self.assertLessEqual(self.cpu_ticks(pid) - cpu, 3)

    @staticmethod
    def cpu_ticks(pid):
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def test_a_cursor_move_is_small(self):
        with Console() as c:
            c.record()
            c.start(probe("--theme", "dark"), READY)
            c.keys("j")  # "last key j" and the sticky selection are on the screen after the first
            c.wait_for("key j")
            for n in range(2, 8):
                before = len(c.raw())
                c.keys("j")
                c.wait_value("cursor_y", str(2 + n))
                sent = len(c.raw()) - before
                self.assertLessEqual(sent, 400)
                self.assertGreater(sent, 0)


class Input(unittest.TestCase):
    def test_pasted_text_runs_nothing(self):
        with Console() as c:
            c.start(probe(), READY)
            c.paste("Q\nX\n:quit\n")
            c.wait_for("pasted text was dropped")
            c.keys(":")
            c.wait_for("\n:")
            c.paste("two\nlines\n")
            c.wait_for(":two lines")
            self.assertNotIn("accepted", c.screen())
            c.keys("Enter")
            c.wait_for("accepted two lines")

    def test_mouse(self):
        with Console() as c:
            c.start(probe(), READY)
            c.bytes(b"\x1b[<0;10;6M\x1b[<0;10;6m")
            c.wait_for("mouse 5,9")
            self.assertRegex(c.screen(), r"▸ 👩 family")
            c.bytes(b"\x1b[<65;10;6M")
            c.wait_for("▸ \\u{202E}")
            # A report that arrives in two pieces is still one.
            c.bytes(b"\x1b[<0;10")
            c.bytes(b";4M")
            c.wait_for("▸ 世界")

    def test_the_mouse_can_be_left_alone(self):
        with Console() as c:
            c.start(probe("--no-mouse"), READY)
            self.assertEqual(c.get("mouse_any_flag"), "0")

    def test_unknown_sequences_press_nothing(self):
        with Console() as c:
            c.start(probe(), READY)
            c.bytes(b"\x1b[5;9Q")
            c.bytes(b"\x1b]52;c;UQ==\x07")
            c.bytes(b"\x1bPQ\x1b\\")
            c.keys("j")
            c.wait_for("key j")

    def test_copy_reaches_the_clipboard(self):
        with Console() as c:
            c.start(probe(), READY)
            c.keys("j", "j", "y")
            c.wait_for("sent row-2")
            end = time.monotonic() + 10
            while "row-2" not in (c.tmux("list-buffers") and c.tmux("show-buffer")):
                self.assertLess(time.monotonic(), end)

    def test_special_keys(self):
        with Console() as c:
            c.start(probe(), READY)
            for key, name in (("Up", "up"), ("Home", "home"), ("F5", "f5"), ("BTab", "shift-tab"),
                              ("C-Right", "ctrl-right"), ("PageDown", "pgdn"), ("Escape", "esc"),
                              ("BSpace", "backspace"), ("C-s", "ctrl-s"), ("DC", "delete")):
                c.keys(key)
                c.wait_for(f"last key {name}\n")


class Size(unittest.TestCase):
    def test_small_says_so_and_recovers(self):
        with Console() as c:
            c.start(probe(), READY)
            c.resize(30, 6)
            c.wait_for("30x6 is too small")
            c.resize(40, 10)
            c.wait_for("40x10")
            c.resize(200, 50)
            c.wait_for("200x50")

    def test_a_storm_of_resizes(self):
        with Console() as c:
            c.start(probe(), READY)
            for i in range(40):
                c.resize(*((200, 50), (20, 5), (80, 24), (1, 1))[i % 4])
                if i % 5 == 0:
                    c.keys("j")
            c.resize(80, 24)
            c.wait_for("80x24")
            c.keys("Q")
            c.wait_for("quit")


if __name__ == "__main__":
    unittest.main(verbosity=2)
