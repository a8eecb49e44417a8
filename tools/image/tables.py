# SPDX-License-Identifier: BSD-2-Clause
"""Partition tables: GPT (UEFI specification, chapter 5) for any block size, and MBR."""

import struct
import uuid
import zlib
from typing import NamedTuple


class Kind(NamedTuple):
    """What a partition is for, as each kind of table says it."""

    guid: uuid.UUID
    mbr: int


ESP = Kind(uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), 0xEF)
XBOOTLDR = Kind(uuid.UUID("bc13c2ff-59e6-4262-a352-b275fd6f7172"), 0xEA)
LINUX = Kind(uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4"), 0x83)


class Extent(NamedTuple):
    """A partition as a table records it, in blocks of the disk."""

    kind: Kind
    first: int
    count: int
    name: str


ENTRIES = 128
ENTRY_SIZE = 128
HEADER_SIZE = 92

# Identifiers are derived from names, so that one description of a disk always makes the same disk.
_NAMES = uuid.UUID("7d1b2e5c-6a52-4a0e-8d0e-51a7e0000000")


def guid(*words):
    """The identifier of the thing that the words name."""
    return uuid.uuid5(_NAMES, "/".join(str(word) for word in words))


def entry_blocks(block):
    """How many blocks the array of GPT entries takes."""
    return -(-ENTRIES * ENTRY_SIZE // block)


def usable(block, blocks):
    """The first and the last block that a GPT leaves for partitions."""
    return 2 + entry_blocks(block), blocks - 2 - entry_blocks(block)


def _mbr_entry(kind, first, count, start_chs=b"\xfe\xff\xff", end_chs=b"\xfe\xff\xff"):
    return struct.pack("<B3sB3sII", 0, start_chs, kind, end_chs, first, count)


def _mbr_block(block, rows, signature=0):
    """Block 0: disk signature, up to four rows of the table, and 55 AA at byte 510 whatever the block size is."""
    boot = struct.pack("<440xI2x", signature) + b"".join(rows).ljust(64, b"\0") + b"\x55\xaa"
    return boot.ljust(block, b"\0")


def mbr(block, extents):
    """A partition table of up to four primary partitions: {block number: bytes}."""
    rows = [_mbr_entry(e.kind.mbr, e.first, e.count) for e in extents]
    return {0: _mbr_block(block, rows, signature=0x51A7E001)}


def gpt_header(block, blocks, own, other, entries_at, entries, disk_guid):
    """One GPT header, checksums included, as a whole block."""
    first, last = usable(block, blocks)
    fields = [own, other, first, last, disk_guid.bytes_le, entries_at, ENTRIES, ENTRY_SIZE, zlib.crc32(entries)]

    def pack(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, HEADER_SIZE, crc, 0, *fields)

    return pack(zlib.crc32(pack(0))).ljust(block, b"\0")


def gpt(block, blocks, extents):
    """Protective MBR, both headers and both entry arrays: {block number: bytes}."""
    entries = bytearray(ENTRIES * ENTRY_SIZE)
    for number, e in enumerate(extents):
        name = e.name.encode("utf-16-le")
        row = e.kind.guid.bytes_le + guid("partition", number, e.name).bytes_le
        row += struct.pack("<QQQ72s", e.first, e.first + e.count - 1, 0, name)
        entries[number * ENTRY_SIZE : (number + 1) * ENTRY_SIZE] = row
    entries = bytes(entries)
    disk_guid = guid("disk", block, blocks)
    end = blocks - 1
    backup_at = end - entry_blocks(block)
    protective = _mbr_entry(0xEE, 1, min(end, 0xFFFFFFFF), b"\x00\x02\x00", b"\xff\xff\xff")
    return {
        0: _mbr_block(block, [protective]),
        1: gpt_header(block, blocks, 1, end, 2, entries, disk_guid),
        2: entries.ljust(entry_blocks(block) * block, b"\0"),
        backup_at: entries.ljust(entry_blocks(block) * block, b"\0"),
        end: gpt_header(block, blocks, end, 1, backup_at, entries, disk_guid),
    }
