"""What the bench programs share: building, mounting, machine facts, tables, cleaning up."""

import contextlib
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
median = statistics.median


def say(text):
    print(text, file=sys.stderr, flush=True)


def fail(text):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {text}")


def run(*command, **options):
    """Run a command, give its output; a failure ends the bench with what it said."""
    done = subprocess.run([str(part) for part in command], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr or done.stdout}")
    return done.stdout


def build(folder):
    """The folder of the build to measure; builds the release preset when none was named."""
    if folder:
        folder = pathlib.Path(folder).resolve()
        if not (folder / "bench").is_dir():
            fail(f"{folder} is not a build of the project")
        return folder
    say("building the release preset")
    run("cmake", "--preset", "release", cwd=ROOT)
    run("cmake", "--build", "--preset", "release", cwd=ROOT)
    return ROOT / "build" / "release"


@contextlib.contextmanager
def work_folder(prefix):
    """A scratch folder in build/ of the checkout, removed at the end whatever happens."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    (ROOT / "build").mkdir(exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=ROOT / "build"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Daemon:
    """A file system daemon that runs in the foreground as our child."""

    def __init__(self, name, command, mountpoint, log):
        self.name, self.mountpoint = name, pathlib.Path(mountpoint)
        self.mountpoint.mkdir(parents=True, exist_ok=True)
        outside = os.stat(self.mountpoint).st_dev
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log)
        try:
            self.wait_mounted(outside, log)
        except BaseException:
            self.stop()
            raise
        self.mount_seconds = time.monotonic() - self.started

    def wait_mounted(self, outside, log):
        while os.stat(self.mountpoint).st_dev == outside:
            if self.process.poll() is not None:
                fail(f"{self.name} did not mount: {pathlib.Path(log.name).read_text().strip()}")
            time.sleep(0.002)

    def cpu_ns(self):
        """CPU time of the whole process, ended threads included."""
        return time.clock_gettime_ns(~self.process.pid << 3 | 2)

    def settle(self, limit=20.0):
        """Wait until the daemon does nothing, so that earlier work is not counted."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            before = self.cpu_ns()
            time.sleep(0.02)
            if self.cpu_ns() - before < 300_000:
                return

    def memory(self):
        """Resident memory in MiB: all, anonymous, and proportional (PSS)."""
        fields = {}
        for path in ("status", "smaps_rollup"):
            for line in pathlib.Path(f"/proc/{self.process.pid}/{path}").read_text().splitlines():
                name, _, value = line.partition(":")
                if value.strip().endswith("kB"):
                    fields[name] = int(value.split()[0]) / 1024
        return fields["VmRSS"], fields["RssAnon"], fields["Pss"]

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        unmount(self.mountpoint)


def unmount(folder):
    for _ in range(10):
        if not os.path.ismount(folder) and not _dead(folder):
            return
        subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)


def _dead(folder):
    try:
        os.stat(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def storefs(binary, store, mountpoint, log, *options):
    return Daemon("storefs", [binary, "mount", "-f", *options, store, mountpoint], mountpoint, log)


def file_system(folder):
    return run("stat", "-f", "-c", "%T", folder).strip().replace("ext2/ext3", "ext4")


def drop_caches():
    """Make the kernel forget names and attributes, of every file system; cached data stays."""
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2\n")


def command_line():
    return " ".join([str(pathlib.Path(sys.argv[0]).resolve().relative_to(ROOT)), *sys.argv[1:]])


def version(package):
    done = subprocess.run(["pkg-config", "--modversion", package], text=True, capture_output=True,
                          check=False)
    return done.stdout.strip() or "unknown"


def machine(disk):
    """One line for each fact that the numbers depend on."""
    cpu = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return [f"kernel {platform.release()}, {os.cpu_count()} processors "
            f"({cpu[0].split(':')[1].strip() if cpu else platform.machine()}), {memory} GiB",
            f"libfuse {version('fuse3')}, RocksDB {version('rocksdb')}, yyjson {version('yyjson')}",
            f"{disk}; load when started {os.getloadavg()[0]:.1f}"]


def table(header, rows, markdown):
    """Print a table; columns of text to the left, of numbers to the right."""
    columns = list(zip(*[[str(cell) for cell in row] for row in [header, *rows]]))
    left = [any(cell[:1].isalpha() for cell in column[1:]) for column in columns]
    width = [max(map(len, column)) for column in columns]
    lines = [[c.ljust(w) if l else c.rjust(w) for c, w, l in zip(row, width, left)]
             for row in zip(*columns)]
    if markdown:
        lines.insert(1, ["-" * w if l else "-" * (w - 1) + ":" for w, l in zip(width, left)])
        print("\n".join("| " + " | ".join(line) + " |" for line in lines))
    else:
        lines.insert(1, ["-" * w for w in width])
        print("\n".join("  ".join(line).rstrip() for line in lines))


def digits(value):
    """Three significant digits at most, never an exponent."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
