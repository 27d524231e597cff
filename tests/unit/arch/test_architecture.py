"""The house rules that a compiler does not know, checked from the sources themselves: includes point
down, a third-party library has one door, the sandbox shares no rules with what it judges, a file is
one idea. A rule that is broken names the file and the line.
"""
import collections
import os
import re
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# Which rooms a room may include, beside itself.
ROOMS = {
    "backend/core": [],
    "backend/config": ["backend/core"],
    "backend/model": ["backend/core"],
    "backend/net": ["backend/core"],
    "backend/google": ["backend/net", "backend/model", "backend/config", "backend/core"],
    "backend/store": ["backend/model", "backend/core"],
    "backend/score": ["backend/model", "backend/core"],
    "backend/destination": ["backend/google", "backend/model", "backend/config", "backend/core"],
    "backend/sources": ["backend/google", "backend/model", "backend/config", "backend/core"],
    "backend/events": ["backend/google", "backend/score", "backend/model", "backend/config", "backend/core"],
    "backend/engine": ["backend/sources", "backend/destination", "backend/events", "backend/score", "backend/store",
                       "backend/google", "backend/model", "backend/config", "backend/core"],
    "backend/sandbox": ["backend/core"],
    "views/kit": ["backend/core"],
    "views": ["views/kit", "backend/engine", "backend/score", "backend/model", "backend/core"],
    "app": ["views", "views/kit", "backend/engine", "backend/sources", "backend/destination", "backend/events",
            "backend/score", "backend/store", "backend/google", "backend/net", "backend/model", "backend/config",
            "backend/core"],
    "app/sandbox": ["backend/sandbox", "backend/core"],
}

# All that views know of the engine: what it shows, what they ask, what they order.
ENGINE_FOR_VIEWS = ["backend/engine/snapshot.h", "backend/engine/page.h", "backend/engine/command.h"]

# Third-party headers: the only rooms, or files, that may include them.
DOORS = {
    r"(n?curses(w/.*)?|term|panel|menu|form)\.h": ["views/kit"],
    r"curl/.*": ["backend/net"],
    r"libpq-fe\.h": ["backend/sources/postgres_connect.h"],
    r"(mysql|mariadb)/.*|mysql\.h": ["backend/sources/mysql_connect.h"],
    r"(mongoc|bson)/.*": ["backend/sources/mongodb_connect.h"],
    r"yaml\.h": ["backend/config"],
    r"sqlite3\.h": ["backend/store", "backend/sandbox"],
    r"microhttpd\.h": ["backend/sandbox", "app/metrics.c"],
    r"jansson\.h": ["backend/google", "backend/store", "backend/destination", "backend/engine", "app", "backend/sandbox"],
    r"openssl/.*": ["backend/google", "backend/store", "backend/sandbox"],
    r"zlib\.h": ["backend/destination", "backend/sandbox"],
    r"isa-l(/.*|\.h)": ["backend/destination"],
    r"gmp\.h": ["backend/sandbox"],
    r"pcre2\.h": ["backend/sandbox"],
    r"utf8proc\.h": ["backend/core", "backend/sandbox"],
    r"xxhash\.h": ["backend/core", "backend/config", "backend/model", "backend/score", "backend/destination",
                   "backend/events", "backend/engine", "app"],
}
SYSTEM = re.compile(
    r"(assert|ctype|dirent|endian|errno|fcntl|float|fnmatch|ftw|getopt|grp|inttypes|langinfo|libgen|limits|locale|math"
    r"|netdb|poll|pthread|pwd|regex|sched|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio"
    r"|stdlib|string|strings|termios|time|unistd|wchar|wctype|(sys|netinet|arpa|linux|net)/\w+|emmintrin|arm_neon)\.h")

FORBIDDEN_CALLS = re.compile(r"\b(strcpy|strcat|v?sprintf|ato[ifl]|strtok|gets|sleep|usleep|nanosleep)\s*\(")

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "CONTRIBUTING.md", "LICENSE", "README.md", "app", "backend", "dev",
             "man", "tests", "themes", "views"}

MAX_LINES = 700
# Files that may be longer, and why.
LONG = {
    "tests/unit/config/test_config.c": "every kind of mistake in a configuration with the message it gets",
}


