# SPDX-License-Identifier: BSD-2-Clause
"""The judges of the other tests can say no: the payload, the trace, the demo; and tools/image writes what it should."""

import shutil

import pytest

import damage
import machine
import make_demo
from image import ESP, LINUX, Disk, MiB, Partition, make_disk, tables
from image.disk import run as run_tool
from qemu_trace import Trace, handoff_faults
from volumes import esp_disk

ENTRY, HANDOFF = (
    f"memory_region_ops_write cpu 0 mr 0x1 addr 0x80 value {mark:#x} size 1 name 'ioport80'" for mark in (0x51, 0x52)
)
BASE = 0xFEBE0000


def write(value, offset=0x14, region="common"):
    access = f"addr {BASE + offset:#x} value {value:#x} size 1 name 'virtio-pci-{region}-virtio-blk'"
    return f"memory_region_ops_write cpu 0 mr 0x2 {access}"


def read(value, offset=0x14, region="common"):
    return write(value, offset, region).replace("_write", "_read")


def master(value):
    return f"pci_cfg_write virtio-blk-pci 00:01.0 @0x4 <- {value:#x}"


LEGACY = "memory_region_ops_read cpu 0 mr 0x3 addr 0xc012 value 0x0 size 1 name 'virtio-pci'"
SEABIOS = [master(0x107), write(0), write(0xF)]
RESET = [write(0), read(0)]
STEPS = [write(status) for status in (1, 3, 0xB, 0xF)]
LIVE = [*STEPS, write(0, 0x3000, "notify")]
GOOD = [*SEABIOS, ENTRY, *RESET, *LIVE, *RESET, master(0x103), HANDOFF]


def without(line, log, last=True):
    """The log without one line: the last such one, or the first."""
    log = list(log)
    if last:
        log.reverse()
    log.remove(line)
    if last:
        log.reverse()
    return log


@pytest.mark.parametrize(
    "log, fault",
    [
        (GOOD, None),
        (without(write(0), without(read(0), GOOD)), "the last status written is 0xf"),
        (without(read(0), GOOD), "0 was not read back"),
        (without(read(0), GOOD, last=False), "a reset was not read back"),
        ([*GOOD[:-4], write(0), read(4), *GOOD[-2:]], "0 was not read back"),
        ([*SEABIOS, ENTRY, *LIVE, *RESET, master(0x103), HANDOFF], "the first status written is 0x1"),
        ([*GOOD[:-1], write(0, 0x3000, "notify"), HANDOFF], "a queue was notified after the last reset"),
        (without(master(0x103), GOOD), "bus mastering is on"),
        ([*GOOD[:-1], read(1, 0x1000, "isr"), HANDOFF], "its ISR was read"),
        (without(write(3), GOOD), "went from 0x1 to 0xb at once"),
        ([*SEABIOS, ENTRY, *RESET, *STEPS[:3], write(4), *RESET, master(0x103), HANDOFF], "lost bits"),
        ([*SEABIOS, ENTRY, *RESET, write(2), *RESET, master(0x103), HANDOFF], "not ACKNOWLEDGE"),
        ([*GOOD[:-1], LEGACY, HANDOFF], "legacy registers"),
        ([*GOOD, read(0)], "touched after the handoff"),
        ([*SEABIOS, ENTRY, HANDOFF], "1 devices, 0 touched"),
        (GOOD[:-1], "marks of entry and handoff"),
        (without(ENTRY, GOOD), "marks of entry and handoff"),
    ],
)
def test_the_trace_judge_sees_each_fault(log, fault):
    trace = Trace()
    for line in log:
        trace.line(line)
    faults = handoff_faults(trace, {"blk": 1})
    assert faults == [] if fault is None else any(fault in found for found in faults), faults


def test_the_trace_judge_counts_devices():
    trace = Trace()
    for line in GOOD:
        trace.line(line)
    assert handoff_faults(trace, {"blk": 2}) == ["virtio-blk: 2 devices, 1 touched"]


@pytest.mark.parametrize("machine_type, kind", [("q35", "elf32"), ("q35", "elf64"), ("pc", "elf64")])
def test_the_payload_refuses_devices_that_are_handed_over_live(folder, payload, run, machine_type, kind):
    """Without Slate, SeaBIOS hands the disk over live."""
    path = folder / "payload.elf"
    path.write_bytes(getattr(payload, kind))
    result = run(esp_disk(folder / "disk", {}), kernel=path, machine=machine_type, append="hello", traced=True)
    assert result.code == machine.PAYLOAD_FAILED, result.explain()
    assert "command line [hello]" in result.payload
    assert [line for line in result.payload if line.startswith("problem: ") and "status is f" in line]
    assert [line for line in result.payload if line.startswith("problem: ") and "bus mastering is on" in line]
    assert handoff_faults(result.trace, {"blk": 1}) == ["marks of entry and handoff: []"]


@pytest.mark.parametrize("spoilt", [False, True])
def test_the_demo_fails_when_its_disk_is_wrong(demo, demo_disk, run, spoilt):
    """Linux without Slate, so that only the demo is judged."""
    kernel, initrd, _ = demo
    if spoilt:
        damage.flip(demo_disk, demo_disk.path.read_bytes().index(make_demo.known_data(4096)) + 100)
    append = "console=ttyS0 rdinit=/init quiet panic=-1 slate.demo=poweroff"
    result = run(demo_disk, kernel=kernel / "vmlinuz", arguments=["-initrd", str(initrd)], append=append, memory=512)
    said = [line for line in result.console.splitlines() if line.startswith(("slate-demo: OK", "slate-demo: FAILED"))]
    assert said == ["slate-demo: FAILED: data/known.bin: FAILED" if spoilt else "slate-demo: OK"], result.explain()


def some_partitions():
    files = {"/a/long name of a file.conf": b"text", "/b": bytes(100_000)}
    return [Partition(ESP, 20 * MiB, fat=16, name="esp", files=files), Partition(LINUX, 3 * MiB, name="data")]


@pytest.mark.parametrize("table, block", [("gpt", 512), ("gpt", 4096), ("mbr", 512)])
def test_images_are_reproducible(folder, table, block):
    def digest(name):
        parts = some_partitions()
        parts[0].size *= block // 512
        return make_disk(folder / name, parts, table=table, block=block).digest()

    assert digest("one") == digest("two")


def test_partition_tables_are_what_sgdisk_writes(folder):
    ours = make_disk(folder / "ours", [Partition(p.kind, p.size, name=p.name) for p in some_partitions()])
    theirs = Disk(folder / "theirs", 512, ours.blocks, [])
    shutil.copyfile(ours.path, theirs.path)
    theirs.write(0, b"\0" * 34 * 512)
    theirs.write((ours.blocks - 33) * 512, b"\0" * 33 * 512)
    words = ["sgdisk", "--disk-guid", tables.guid("disk", 512, ours.blocks)]
    for number, extent in enumerate(ours.extents):
        name = some_partitions()[number].name
        words += ["--new", f"{number + 1}:{extent.first}:{extent.first + extent.count - 1}"]
        words += ["--typecode", f"{number + 1}:{extent.kind.guid}", "--change-name", f"{number + 1}:{name}"]
        words += ["--partition-guid", f"{number + 1}:{tables.guid('partition', number, name)}"]
    run_tool(*words, theirs.path)
    # sgdisk computes an end in cylinders, heads and sectors for the protective MBR; ours says that there is none.
    for disk in (ours, theirs):
        disk.write(446 + 5, b"\0\0\0")
    assert ours.digest() == theirs.digest()
    assert "No problems found" in run_tool("sgdisk", "--verify", ours.path)
