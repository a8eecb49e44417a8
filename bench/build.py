# SPDX-License-Identifier: BSD-2-Clause
"""What the measurements need and Slate's own build does not make: plugin, programs, disks.

The peers themselves are Debian's packages.
"""

import os
import shutil
import struct
import subprocess

from qemu import BenchError

HERE = os.path.dirname(os.path.abspath(__file__))

# sgdisk is where an ordinary user's PATH does not look.
ENVIRONMENT = os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}

SEABIOS = "/usr/share/seabios/bios-256k.bin"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS.fd"
SYSTEMD_BOOT = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
SYSLINUX_MBR = "/usr/lib/SYSLINUX/gptmbr.bin"
EFI_INCLUDE = "/usr/include/efi"
EFI_LIB = "/usr/lib"

WARNINGS = (
    "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion", "-Wsign-conversion",
    "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wvla", "-Wundef", "-Wcast-qual",
)  # fmt: skip

FIRST_SECTOR = 2048  # BENCH_FIRST_SECTOR: from here on a sector begins with its number
READ_DISK_SECTORS = 32768


def call(*command, cwd=None, stdin=None):
    """Runs a command and gives its output; a failure becomes a BenchError that quotes it."""
    try:
        done = subprocess.run(
            command, cwd=cwd, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, timeout=300, env=ENVIRONMENT,
        )  # fmt: skip
    except FileNotFoundError as e:
        raise BenchError(f"{command[0]} is not installed: tools/install-packages bench installs it") from e
    except subprocess.TimeoutExpired as e:
        raise BenchError(f"{' '.join(command)} did not end within {e.timeout} seconds") from e
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: status {done.returncode}: {text.strip()[-1500:]}")
    return text


def versions(packages):
    """The versions of installed Debian packages, by name."""
    return {p: call("dpkg-query", "-W", "-f", "${Version}", p) for p in packages}


def installed(path):
    """`path`, which a package has to have put there."""
    if not os.path.exists(path):
        raise BenchError(f"{path} is missing: tools/install-packages bench installs what is measured")
    return path


def plugin(folder):
    """The counting plugin."""
    out = os.path.join(folder, "count.so")
    source = os.path.join(HERE, "plugin", "count.c")
    call("gcc", "-std=gnu11", "-O2", *WARNINGS, "-fPIC", "-shared", "-fvisibility=hidden",
         source, "-o", out)  # fmt: skip
    return out


def boot_sector(folder):
    """The program that reads through INT 13h: one sector."""
    obj, out = os.path.join(folder, "int13.o"), os.path.join(folder, "int13.bin")
    call("gcc", "-m32", "-c", os.path.join(HERE, "x86_64", "int13.S"), "-o", obj)
    call("ld", "-m", "elf_i386", "-Ttext=0x7c00", "--oformat=binary", obj, "-o", out)
    with open(out, "rb") as f:
        return f.read()


def uefi_application(folder):
    """The program that reads through EFI_BLOCK_IO_PROTOCOL."""
    include, lib = installed(EFI_INCLUDE), EFI_LIB
    obj, so, out = (os.path.join(folder, "blockio" + e) for e in (".o", ".so", ".efi"))
    call("gcc", "-std=gnu11", "-O2", *WARNINGS, "-isystem", include, "-isystem",
         os.path.join(include, "x86_64"), "-ffreestanding", "-fshort-wchar", "-fno-stack-protector",
         "-fPIC", "-mno-red-zone", "-maccumulate-outgoing-args", "-fcf-protection=none",
         "-DGNU_EFI_USE_MS_ABI", "-c", os.path.join(HERE, "x86_64", "blockio.c"), "-o", obj)  # fmt: skip
    call("ld", "-shared", "-Bsymbolic", "-nostdlib", "-znocombreloc", "-L", lib,
         "-T", os.path.join(lib, "elf_x86_64_efi.lds"), os.path.join(lib, "crt0-efi-x86_64.o"), obj,
         "-lefi", "-lgnuefi", "-o", so)  # fmt: skip
    sections = [".text", ".sdata", ".data", ".dynamic", ".dynsym", ".rel", ".rela", ".reloc"]
    call("objcopy", *(w for s in sections for w in ("-j", s)), "--target", "efi-app-x86_64", so, out)
    return out


def read_disk(folder, sector0):
    """The disk of the read loops: the boot sector program, then sectors that begin with their number."""
    out = os.path.join(folder, "read.img")
    with open(out, "wb") as f:
        f.write(sector0)
        f.truncate(FIRST_SECTOR * 512)
        f.seek(FIRST_SECTOR * 512)
        for n in range(FIRST_SECTOR, READ_DISK_SECTORS):
            f.write(struct.pack("<I", n) + bytes(508))
    return out


def _esp(disk):
    """The byte offset and the number of the EFI system partition."""
    for line in call("sgdisk", "-p", disk).splitlines():
        words = line.split()
        if len(words) > 5 and words[0].isdigit() and words[5].upper() == "EF00":
            return int(words[1]) * 512, int(words[0])
    raise BenchError(f"{disk}: no EFI system partition in its partition table (sgdisk -p)")


def boot_disk(folder, demo_disk):
    """A copy of the demo disk that the peers can start from too.

    The boot entry, kernel and initrd stay where they are. Added: systemd-boot as the removable
    media loader, which reads the same boot entry under OVMF; and SYSLINUX for SeaBIOS.
    Gives (disk, {"linux": [..], "initrd": [..], "options": ..} of the entry).
    """
    out = os.path.join(folder, "boot.img")
    shutil.copyfile(demo_disk, out)
    offset, number = _esp(out)
    volume = f"{out}@@{offset}"
    entry = _entry(volume)
    _add_systemd_boot(volume)
    _add_syslinux(folder, out, offset, number, entry)
    return out, entry


def _entry(volume):
    names = [n for n in call("mdir", "-b", "-i", volume, "::/loader/entries").split() if n.endswith(".conf")]
    if len(names) != 1:
        raise BenchError(f"{volume}: one boot entry expected in /loader/entries, found {len(names)}")
    entry = {"linux": [], "initrd": [], "options": []}
    for line in call("mtype", "-i", volume, names[0]).splitlines():
        key, _, value = line.strip().partition(" ")
        if key in entry:
            entry[key].append(value.strip())
    return entry


def _add_systemd_boot(volume):
    present = call("mdir", "-b", "-i", volume, "::/").upper()
    if "::/EFI/" not in present:
        call("mmd", "-i", volume, "::/EFI", "::/EFI/BOOT")
    call("mcopy", "-o", "-i", volume, installed(SYSTEMD_BOOT), "::/EFI/BOOT/BOOTX64.EFI")


def _add_syslinux(folder, disk, offset, number, entry):
    volume = f"{disk}@@{offset}"
    config = os.path.join(folder, "syslinux.cfg")
    with open(config, "w", encoding="ascii") as f:
        f.write("DEFAULT bench\nPROMPT 0\nLABEL bench\n")
        f.write(f"LINUX {entry['linux'][0]}\n")
        if entry["initrd"]:
            f.write(f"INITRD {','.join(entry['initrd'])}\n")
        f.write(f"APPEND {' '.join(entry['options'])}\n")
    call("mcopy", "-o", "-i", volume, config, "::/syslinux.cfg")
    call("syslinux", "--install", "--offset", str(offset), disk)
    call("sgdisk", "-A", f"{number}:set:2", disk)  # legacy BIOS bootable
    with open(installed(SYSLINUX_MBR), "rb") as f:
        code = f.read(440)
    with open(disk, "r+b") as f:
        f.write(code)
