# SPDX-License-Identifier: BSD-2-Clause
"""The measurements: each firmware boots the same kernel from the same disk, and reads in a loop.

Each is made twice over. One run counts instructions; it leaves QEMU's access trace off, because OVMF
polls a timer so often that the log would take minutes. The other reads the trace. What both see,
the requests and bytes of the disk, has to be the same.
"""

import dataclasses
import os
import shutil
import struct

import build
import qemu
from qemu import BenchError

# One instruction lasts 2^shift nanoseconds of guest time. The fewer there are in a second, the fewer are spent on
# waiting; all else but a rare timer interrupt is the same.
COUNT_SHIFT = 2
TRACE_SHIFT = 5

# The markers of x86_64/marker.h: windows by name, as (begin, end, reads in it).
READS = 32
WINDOWS = {"4k": (1, 2), "64k": (3, 4), "request": (5, 6), "many": (7, 8)}
TEST, DONE, FAILED = (9, 10), 11, 12
TEST_SUMS = {"insns": 5, "rounds": 3}  # with -icount, one round more sees that the string has ended


@dataclasses.dataclass
class Rig:
    """What all measurements share."""

    plugin: str
    folder: str
    timeout: int
    stop_us: int = 2000

    def run(self, firmware, disk, marks, until, owner=None):
        """Sums at each mark, from a counting and a tracing run of the same machine."""
        counted = self.start(COUNT_SHIFT, False, firmware, disk, marks, {owner} if owner else until, None)
        traced = self.start(TRACE_SHIFT, True, firmware, disk, marks, until, owner)
        for mark, sums in traced.items():
            if mark not in counted:
                continue
            for what in ("requests", "disk_bytes", "disk_writes"):
                if counted[mark][what] != sums[what]:
                    raise BenchError(
                        f"{what} up to {mark}: {counted[mark][what]} without the trace, {sums[what]} with it"
                    )
            sums.update({k: counted[mark][k] for k in qemu.COUNTS if k in counted[mark]})
        return traced

    def start(self, shift, traced, firmware, disk, marks, until, owner):
        machine = [
            "-machine", "q35,accel=tcg", "-m", "512", "-smp", "1", "-nodefaults", "-no-user-config",
            "-display", "none", "-serial", "stdio", "-no-reboot",
            "-icount", f"shift={shift},sleep=off", "-rtc", "base=2024-01-01,clock=vm", "-seed", "1",
            "-drive", f"if=none,id=disk,format=raw,snapshot=on,cache=unsafe,file={disk}",
            "-device", "virtio-blk-pci,drive=disk,disable-legacy=on,ioeventfd=off",
            *firmware,
        ]  # fmt: skip
        return qemu.run(
            self.plugin, machine, marks=marks, until=until, owner=owner, traced=traced,
            stop_us=self.stop_us, timeout=self.timeout,
        )  # fmt: skip


def kernel_marks(path):
    """The code at a bzImage's entry points (Documentation/arch/x86/boot.rst), by name.

    real: the first instruction in real mode; bytes that boot loaders fill in come after it.
    protected, long: the 32-bit and the 64-bit entry of the protected-mode part.
    efi: the entry of the PE image.
    """
    with open(path, "rb") as f:
        image = f.read()
    if image[0x202:0x206] != b"HdrS":
        raise BenchError(f"{path}: not a bzImage ('HdrS' expected at 0x202)")
    start = (image[0x1F1] + 1) * 512
    marks = {
        "real": image[0x200:0x210],
        "protected": image[start : start + 64],
        "long": image[start + 0x200 : start + 0x240],
    }
    pe = struct.unpack_from("<I", image, 0x3C)[0]
    if image[pe : pe + 4] == b"PE\0\0":
        entry = struct.unpack_from("<I", image, pe + 0x28)[0]
        marks["efi"] = image[entry : entry + 64]
    return marks


def elf_load(path):
    """The code at an ELF64 file's entry, and the bytes of it that are loaded."""
    with open(path, "rb") as f:
        image = f.read()
    if image[:5] != b"\x7fELF\x02":
        raise BenchError(f"{path}: not an ELF64 file")
    entry, table = struct.unpack_from("<QQ", image, 24)
    size, count = struct.unpack_from("<HH", image, 54)
    code, loaded = None, 0
    for i in range(count):
        kind, _, offset, virtual, _, length = struct.unpack_from("<IIQQQQ", image, table + i * size)
        if kind == 1:
            loaded += length
            if virtual <= entry < virtual + length:
                code = image[offset + entry - virtual :][:64]
    if not code:
        raise BenchError(f"{path}: its entry {entry:#x} is in none of its segments")
    return code, loaded


