"""What one process takes, for the benchmarks."""
import os
import resource
import subprocess
import time


class Measure:
    """What one process took: wall seconds, CPU seconds, peak KiB."""

    def __init__(self, seconds, usage, peak):
        self.seconds, self.peak = seconds, peak
        self.cpu = usage.ru_utime + usage.ru_stime


def high_water(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return next((int(line.split()[1]) for line in f if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def measured(argv, out, env=None, stdin=subprocess.DEVNULL):
    """Runs it; its measure, after it has ended well."""
    started = time.monotonic()
    process = subprocess.Popen(argv, stdin=stdin, stdout=out, env=env)
    peak, status, usage = 0, None, None
    while status is None:
        peak = max(peak, high_water(process.pid))
        pid, code, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            status, usage = code, used
        else:
            time.sleep(0.01)  # the pace of looking at its memory
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, "%s ended with %d" % (argv[0], process.returncode)
    # The kernel's figure is exact but counts what was ours until exec; ours is what we saw.
    if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
        peak = usage.ru_maxrss
    return Measure(seconds, usage, peak)


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def count(n):
    return format(int(n), ",")
