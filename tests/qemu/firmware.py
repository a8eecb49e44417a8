#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots of Slate and of other firmware from virtio disks, in front of other virtio devices, as `launcher audit` reads them.

    tests/qemu/firmware.py --list
    tests/qemu/firmware.py --record FOLDER [NAME...]

records the traces that tests/launcher/traces holds: those lines that are about virtio, up to the OS's first words.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tools"), str(ROOT / "tools/demo")]

import kernels  # noqa: E402
import make_demo  # noqa: E402
from image import ESP, MiB, Partition, make_disk  # noqa: E402
from qemu_trace import NO_EVENTFD  # noqa: E402

LAUNCHER = ROOT / "build/host/launcher"
SLATE = ROOT / "build/x86_64/slate.elf"
OVMF_CODE, OVMF_VARS = Path("/usr/share/OVMF/OVMF_CODE.fd"), Path("/usr/share/OVMF/OVMF_VARS.fd")
SEABIOS_MICROVM = Path("/usr/share/seabios/bios-microvm.bin")
SECTOR_SAYS, LINUX_SAYS = "sector: entered", "Linux version"

EVENTS = ["memory_region_ops_read", "memory_region_ops_write", "pci_cfg_write", "virtio_set_status",
          "virtio_queue_notify", "virtqueue_pop", "virtqueue_fill"]  # fmt: skip
KEPT = re.compile(
    rb"pci_cfg_write (virtio|vhost)|name '(virtio-|ioport80)|ops_write .*name 'serial'|virtio_set_|virtio_queue_|virtqueue_"
)

# A disk with the modern interface alone is what is booted from; the others have both.
PCI_DEVICES = [
    "-device", "virtio-blk-pci,drive=boot,disable-legacy=on,bootindex=1",
    "-device", "virtio-blk-pci,drive=other",
    "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,romfile=",
    "-device", "virtio-rng-pci", "-device", "virtio-balloon-pci", "-device", "virtio-serial-pci",
]  # fmt: skip
MMIO_DEVICES = ["-device", "virtio-blk-device,drive=boot", "-device", "virtio-rng-device"]


@dataclass
class Boot:
    """A way to boot a machine: what it runs, from what it boots, and what shows that the OS has it."""

    text: str
    disk: str  # sector, uki or demo
    machine: str = "q35"
    firmware: list = field(default_factory=list)
    devices: list = field(default_factory=lambda: PCI_DEVICES)
    says: str = SECTOR_SAYS
    seconds: int = 60


BOOTS = {
    "seabios": Boot("SeaBIOS reads a boot sector from a disk and enters it", "sector"),
    "seabios-pc": Boot("the same on the older machine", "sector", machine="pc"),
    "seabios-mmio": Boot(
        "SeaBIOS on microvm, where devices are on MMIO", "sector",
        machine="microvm,rtc=on,pit=on,pic=on,isa-serial=on",
        firmware=["-bios", str(SEABIOS_MICROVM), "-global", "virtio-mmio.force-legacy=false"], devices=MMIO_DEVICES,
    ),
    "ovmf": Boot(
        "OVMF loads Linux as a unified kernel image from a disk", "uki", says=LINUX_SAYS, seconds=150,
        firmware=["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}",
                  "-drive", "if=pflash,format=raw,unit=1,snapshot=on,file={folder}/variables"],
    ),
    "slate": Boot(
        "Slate loads Linux from a disk that SeaBIOS has left live", "demo", says=LINUX_SAYS,
        firmware=["-kernel", str(SLATE), "-fw_cfg", "name=opt/slate/append,string=panic=-1 slate.demo=poweroff"],
    ),
}  # fmt: skip


def sector_disk(folder):
    """A disk whose first sector is the program in sector/."""
    obj, binary, disk = folder / "sector.o", folder / "sector.bin", folder / "boot.img"
    kernels.tool("gcc", "-m32", "-c", HERE / "sector/sector.S", "-o", obj)
    kernels.tool("ld", "-m", "elf_i386", "-Ttext=0x7c00", "--oformat=binary", obj, "-o", binary)
    disk.write_bytes(binary.read_bytes().ljust(4 * MiB, b"\0"))
    return disk


