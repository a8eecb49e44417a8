# SPDX-License-Identifier: BSD-2-Clause
"""Ways to break a disk image on purpose."""

import re
import struct
from pathlib import Path

from image import tables
from image.disk import run


def flip(disk, offset):
    """Changes every bit of one byte."""
    disk.write(offset, bytes([disk.read(offset, 1)[0] ^ 0xFF]))


def gpt_header(disk, backup=False):
    """Damages one copy of the header: its checksum is wrong then."""
    flip(disk, ((disk.blocks - 1) if backup else 1) * disk.block + 0x38)


def gpt_signature(disk, backup=False):
    """Wipes the signature of one copy of the header."""
    disk.write(((disk.blocks - 1) if backup else 1) * disk.block, b"\0" * 8)


def gpt_entries(disk, backup=False):
    """Damages one copy of the entry array, whose checksum is in the header."""
    block = disk.blocks - 1 - tables.entry_blocks(disk.block) if backup else 2
    flip(disk, block * disk.block + 0x30)


class Fat:
    """The allocation table of one partition."""

    def __init__(self, disk, number=0):
        self.disk = disk
        self.start = disk.offset(number)
        boot = disk.read(self.start, 512)
        self.sector, self.per_cluster, reserved, self.copies = struct.unpack_from("<HBHB", boot, 11)
        roots = struct.unpack_from("<H", boot, 17)[0]
        length = struct.unpack_from("<H", boot, 22)[0]
        total = struct.unpack_from("<H", boot, 19)[0] or struct.unpack_from("<I", boot, 32)[0]
        self.length = (length or struct.unpack_from("<I", boot, 36)[0]) * self.sector
        self.table = self.start + reserved * self.sector
        data = reserved + (self.copies * self.length + roots * 32) // self.sector
        self.data = self.start + data * self.sector
        self.clusters = (total - data) // self.per_cluster
        self.bits = 32 if not length else 16 if self.clusters >= 4085 else 12

    def first_cluster(self, path):
        """Where a file starts, in the words of mtools."""
        shown = run("mshowfat", "-i", f"{self.disk.path}@@{self.start}", f"::{path}")
        return int(re.search(r"<(\d+)", shown)[1])

    def cluster_offset(self, cluster):
        """Byte of the disk where a cluster's data is."""
        return self.data + (cluster - 2) * self.per_cluster * self.sector

    def set(self, cluster, value):
        """Writes one entry of the table into every copy of it."""
        for copy in range(self.copies):
            at = self.table + copy * self.length
            if self.bits == 12:
                at += cluster * 3 // 2
                old = struct.unpack("<H", self.disk.read(at, 2))[0]
                new = old & 0x000F | value << 4 if cluster & 1 else old & 0xF000 | value
                self.disk.write(at, struct.pack("<H", new))
            else:
                size = self.bits // 8
                self.disk.write(at + cluster * size, value.to_bytes(size, "little"))


def fragment(disk, name, content, number=0):
    """Stores a file in clusters that do not follow each other: in the gaps between small files."""
    image = f"{disk.path}@@{disk.offset(number)}"
    folder = Path(f"{disk.path}.files")
    folder.mkdir()
    small = [folder / f"gap{i:03}" for i in range(200)]
    for path in small:
        path.write_bytes(b"gap")
    (folder / name).write_bytes(content)
    run("mcopy", "-i", image, *small, "::")
    run("mdel", "-i", image, *(f"::{path.name}" for path in small[::2]))
    run("mcopy", "-i", image, folder / name, "::")
