#!/usr/bin/env python3
"""Every action of the console, as an operator takes it: a real terminal (tmux), a real PostgreSQL, the
sandbox, the program."""
# ctest: timeout 1200
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from console_shop import Shop, directory, hanging_server  # noqa: E402
from harness import PROGRAM, Bridgewatch, wait_for  # noqa: E402
from tmux_console import Console  # noqa: E402


# ---- every action ---------------------------------------------------------------------------

def test_resync_and_full_resync_with_typed_name():
    with Shop(extra="environment: {label: PROD, colour: red, confirm: type}") as s:
        s.select("shop.stock")
        s.keys("r")
        s.wait_for("shop.stock: 50 rows read, 50 loaded, 0 dead-lettered")
        s.keys("BSpace")
        s.wait_row("shop.stock .*fresh")
        s.postgres.sql("DELETE FROM stock WHERE id > 40")
        s.keys("R")
        screen = s.wait_for("Type shop.stock to resync")
        assert "PROD" in screen and "[ cancel ]" in screen
        s.keys("y", "Enter")
        s.wait_for("that is not what has to be typed")
        s.keys("C-u")
        s.console.type("shop.stock")
        s.keys("Enter")
        s.wait_for("shop.stock: 40 rows read, 40 loaded")
        assert len(s.sandbox.rows("stock")) == 40


def test_pause_and_resume():
    with Shop(syncs=["{source: shop, table: public.stock, schedule: every 1s, mode: replace}"]) as s:
        s.wait_row("shop.stock .*fresh")
        s.keys("p")
        s.wait_for("No further run starts")
        s.keys("Enter")  # the default is to cancel
        s.wait_gone("No further run starts")
        s.keys("p")
        s.wait_for("No further run starts")
        s.keys("y")
        s.wait_row("shop.stock .*paused")
        s.keys("p")
        s.wait_for("it is paused already")
        assert s.bw.json("status")["syncs"][0]["state"] == "paused"
        s.keys("P")
        s.wait_row("shop.stock .*fresh")
        actions = [a for _, a, _ in s.audit()]
        assert "pause" in actions and "resume" in actions, actions


def test_a_failed_sync_that_is_paused_says_both():
    """Or somebody waits for a next run that does not come."""
    with Shop(syncs=["{source: shop, table: public.nothing, schedule: every 1s}"]) as s:
        s.wait_row("shop.nothing .*failed")
        s.keys("p")
        s.wait_for("No further run starts")
        s.keys("y")
        s.wait_for("; paused by")
        s.keys("Enter")
        s.wait_for("failed, paused")
        s.keys("P")
        s.wait_gone("; paused by")


def test_cancel_a_run_that_hangs():
    listener, port = hanging_server()
    with Shop(syncs=["{source: hang, table: public.t, schedule: manual, key: [id]}"],
              sources={"hang": "{type: postgres, host: 127.0.0.1, port: %d, database: x, user: x, tls: disable}" % port}) as s:
        s.keys("r")
        s.wait_row("hang.t .*▶")
        s.keys("x")
        s.wait_for("The run stops")
        s.keys("y")
        s.console.wait(lambda t: "▶" not in t, "the end of the run")
    listener.close()


def test_replay_and_discard():
    with Shop() as s:
        s.resync("shop.orders")
        s.wait_row("shop.orders .* 3$")
        s.keys("d")
        s.wait_for('{"id":7}')
        s.postgres.sql("UPDATE orders SET tags = '{mended}' WHERE id = 7")
        s.keys("Space", "Space")  # 7 and 9
        s.wait_for("2 marked")
        s.keys("r")
        s.wait_for("2 dead letters")
        s.keys("y")
        s.wait_for("1 of 2 replayed, 1 refused: shop.orders")  # says what became of each, not "done"
        s.console.wait(lambda t: '{"id":7}' not in t.split("───")[0], "row 7 to be gone")
        assert ["mended"] in [r["tags"] for r in s.sandbox.rows("orders")]
        s.keys("u")
        s.say("filter 11")
        s.wait_for("1/2")
        s.keys("Enter")
        s.wait_for("<-- does not fit")
        s.keys("X")
        s.wait_for("The audit trail keeps their content")
        s.keys("y")
        s.wait_for("1 dead letter discarded")
        s.wait_for("discarded: an operator gave the row up")
        assert [json.loads(l["key"])["id"] for l in s.bw.letters()] == [9]


