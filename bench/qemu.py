# SPDX-License-Identifier: BSD-2-Clause
"""One run of QEMU with the counting plugin: its log, read while it is written, becomes figures at marks.

The counting plugin's lines and QEMU's own trace events come through the same log in the order in
which the guest caused them, so a cut at a mark cuts both. The log goes through a FIFO: firmware
makes millions of lines, of which only sums are kept.
"""

import collections
import os
import re
import select
import subprocess
import tempfile
import time

QEMU = "qemu-system-x86_64"
DISK_REGION = "virtio-pci-{}-virtio-blk"
QUEUE_EVENTS = ("virtqueue_pop", "virtqueue_fill", "virtio_blk_handle_read", "virtio_blk_handle_write")
ACCESS_EVENTS = ("memory_region_ops_read", "memory_region_ops_write")
DISK_COMMON = DISK_REGION.format("common").encode()
RESET = b"014 value 0x0 size 1 "  # device_status, at 0x14 of a page (VIRTIO 1.x, 4.1.4.3)
RELEASED = "released"
BENCH_LINE = re.compile(rb"bench: (\S+) (\S+) insns=(\d+) rounds=(\d+) waits=(\d+)")
COUNTS = ("insns", "rounds", "waits")
ELEMENT = re.compile(rb"elem (0x[0-9a-f]+) ")
SECTORS = re.compile(rb"nsectors (\d+)")


class BenchError(Exception):
    """A measurement that could not be made; the message is for the person who asked for it."""


class NotComplete(BenchError):
    """The host had not completed a request when the guest went on."""


class Sums(dict):
    """What has been counted up to a mark, by name; the difference of two is what lies between."""

    def __sub__(self, other):
        return Sums({k: v - other.get(k, 0) for k, v in self.items()})

    def __missing__(self, key):
        return 0


def _find(pattern, line):
    found = pattern.search(line)
    if not found:
        raise BenchError(f"cannot understand QEMU's trace line {line!r}")
    return found[1]


class Log:
    """Adds up log lines and remembers the sums at each mark (the first time that it is seen).

    The log itself makes one mark: RELEASED, when the disk is reset after the mark `owner`.
    """

    def __init__(self, owner):
        self.owner = owner
        self.counts = collections.Counter()
        self.regions = collections.Counter()
        self.in_flight = set()
        self.marks = {}

    def line(self, line):
        """Takes one line in; gives the name of the mark that it makes, if it makes one."""
        if line.startswith(b"memory_region_ops_"):
            name = line[line.rfind(b" name '") + 7 : line.rfind(b"'")]
            written = line[18:19] == b"w"
            self.regions[name, written] += 1
            if written and name == DISK_COMMON and RESET in line and self.owner in self.marks:
                return self._mark(RELEASED, {})
        elif line.startswith(b"virtqueue_"):
            self._request(line)
        elif line.startswith(b"virtio_blk_handle_read"):
            self.counts["disk_bytes"] += int(_find(SECTORS, line)) * 512
        elif line.startswith(b"virtio_blk_handle_write"):
            self.counts["disk_writes"] += 1
        elif line.startswith(b"bench: "):
            return self._bench(line)
        return None

    def _request(self, line):
        """The disk is the only virtio device, so each element is a request of it, whatever its kind."""
        element = _find(ELEMENT, line)
        if line.startswith(b"virtqueue_pop"):
            self.in_flight.add(element)
            self.counts["requests"] += 1
        else:
            self.in_flight.discard(element)

    def _bench(self, line):
        found = BENCH_LINE.match(line)
        if not found:
            raise BenchError(f"cannot understand the plugin's line {line!r}")
        kind, name, *counts = found.groups()
        if kind == b"resumed":
            if self.in_flight:
                raise NotComplete("a request was not complete when the guest went on")
            return None
        key = name.decode() if kind == b"mark" else int(name)
        return self._mark(key, dict(zip(COUNTS, map(int, counts))))

    def _mark(self, key, instructions):
        if key not in self.marks:
            self.marks[key] = self._sums(instructions)
        return key

    def _sums(self, instructions):
        sums = Sums(self.counts, **instructions)
        for (name, written), n in self.regions.items():
            sums["accesses"] += n
            text = name.decode(errors="replace")
            if text.startswith("virtio-pci"):
                sums["virtio_accesses"] += n
            for what in ("isr", "notify", "common", "device"):
                if text == DISK_REGION.format(what):
                    sums[f"disk_{what}_{'writes' if written else 'reads'}"] += n
                    sums["disk_accesses"] += n
        return sums


def _plugin_argument(plugin, marks, stop_us):
    words = [f"file={plugin}", f"stop={stop_us}"]
    words += [f"mark={name}:{code.hex()}" for name, code in marks.items()]
    return ",".join(words)


def _read_log(fifo, log, until, deadline, process):
    """Reads until one of the marks in `until` came, QEMU ended, or time is up."""
    rest = b""
    while True:
        if not select.select([fifo], [], [], 0.5)[0]:
            if process.poll() is not None:
                return f"QEMU ended with status {process.returncode}"
            if time.monotonic() > deadline:
                return "time is up"
            continue
        data = os.read(fifo, 1 << 18)
        if not data:
            return f"QEMU ended with status {process.wait()}"
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if log.line(line) in until:
                return None
        if time.monotonic() > deadline:
            return "time is up"


def _once(plugin, machine, marks, until, owner, traced, stop_us, timeout):
    with tempfile.TemporaryDirectory(prefix="slate-bench-") as folder:
        fifo_path = os.path.join(folder, "log")
        events = os.path.join(folder, "events")
        output = os.path.join(folder, "output")
        os.mkfifo(fifo_path)
        with open(events, "w", encoding="ascii") as f:
            f.write("\n".join(QUEUE_EVENTS + (ACCESS_EVENTS if traced else ())) + "\n")
        command = [
            QEMU, *machine,
            "-plugin", _plugin_argument(plugin, marks, stop_us),
            "-d", "plugin", "-trace", f"events={events}", "-D", fifo_path,
        ]  # fmt: skip
        fifo = os.open(fifo_path, os.O_RDONLY | os.O_NONBLOCK)
        with open(output, "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            log = Log(owner)
            deadline = time.monotonic() + timeout
            problem = _read_log(fifo, log, until, deadline, process)
        finally:
            process.kill()
            process.wait()
            os.close(fifo)
        if problem:
            with open(output, "rb") as f:
                said = f.read().decode(errors="replace")[-2000:].strip()
            raise BenchError(
                f"{problem} before any of {sorted(map(str, until))} was reached; marks seen: "
                f"{list(log.marks)}; QEMU and the console said: {said or 'nothing'}"
            )
        return log.marks


def run(plugin, machine, *, marks, until, owner, traced, stop_us, timeout):
    """Runs QEMU until one of the marks `until` and gives {mark: Sums at that mark}.

    `machine` is QEMU's arguments, `marks` maps a name to the code bytes that make the mark. Device accesses are only
    counted when `traced`; then RELEASED is a mark too, once `owner` was. When the host was too slow for a request to be
    complete at the guest's first look, the run is made again with longer stops.
    """
    while True:
        try:
            return _once(plugin, machine, marks, set(until), owner, traced, stop_us, timeout)
        except NotComplete as e:
            stop_us *= 4
            if stop_us > 200_000:
                raise BenchError(f"{e}, even after {stop_us // 4} microseconds") from e