def tracked():
    """The files of the project: what git knows where it is there, else what lies around."""
    done = subprocess.run(["git", "-C", SOURCE, "ls-files", "--cached", "--others", "--exclude-standard"],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return [p for p in done.stdout.splitlines() if os.path.exists(os.path.join(SOURCE, p))]
    found = []
    for root, dirs, files in os.walk(SOURCE):
        dirs[:] = [d for d in dirs if not d.startswith((".git", "build", "__pycache__"))]
        found += [os.path.relpath(os.path.join(root, f), SOURCE) for f in files]
    return found


FILES = tracked()
TEXTS = {p: open(os.path.join(SOURCE, p), encoding="utf-8", errors="replace").read()
         for p in FILES if p.endswith((".c", ".h", ".def", ".py", ".txt", ".sh")) or p == "dev"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
Include = collections.namedtuple("Include", "file line quoted target")


def includes():
    for path, text in TEXTS.items():
        if path.endswith((".c", ".h")):
            for m in INCLUDE.finditer(text):
                yield Include(path, text.count("\n", 0, m.start()) + 1, m[1] == '"', m[2])


def say(i, what):
    return "%s:%d: %s" % (i.file, i.line, what)


def room(path):
    return os.path.dirname(path)


def is_test(path):
    return path.startswith("tests/")


def check_every_folder_is_a_room():
    for path in TEXTS:
        if path.endswith((".c", ".h", ".def")) and not is_test(path) and room(path) not in ROOMS:
            yield "%s: %s is not a room of the architecture" % (path, room(path))


def check_includes_point_down():
    for i in includes():
        if not i.quoted or is_test(i.file):
            continue
        if i.target not in TEXTS:
            yield say(i, '"%s" does not exist (includes are named from the top)' % i.target)
        elif room(i.target) != room(i.file) and room(i.target) not in ROOMS.get(room(i.file), []):
            yield say(i, "%s may not include %s" % (room(i.file), i.target))


def check_views_know_only_the_engines_face():
    for i in includes():
        if i.file.startswith("views/") and i.target.startswith("backend/engine/") and i.target not in ENGINE_FOR_VIEWS:
            yield say(i, "views include of the engine only " + ", ".join(ENGINE_FOR_VIEWS))


def check_nothing_includes_the_sandbox():
    for i in includes():
        if i.target.startswith("backend/sandbox/") and not re.match(
                r"(backend|app|tests/unit|tests/integration)/sandbox/|tests/fuzz/", i.file):
            yield say(i, "the sandbox is a program of its own")
    if re.search(r"bw_sandbox", "".join(t for p, t in TEXTS.items() if p == "app/CMakeLists.txt").replace(
            "target_link_libraries(bridgewatch-sandbox PRIVATE bw_sandbox)", "")):
        yield "app/CMakeLists.txt: bw_sandbox is linked into bridgewatch-sandbox and nothing else"


def check_third_party_headers_have_doors():
    for i in includes():
        if i.quoted or is_test(i.file) or SYSTEM.fullmatch(i.target):
            continue
        doors = [d for pattern, d in DOORS.items() if re.fullmatch(pattern, i.target)]
        if not doors:
            yield say(i, "<%s> has no door: see DOORS" % i.target)
        elif room(i.file) not in doors[0] and i.file not in doors[0]:
            yield say(i, "<%s> belongs to %s" % (i.target, ", ".join(doors[0])))


def check_a_file_is_one_idea():
    for path, text in TEXTS.items():
        if text.count("\n") > MAX_LINES and path not in LONG:
            yield "%s: %d lines; no file has more than %d without a reason" % (path, text.count("\n"), MAX_LINES)
    for path in LONG:
        if TEXTS.get(path, "").count("\n") <= MAX_LINES:
            yield "%s: is listed as long and is not" % path


def check_headers_are_guarded_and_explained():
    for path, text in TEXTS.items():
        if not path.endswith(".h") or is_test(path):
            continue
        if not text.startswith("/*"):
            yield "%s:1: a header begins with its purpose" % path
        if not re.search(r"^#ifndef ((BW|BQ)_\w+)\n#define \1\n", text, re.M):
            yield "%s: no include guard" % path


def check_calls_that_are_banned():
    for path, text in TEXTS.items():
        if not path.endswith((".c", ".h")):
            continue
        code = re.sub(r'/\*.*?\*/|"(\\.|[^"\\\n])*"', lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
        for m in FORBIDDEN_CALLS.finditer(code):
            yield "%s:%d: %s() is banned" % (path, code.count("\n", 0, m.start()) + 1, m[1])


def check_nothing_is_left_to_do():
    for path, text in TEXTS.items():
        if path == os.path.relpath(os.path.abspath(__file__), SOURCE):
            continue
        for m in re.finditer(r"\b(TODO|FIXME|HACK)\b", text):
            yield "%s:%d: %s" % (path, text.count("\n", 0, m.start()) + 1, m[1])


def check_the_top_level():
    for top in {p.split("/")[0] for p in FILES}:
        if top not in TOP_LEVEL and not top.startswith("."):
            yield "%s: does not belong to the top level" % top


def main():
    failed = 0
    for name, check in sorted(globals().items()):
        if name.startswith("check_"):
            wrong = list(check())
            failed += len(wrong)
            print("%s  %s" % ("FAIL" if wrong else "ok  ", name[6:].replace("_", " ")))
            for line in wrong:
                print("      " + line)
    count = sum(1 for _ in includes())
    assert count > 500, "only %d includes were found: the test looks in the wrong place" % count
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
