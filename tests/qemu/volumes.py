# SPDX-License-Identifier: BSD-2-Clause
"""The contents of boot volumes: Boot Loader Specification entries, and disks with the payload ready to boot."""

import zlib

from image import ESP, MiB, Partition, make_disk

# The smallest comfortable partitions of each FAT kind by block size; the images are sparse.
FAT_SIZE = {
    (512, 12): 4 * MiB,
    (512, 16): 16 * MiB,
    (512, 32): 40 * MiB,
    (4096, 12): 12 * MiB,
    (4096, 16): 128 * MiB,
    (4096, 32): 300 * MiB,
}

# Any contents that cannot be mistaken for another's.
INITRD = bytes(range(256)) * 300
SECOND_INITRD = b"second initrd " * 2000


def entry(linux="/payload", initrd=(), **keys):
    """The text of an entry; keys such as sort_key are written with a hyphen. A None leaves its line out."""
    lines = [("linux", linux), *(("initrd", path) for path in initrd)]
    lines += [(key.replace("_", "-"), value) for key, value in keys.items()]
    return "".join(f"{key} {value}\n" for key, value in lines if value is not None)


def entries(**options):
    """Files of one entry a keyword: its id, and its command line."""
    return {f"/loader/entries/{name}.conf": entry(options=line, title=f"Title of {name}")
            for name, line in options.items()}  # fmt: skip


def simple(payload):
    """Files of a volume with one entry, which boots the payload with one initrd."""
    return {
        "/loader/entries/simple.conf": entry(initrd=["/initrd"], options="from=simple"),
        "/payload": payload.bzimage,
        "/initrd": INITRD,
    }


def esp(files, fat=32, block=512, **keywords):
    """An EFI system partition with these files."""
    return Partition(ESP, FAT_SIZE[block, fat], fat=fat, files=files, name="esp", **keywords)


def esp_disk(path, files, fat=16, block=512, **keywords):
    """A disk with nothing but an EFI system partition."""
    return make_disk(path, [esp(files, fat, block)], block=block, **keywords)


def module_line(content, number=0):
    """What the payload says about an initrd with this content."""
    return f"module {number} size {len(content):x} crc32 {zlib.crc32(content):x}"
