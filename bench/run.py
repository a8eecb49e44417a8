#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures Slate beside SeaBIOS and OVMF in exact counts: instructions, requests, kicks, device accesses.

Exit status: 0, or 1 when a target of Slate is missed, or 2 when something could not be measured.
"""

import argparse
import datetime
import json
import os
import sys

import build
import measure
import report
from qemu import QEMU, BenchError

ROOT = os.path.dirname(build.HERE)
FIRMWARE = ("slate", "seabios", "ovmf")
PACKAGES = {
    "slate": ("seabios",),  # runs before it
    "seabios": ("seabios", "syslinux", "syslinux-common"),
    "ovmf": ("ovmf", "systemd-boot-efi", "gnu-efi"),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = os.path.join(ROOT, "build", "x86_64")
    add = parser.add_argument
    add("--json", metavar="FILE", help="write everything that was measured to FILE ('-': standard output)")
    add("--markdown", action="store_true", help="print Markdown tables")
    add("--runs", type=int, default=3, metavar="N", help="make every measurement N times and compare (3)")
    add("--firmware", default=",".join(FIRMWARE), metavar="LIST", help="which ones (slate,seabios,ovmf)")
    add("--slate", default=os.path.join(target, "slate.elf"), metavar="ELF", help="Slate")
    add("--read", default=os.path.join(target, "bench", "read.elf"), metavar="ELF",
        help="Slate with bench/x86_64/read.c as its main program")  # fmt: skip
    add("--demo", default=os.path.join(target, "demo"), metavar="FOLDER",
        help="disk, kernel and initrd; made by tools/demo/make_demo.py if it is not there")  # fmt: skip
    add("--work", default=os.path.join(ROOT, "build", "bench"), metavar="FOLDER",
        help="where disks and programs for the measurements are made")  # fmt: skip
    add("--timeout", type=int, default=300, metavar="SECONDS", help="for each run of QEMU (300)")
    given = parser.parse_args()
    given.firmware = [name for name in given.firmware.split(",") if name]
    unknown = set(given.firmware) - set(FIRMWARE)
    if unknown or not given.firmware:
        parser.error(f"--firmware: expected some of {','.join(FIRMWARE)}, found {','.join(unknown) or 'none'}")
    if given.runs < 1:
        parser.error("--runs: at least 1")
    return given


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Repeated:
    """Makes measurements several times and remembers what was not the same."""

    def __init__(self, runs):
        self.runs = runs
        self.differences = []

    def __call__(self, name, function, *words):
        first = None
        for i in range(self.runs):
            say(f"{name} ({i + 1} of {self.runs})")
            try:
                figures = function(*words)
            except BenchError as e:
                raise BenchError(f"{name}: {e}") from e
            if first is None:
                first = figures
            else:
                self._compare(name, first, figures, i + 1)
        return first

    def _compare(self, name, first, other, run):
        for key in first:
            a, b = first[key], other.get(key)
            if isinstance(a, dict) and isinstance(b, dict):
                self._compare(f"{name}, {key}", a, b, run)
            elif a != b:
                self.differences.append(f"{name}, {key}: {report.number(a)}, in run {run} {report.number(b)}")


def size(path):
    return os.stat(path).st_size


def measurements(given, rig, repeated):
    """The figures of all boots and reads that were asked for."""
    folder = given.work
    kernel, initrd = os.path.join(given.demo, "kernel", "vmlinuz"), os.path.join(given.demo, "initrd")
    marks = measure.kernel_marks(kernel)
    disk, entry = build.boot_disk(folder, os.path.join(given.demo, "disk.img"))
    reading = build.read_disk(folder, build.boot_sector(folder))
    boots, reads, firmware_bytes = {}, {}, {}

    if "slate" in given.firmware:
        firmware_bytes["slate"] = measure.elf_load(given.slate)[1]
        boots["slate"] = repeated("Slate boots", measure.boot_slate, rig, given.slate, disk, marks)
        reads["slate"] = repeated("Slate reads", measure.read_slate, rig, given.read, reading)
    if "seabios" in given.firmware:
        options = " ".join(entry["options"])
        firmware_bytes["seabios"] = size(build.installed(build.SEABIOS))
        boots["linuxboot"] = repeated(
            "SeaBIOS boots by -kernel", measure.boot_linuxboot, rig, kernel, initrd, options, disk, marks
        )
        boots["syslinux"] = repeated("SeaBIOS boots by SYSLINUX", measure.boot_syslinux, rig, disk, marks)
        reads["seabios"] = repeated("SeaBIOS reads", measure.read_seabios, rig, reading)
    if "ovmf" in given.firmware:
        firmware_bytes["ovmf"] = size(build.installed(build.OVMF_CODE)) + size(build.installed(build.OVMF_VARS))
        say("OVMF's first boot, which is not measured")
        variables = measure.settled_variables(rig, disk, marks)
        boots["ovmf"] = repeated("OVMF boots", measure.boot_ovmf, rig, variables, disk, marks)
        application = build.uefi_application(folder)
        reads["ovmf"] = repeated("OVMF reads", measure.read_ovmf, rig, variables, application, reading)
    return {
        "kernel_bytes": size(kernel),
        "initrd_bytes": size(initrd),
        "loaded_bytes": size(kernel) + size(initrd),
        "firmware_bytes": firmware_bytes,
        "boots": boots,
        "reads": reads,
    }


def prepare(given):
    os.makedirs(given.work, exist_ok=True)
    if not os.path.exists(os.path.join(given.demo, "disk.img")):
        say("making the demo disk")
        build.call(sys.executable, os.path.join(ROOT, "tools", "demo", "make_demo.py"), given.demo)
    for path in (given.slate, given.read) if "slate" in given.firmware else ():
        if not os.path.exists(path):
            raise BenchError(f"{path} is missing: `make bench` builds it")


def results(given):
    packages = {p for name in given.firmware for p in PACKAGES[name]} | {"qemu-system-x86"}
    with open(os.path.join(ROOT, "VERSION"), encoding="ascii") as f:
        version = f.read().strip()
    found = {
        "date": datetime.date.today().isoformat(),
        "slate": version,
        "qemu": build.call(QEMU, "--version").splitlines()[0],
        "machine": "q35, TCG, 512 MiB, one CPU, one modern virtio-blk disk",
        "packages": build.versions(sorted(packages)),
        "clock": {"counting_shift": measure.COUNT_SHIFT, "tracing_shift": measure.TRACE_SHIFT},
        "repeats": given.runs,
    }
    repeated = Repeated(given.runs)
    rig = measure.Rig(build.plugin(given.work), given.work, given.timeout)
    found |= measurements(given, rig, repeated)
    found["differences"] = repeated.differences
    found["targets"] = report.targets(found) if "slate" in given.firmware else []
    return found


def main():
    given = arguments()
    try:
        prepare(given)
        found = results(given)
    except (BenchError, OSError) as e:
        say(f"error: {e}")
        return 2
    if given.json != "-":
        print(report.render(found, given.markdown), end="")
    if given.json:
        text = json.dumps(found, indent=2) + "\n"
        if given.json == "-":
            sys.stdout.write(text)
        else:
            with open(given.json, "w", encoding="utf-8") as f:
                f.write(text)
    return 0 if all(check["met"] for check in found["targets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
