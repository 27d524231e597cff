#!/usr/bin/env python3
"""What the README promises to somebody who has just cloned the sources: a new user with sudo, who
exists only for this test, builds and sees the demo; and plain cmake builds everything too."""
# ctest: timeout 1500
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

from harness import SOURCE, TempDir, run_tests


def privileged(argv):
    """As root, where that can be had without a password."""
    if os.geteuid() != 0:
        argv = ["sudo", "-n"] + argv
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)


class Newcomer:
    """A user of this machine with a home, a fresh clone in it and sudo without a password. Somebody
    who cannot make users is the newcomer himself."""

    def __init__(self):
        self.made = privileged(["true"]).returncode == 0
        if not self.made:
            self.user, self.home = pwd.getpwuid(os.geteuid()), TempDir().path
        else:
            name = "bwt-" + os.urandom(4).hex()
            self.must("useradd", "--create-home", "--base-dir", tempfile.gettempdir(), "--shell", "/bin/bash", name)
            self.user = pwd.getpwnam(name)
            self.home = self.user.pw_dir
            self.rule = "/etc/sudoers.d/" + name
            self.must("sh", "-c", 'umask 337 && printf "%s\\n" "$0" > "$1"', name + " ALL=(ALL) NOPASSWD: ALL", self.rule)
        self.clone = os.path.join(self.home, "bridgewatch")
        self.take_sources()

    @staticmethod
    def must(*argv):
        done = privileged(list(argv))
        assert done.returncode == 0, (argv, done.stderr)

    def take_sources(self):
        """What is committed, as a clone would have it; of an unpacked archive, the archive."""
        temp = TempDir()
        copy = temp.file("bridgewatch")
        if os.path.exists(os.path.join(SOURCE, ".git")):
            # Whoever owns the sources, they are ours to read.
            temp.file(".gitconfig", "[safe]\n\tdirectory = *\n")
            env = dict(os.environ, HOME=temp.path)
            subprocess.run(["git", "clone", "-q", "--no-hardlinks", SOURCE, copy], check=True, env=env,
                           stdin=subprocess.DEVNULL)
        else:
            shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("build", "build-*"))
        if self.made:
            self.must("cp", "-r", copy, self.home)
            self.must("chown", "-R", "%s:" % self.user.pw_name, self.clone)
        else:
            shutil.move(copy, self.clone)

    def run(self, command, **env):
        """A command in the clone as this user, with nothing of our environment but the way to find
        programs."""
        env = dict({"HOME": self.home, "USER": self.user.pw_name, "LOGNAME": self.user.pw_name, "LANG": "C.UTF-8",
                    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, **env)
        argv = ["env", "-i"] + ["%s=%s" % item for item in env.items()] + ["sh", "-c", 'cd "$0" && ' + command, self.clone]
        if self.made:
            argv = ["setpriv", "--reuid", str(self.user.pw_uid), "--regid", str(self.user.pw_gid), "--init-groups"] + argv
            done = privileged(argv)
        else:
            done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, "%s ended with %d\n%s\n%s" % (command, done.returncode, done.stdout[-4000:], done.stderr[-4000:])
        return done.stdout

    def remove(self):
        if self.made:
            privileged(["rm", "-f", self.rule])
            privileged(["userdel", "--remove", "--force", self.user.pw_name])


def test_a_new_user_sees_the_demo():
    newcomer = Newcomer()
    try:
        if newcomer.made:
            assert newcomer.run("sudo -n id -u").strip() == "0"
        newcomer.run("./dev build")
        newcomer.run("test -x build/bridgewatch && test -x build/bridgewatch-sandbox")
        out = newcomer.run("./dev demo --headless --for 20s")
        states = re.findall(r"^shop\.\w+ +\S+ +(\w+)", out, re.M)
        assert states == ["fresh"] * 5, out
        assert re.search(r"^engine running, 6 syncs, [1-9]\d* dead letters?$", out, re.M), out
        newcomer.run("./dev install $HOME/installed && $HOME/installed/bin/bridgewatch version")
        newcomer.run("test -s $HOME/installed/share/man/man1/bridgewatch.1")
        newcomer.run("test -s $HOME/installed/share/bridgewatch/themes/dark.theme")
        assert newcomer.run("git status --porcelain || true") == "", "a build leaves files among the sources"
    finally:
        newcomer.remove()


def test_plain_cmake_builds_everything():
    newcomer = Newcomer()
    try:
        newcomer.run("cmake -B build && cmake --build build", CMAKE_BUILD_PARALLEL_LEVEL="2", CMAKE_BUILD_TYPE="Debug")
        newcomer.run("ctest --test-dir build -R 'unit_core|unit_model' --no-tests=error")
        # ./dev goes on with what is there, whoever configured it.
        newcomer.run("./dev build && build/bridgewatch version")
    finally:
        newcomer.remove()


run_tests(sys.modules[__name__])