def test_filter_sort_marks():
    with Shop() as s:
        for name in ("shop.orders", "shop.customers", "shop.stock"):
            s.resync(name)
        s.keys("/")
        s.console.type("dlq>0")
        s.wait_for("1/3")
        s.keys("Enter")
        s.wait_gone("shop.stock")
        s.escape("/dlq")
        s.wait_for("shop.stock")
        s.say("sort dlq desc")
        screen = s.wait_for("sort dlq ▼")
        names = re.findall(r"shop\.\w+", "\n".join(screen.split("\n")[2:6]))
        assert names[0] == "shop.orders", screen
        s.keys("I")
        s.wait_for("sort dlq ▲")
        s.keys("g", "Space", "Space")
        s.wait_for("2 marked")
        s.keys("r")  # both
        s.wait_for(" rows read")
        s.keys("u")
        s.wait_gone("marked")
        s.keys("/")
        s.console.type("(")
        s.wait_for("nmatched (")
        s.escape("nmatched (")


def test_palette_completes_and_suggests():
    with Shop(cols=100) as s:
        s.keys(":")
        s.console.type("res")
        s.keys("Tab")
        s.wait_for("resync-full")
        s.escape("resync-full")
        if s.last_line().startswith(":"):
            s.keys("Escape")
            wait_for("the command line's end", lambda: not s.last_line().startswith(":"))
        s.say("resink")
        s.wait_for("unknown command resink")
        s.wait_for("resync")
        s.say("sync shop.stock")
        s.wait_for("Syncs › shop.stock")
        s.say("sources")
        s.wait_row("shop .*postgres")
        s.say("log")
        s.wait_for("Log (info and worse)")
        s.say("runs")
        s.wait_for("nothing has run yet")
        s.say("syncs")
        s.wait_for("sort state")


def test_help_names_the_keys():
    with Shop(rows=50, cols=160) as s:
        s.keys("?")
        for text in ("read what changed now", ":resync-full", "not now: nothing is running", "Everywhere"):
            s.wait_for(text)
        s.keys("/")
        s.console.type("freeze")
        s.keys("Enter")
        s.wait_for("hold the display still")


def test_themes_switch_at_once():
    with Shop(env={"COLORTERM": "truecolor"}) as s:
        before = s.console.screen(colours=True)
        s.say("theme light")
        s.console.wait(lambda _: s.console.screen(colours=True) != before, "other colours")
        s.say("theme nosuch")
        s.wait_for("nosuch")
        s.say("themes")
        s.wait_row("light .*in use")
        for name in ("colour-blind-safe", "dark", "high-contrast", "monochrome"):
            s.wait_for(name)


def test_the_program_alone_has_its_themes():
    """Copied to somewhere without any of its other files."""
    with Shop(start=False) as s:
        alone = shutil.copy(PROGRAM, os.path.join(directory.path, "bridgewatch"))
        s.command = lambda: "%s -c %s" % (alone, s.bw.config)
        s.start()
        assert "no theme" not in s.console.screen()
        s.say("themes")
        s.wait_row("dark .*in use")
        for name in ("colour-blind-safe", "high-contrast", "light", "monochrome"):
            s.wait_for(name)
        s.say("theme drak")
        s.wait_for("Did you mean dark?")


def test_what_is_arranged_is_there_at_the_next_start():
    with Shop() as s:
        s.say("sort dlq desc")
        s.wait_for("sort dlq ▼")
        s.say("columns -fresh")
        s.wait_gone("FRESH")
        s.keys("Q")
        s.wait_for("rc=0")
        kept = os.path.join(s.bw.state, "console.layout")
        assert os.stat(kept).st_mode & 0o777 == 0o600
        s.start()
        assert "FRESH" not in s.wait_for("sort dlq ▼")


def test_export_is_private_and_overwrites_nothing():
    with Shop() as s:
        s.resync("shop.orders")
        s.wait_row("shop.orders .* 3$")
        path = os.path.join(directory.path, "out.json")
        s.say("export json " + path)
        s.wait_for("3 rows written")
        assert os.stat(path).st_mode & 0o777 == 0o600
        rows = json.load(open(path))
        assert {r["sync"]: r["dlq"] for r in rows}["shop.orders"] == 3, rows
        s.keys("d")
        s.wait_for('{"id":7}')
        s.say("export json " + path)
        s.wait_for("exists")
        letters = os.path.join(directory.path, "letters.csv")
        s.say("export csv " + letters)
        s.wait_for("3 rows written")
        assert '""tags"": ""{a,NULL}""' in open(letters).read().replace('":"', '": "'), open(letters).read()


