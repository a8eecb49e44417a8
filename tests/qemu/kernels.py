# SPDX-License-Identifier: BSD-2-Clause
"""What Slate boots in the tests: the payload, as ELF, as bzImage and inside a unified kernel image."""

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent / "payload"
LOAD_ADDRESS = 0x1000000  # as payload.ld says
STUB = Path("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")

_FLAGS = """-m32 -march=i686 -std=c11 -O2 -ffreestanding -fno-pic -fno-stack-protector -fcf-protection=none
    -mgeneral-regs-only -fno-asynchronous-unwind-tables -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion
    -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wcast-qual""".split()


@dataclass
class Payload:
    elf32: bytes
    elf64: bytes
    flat: bytes

    @property
    def bzimage(self):
        return bzimage(self.flat)


def tool(*words, cwd=None):
    subprocess.run([str(word) for word in words], cwd=cwd, check=True)


def build_payload(folder):
    """Compiles tests/qemu/payload in the folder."""
    objects = []
    for source in sorted([*SOURCE.glob("*.c"), *SOURCE.glob("*.S")]):
        objects.append(folder / f"{source.stem}.o")
        tool("gcc", *_FLAGS, "-c", source, "-o", objects[-1])
    elf32, elf64, flat = folder / "payload32.elf", folder / "payload64.elf", folder / "payload.bin"
    tool("ld", "-m", "elf_i386", "-z", "noexecstack", "--no-warn-rwx-segments", "-T", SOURCE / "payload.ld",
         "-o", elf32, *objects)  # fmt: skip
    tool("objcopy", "-I", "elf32-i386", "-O", "elf64-x86-64", elf32, elf64)
    tool("objcopy", "-O", "binary", elf32, flat)
    return Payload(elf32.read_bytes(), elf64.read_bytes(), flat.read_bytes())


def bzimage(flat, init_size=0x200000, size_stated=None, signature=b"HdrS", version=0x020F, xloadflags=1):
    """
    Puts Linux's setup header (boot protocol 2.15, not relocatable, 64-bit entry) before a flat image. The keywords
    make headers that are wrong; `size_stated` is the size of the protected-mode part as the header has it.
    """
    flat = flat + b"\0" * (-len(flat) % 16)
    header = struct.pack(
        "<BHIHHHH" "BB4sHIHHBBHIIIIHHI" "IIBBHIIQIIQQIII",
        1, 0, (len(flat) if size_stated is None else size_stated) // 16, 0, 0xFFFF, 0, 0xAA55,
        0xEB, 0x6A, signature, version, 0, 0, 0, 0, 1, 0, 0x100000, 0, 0, 0, 0, 0, 0,
        0x7FFFFFFF, 0x200000, 0, 21, xloadflags, 0x7FF, 0, 0, 0, 0, 0, LOAD_ADDRESS, init_size, 0, 0,
    )  # fmt: skip
    return (b"\0" * 0x1F1 + header).ljust(1024, b"\0") + flat


def uki(linux, cmdline=None, initrd=None, title="Payload", version="1"):
    """A unified kernel image, made as the distributions make it: sections added to systemd's stub by objcopy."""
    sections = {".osrel": f'ID=slate\nPRETTY_NAME="{title}"\nVERSION_ID="{version}"\n'.encode()}
    if cmdline is not None:
        sections[".cmdline"] = cmdline.encode()
    sections[".linux"] = linux
    if initrd is not None:
        sections[".initrd"] = initrd
    with tempfile.TemporaryDirectory() as folder:
        words = []
        address = 0x20000
        for name, data in sections.items():
            path = Path(folder) / name.strip(".")
            path.write_bytes(data)
            words += ["--add-section", f"{name}={path}", "--change-section-vma", f"{name}={address:#x}"]
            address += -(-len(data) // 0x10000) * 0x10000
        image = Path(folder) / "uki.efi"
        tool("objcopy", *words, STUB, image)
        return image.read_bytes()