# ---- Firmware ---------------------------------------------------------------------------------


def seabios():
    return ["-bios", build.installed(build.SEABIOS)]


def ovmf(variables):
    flash = "if=pflash,format=raw,cache=unsafe,unit={},file={},{}"
    return [
        "-drive", flash.format(0, build.installed(build.OVMF_CODE), "readonly=on"),
        "-drive", flash.format(1, variables, "snapshot=on"),
    ]  # fmt: skip


def settled_variables(rig, disk, marks):
    """OVMF's variables as its first boot leaves them, so that every measured boot is a later one."""
    path = os.path.join(rig.folder, "ovmf-variables.fd")
    shutil.copyfile(build.installed(build.OVMF_VARS), path)
    firmware = [word.replace(",snapshot=on", "") for word in ovmf(path)]
    rig.start(TRACE_SHIFT, False, firmware, disk, marks, {"efi"}, None)
    return path


# ---- Boots ------------------------------------------------------------------------------------


def boot_slate(rig, slate, disk, marks):
    code, _ = elf_load(slate)
    sums = rig.run([*seabios(), "-kernel", slate], disk, {**marks, "slate": code}, {"long"})
    return _boot(sums, start="slate", entry="long", first="long", loaded="long")


def boot_linuxboot(rig, kernel, initrd, options, disk, marks):
    firmware = [*seabios(), "-kernel", kernel, "-append", options]
    if initrd:
        firmware += ["-initrd", initrd]
    sums = rig.run(firmware, disk, marks, {"protected"})
    return _boot(sums, start=None, entry="protected", first="real", loaded="real")


def boot_syslinux(rig, disk, marks):
    sums = rig.run(seabios(), disk, marks, {"protected"})
    return _boot(sums, start=None, entry="protected", first="real", loaded="real")


def boot_ovmf(rig, variables, disk, marks):
    if "efi" not in marks:
        raise BenchError("the kernel has no EFI stub, so OVMF cannot be compared")
    sums = rig.run(ovmf(variables), disk, marks, {qemu.RELEASED}, "efi")
    return _boot(sums, start=None, entry="efi", first="efi", loaded=qemu.RELEASED)


def _instructions(sums):
    return {
        "instructions": sums["insns"] - sums["waits"],
        "waiting_instructions": sums["waits"],
        "string_rounds": sums["rounds"],
    }


def _boot(sums, start, entry, first, loaded):
    """Figures from sums at marks: `loaded` is where nothing more is read from the disk."""
    begin = sums[start] if start else qemu.Sums()
    load = sums[loaded] - begin
    return {
        "entry": entry,
        "from_reset": _instructions(sums[entry]),
        "from_entry": _instructions(sums[entry] - begin),
        "to_first_instruction": _instructions(sums[first] - begin),
        "requests": load["requests"],
        "kicks": load["disk_notify_writes"],
        "disk_bytes": load["disk_bytes"],
        "disk_writes": load["disk_writes"],
        "virtio_accesses": load["virtio_accesses"],
        "isr_reads": load["disk_isr_reads"],
        "accesses": load["accesses"],
    }


# ---- Reads ------------------------------------------------------------------------------------


def read_slate(rig, payload, disk):
    return _reads(rig, [*seabios(), "-kernel", payload], disk)


def read_seabios(rig, disk):
    return _reads(rig, seabios(), disk)


def read_ovmf(rig, variables, application, disk):
    return _reads(rig, [*ovmf(variables), "-kernel", application], disk)


def _reads(rig, firmware, disk):
    sums = rig.run(firmware, disk, {}, {DONE, FAILED})
    if FAILED in sums:
        raise BenchError("a read failed, or gave other data than the disk holds")
    test = sums[TEST[1]] - sums[TEST[0]]
    for what, expected in TEST_SUMS.items():
        if test[what] != expected:
            raise BenchError(f"the counter is wrong: {what} is {test[what]} where {expected} was executed")
    return {
        name: _window(sums[end] - sums[begin])
        for name, (begin, end) in WINDOWS.items()
        if begin in sums
    }


def _window(sums):
    """Figures of one read of a loop."""
    each = {
        **_instructions(sums),
        "requests": sums["requests"],
        "kicks": sums["disk_notify_writes"],
        "virtio_accesses": sums["virtio_accesses"],
        "isr_reads": sums["disk_isr_reads"],
        "accesses": sums["accesses"],
    }
    return {k: v / READS for k, v in each.items()} | {"reads": READS}
