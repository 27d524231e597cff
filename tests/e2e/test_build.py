#!/usr/bin/env python3
"""The build as a stranger meets it: a library that is missing is named with its package, all at once,
and only the distribution's own packages are looked for."""
import os
import re
import subprocess
import sys

from harness import SOURCE, TempDir, run_tests

PACKAGES = {"libncurses-dev", "libcurl4-openssl-dev", "libjansson-dev", "libpq-dev", "libsqlite3-dev", "libyaml-dev",
            "libssl-dev", "zlib1g-dev", "libmicrohttpd-dev", "libutf8proc-dev", "libxxhash-dev", "libgmp-dev",
            "libisal-dev", "libpcre2-dev", "libcmocka-dev"}


def configure(**env):
    """Configures the sources in a directory of its own, in another environment."""
    done = subprocess.run(["cmake", "-S", SOURCE, "-B", TempDir().path], capture_output=True, text=True,
                          env=dict(os.environ, **env))
    return done.returncode, done.stdout + done.stderr


def test_everything_that_is_missing_is_named_with_its_package():
    nowhere = TempDir().path
    code, said = configure(PKG_CONFIG_LIBDIR=nowhere, PKG_CONFIG_PATH=nowhere)
    assert code != 0 and "missing libraries" in said, said
    named = set(re.findall(r"Debian and Ubuntu: ([\w-]+)\)", said))
    assert named == PACKAGES, named ^ PACKAGES


def test_dev_installs_what_the_build_names():
    with open(os.path.join(SOURCE, "dev"), encoding="utf-8") as f:
        text = f.read()
    listed = set(re.findall(r"[\w.+-]+", " ".join(re.findall(r"^\w+_PACKAGES=\(([^)]*)\)", text, re.M))))
    assert PACKAGES <= listed, PACKAGES - listed


run_tests(sys.modules[__name__])