def test_freeze_holds_still():
    with Shop(syncs=["{source: shop, table: public.stock, schedule: every 1s, mode: replace}"]) as s:
        s.wait_row("shop.stock .*fresh")
        s.keys("Z")
        s.wait_for("FROZEN at")
        s.keys("j")
        before = s.console.screen()
        runs = len(s.bw.json("status")["syncs"])
        assert runs == 1
        started = s.bw.json("status")["syncs"][0]["last_success_at"]
        wait_for("the engine to go on", lambda: s.bw.json("status")["syncs"][0]["last_success_at"] != started)
        assert s.console.screen() == before
        s.keys("Z")
        s.wait_gone("FROZEN")


def test_read_only_writes_nothing():
    with Shop(options="--read-only") as s:
        s.wait_for("[read-only]")
        before = s.sandbox.call("GET", "/sandbox/requests")
        for key in ("r", "R", "p", "P"):
            s.keys(key)
            s.wait_for("read-only: nothing can be changed")
            s.keys("BSpace")
            s.wait_gone("read-only: nothing can be changed")
        after = s.sandbox.call("GET", "/sandbox/requests")
        assert before == after
        assert not [a for _, a, _ in s.audit() if a in ("pause", "resync")]


def test_resize_storm_and_small_terminals():
    with Shop() as s:
        for i in range(40):
            s.console.resize(*((200, 50), (20, 5), (80, 24), (1, 1))[i % 4])
            if i % 5 == 0:
                s.keys("j")
        s.console.resize(39, 9)
        s.wait_for("39x9 is too small")
        s.console.resize(40, 10)
        s.wait_for("shop.orders")
        s.console.resize(200, 50)
        s.wait_for("WHY")
        s.console.resize(80, 24)
        s.wait_for("FRESH")
        s.keys("Q")
        s.wait_for("rc=0")
        s.console.assert_restored()


def test_mouse_and_its_switch():
    with Shop() as s:
        s.console.wait_value("mouse_any_flag", "1")
        screen = s.console.screen().split("\n")
        row = next(i for i, line in enumerate(screen) if "shop.stock" in line)
        s.console.bytes(b"\x1b[<0;6;%dM" % (row + 1) + b"\x1b[<0;6;%dm" % (row + 1))
        s.wait_row("▸ shop.stock")
        s.say("mouse")
        s.console.wait_value("mouse_any_flag", "0")
    with Shop(options="--no-mouse") as s:
        assert s.console.get("mouse_any_flag") == "0"


def test_copy_goes_to_the_clipboard():
    with Shop() as s:
        s.select("shop.stock")
        s.keys("y")
        s.wait_for("sent to the terminal's clipboard")
        wait_for("the clipboard", lambda: s.console.tmux("show-buffer") == "shop.stock")


def test_paste_outside_a_prompt_does_nothing():
    with Shop() as s:
        s.console.paste("Q:quit\n")
        s.wait_for("pasted text was dropped")
        s.keys(":")
        s.console.paste("runs\n")
        s.wait_for(":runs")  # there, and not submitted
        s.keys("Enter")
        s.wait_for("Syncs › Runs")


def test_keys_from_the_configuration():
    with Shop(extra='ui: {keys: {resync: "F5", quit: "", pause: "R"}}') as s:
        s.wait_for("f5 resync")  # the footer tells the keys in force ...
        s.wait_for("now means")  # ... and messages which actions have lost some
        s.say("messages")
        s.wait_for("f5 now means resync and no longer refresh")
        s.wait_for("R now means pause and no longer resync-full")
        s.say("syncs")
        s.keys("Q")
        s.select("shop.stock")
        s.keys("F5")
        s.wait_for("shop.stock: 50 rows read")
        s.say("quit")
        s.wait_for("rc=0")
    wrong = Bridgewatch(directory, "http://127.0.0.1:9", {"shop": "{type: postgres, host: /nowhere, database: x}"},
                        ["{source: shop, table: public.t}"], name="keys", extra='ui: {keys: {resinc: "F5"}}')
    with Console() as c:
        c.start(" ".join(wrong.argv()), "rc=2")
        assert "Did you mean resync?" in c.screen(), c.screen()
        assert c.get("alternate_on") == "0"


if __name__ == "__main__":
    harness.run_tests(sys.modules[__name__])