def uki_disk(folder):
    """A disk that UEFI firmware boots: Linux, which then finds nothing to run and reboots."""
    kernel = make_demo.make_demo(ROOT / "build/x86_64/demo")[0] / "vmlinuz"
    image = kernels.uki(kernel.read_bytes(), "console=ttyS0 panic=-1")
    files = {"/EFI/BOOT/BOOTX64.EFI": image}
    return make_disk(folder / "boot.img", [Partition(ESP, 40 * MiB, fat=32, name="esp", files=files)]).path


def demo_disk(folder):
    disk = make_demo.make_demo(ROOT / "build/x86_64/demo")[2]
    subprocess.run(["cp", "--sparse=always", disk, folder / "boot.img"], check=True)
    return folder / "boot.img"


DISKS = {"sector": sector_disk, "uki": uki_disk, "demo": demo_disk}


def command(name, folder, log):
    """QEMU's command line; the disks are made in the folder."""
    boot = BOOTS[name]
    disk = DISKS[boot.disk](folder)
    (folder / "other.img").write_bytes(bytes(MiB))
    if OVMF_VARS.exists():
        shutil.copyfile(OVMF_VARS, folder / "variables")
    (folder / "events").write_text("\n".join(EVENTS) + "\n")
    words = ["timeout", "-k", "2", str(boot.seconds), "qemu-system-x86_64", "-machine", boot.machine, "-accel", "tcg"]
    words += ["-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"]
    words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
    words += [word.format(folder=folder) for word in boot.firmware]
    for drive, path in (("boot", disk), ("other", folder / "other.img")):
        if drive == "boot" or boot.devices is PCI_DEVICES:
            words += ["-drive", f"if=none,id={drive},format=raw,snapshot=on,file={path}"]
    words += boot.devices + (NO_EVENTFD if boot.devices is PCI_DEVICES else [])
    return [*words, "-msg", "timestamp=on", "-trace", f"events={folder}/events", "-D", str(log)]


def run(name, folder, reader):
    """
    Runs the boot with its trace in a FIFO, which `reader(path)` reads as it comes: gives the reader's result and the
    console's output.
    """
    fifo, output = folder / "trace", folder / "console"
    words = command(name, folder, fifo)
    os.mkfifo(fifo)
    with output.open("wb") as console, ThreadPoolExecutor() as pool:
        result = pool.submit(reader, fifo)
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, check=False)
        os.close(os.open(fifo, os.O_RDWR))  # frees the reader, should QEMU never have opened its end
        return result.result(), output.read_text(errors="replace")


def audit(path, *options):
    """What `launcher audit` makes of a trace: exit status, standard output, standard error."""
    done = subprocess.run([LAUNCHER, "audit", path, *options], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def record(name, target):
    """Writes NAME.gz: the lines that matter, up to the OS's entry."""

    def filtered(fifo):
        with open(fifo, "rb") as trace:
            return [line for line in trace if KEPT.search(line)]

    with tempfile.TemporaryDirectory(prefix="slate-trace-") as folder:
        lines, console = run(name, Path(folder), filtered)
        if BOOTS[name].says not in console:
            sys.exit(f"{name}: the OS was never entered; the console's end:\n{console[-2000:]}")
        whole = Path(folder) / "whole"
        whole.write_bytes(b"".join(lines))
        status, report, errors = audit(whole, "--json", "--until", BOOTS[name].says)
        if status == 2:
            sys.exit(f"{name}: {errors}")
        end = json.loads(report)["to_line"]
    with open(target / f"{name}.gz", "wb") as file:
        file.write(gzip.compress(b"".join(lines[:end]), mtime=0))
    print(f"{target}/{name}.gz: {end} lines")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="what can be booted")
    parser.add_argument("--record", metavar="FOLDER", type=Path, help="write a trace of each to FOLDER")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BOOTS, []])
    given = parser.parse_args()
    if given.list or not given.record:
        for name, boot in BOOTS.items():
            print(f"{name:14} {boot.text}")
    for name in given.names or BOOTS if given.record else []:
        record(name, given.record)


if __name__ == "__main__":
    main()
