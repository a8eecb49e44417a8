# SPDX-License-Identifier: BSD-2-Clause
"""A disk image from a description: a sparse file, its partition table, and file systems with files in them."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import tables

ALIGN = 1024 * 1024
CHUNK = 64 * 1024
EPOCH = 1704067200  # 2024-01-01, the time of every file in every image

# Debian keeps mkfs.vfat where an ordinary user's PATH does not look.
_ENV = {
    "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "MTOOLS_SKIP_CHECK": "1",
    "MTOOLSRC": "/dev/null",
}


@dataclass
class Partition:
    """What one partition shall be. `files` maps a path to bytes, or to a Path that is copied."""

    kind: tables.Kind
    size: int  # bytes, a multiple of the block size
    fat: int = 0  # 12, 16 or 32
    files: dict = field(default_factory=dict)
    name: str = ""
    first: int | None = None  # block; None is the next place at a MiB
    label: str = "SLATE"


@dataclass
class Disk:
    """A finished image. `extents` are its partitions in the order of the description."""

    path: Path
    block: int
    blocks: int
    extents: list

    def offset(self, number=0):
        """Byte at which a partition starts."""
        return self.extents[number].first * self.block

    def read(self, offset, length):
        with open(self.path, "rb") as image:
            image.seek(offset)
            return image.read(length)

    def write(self, offset, data):
        with open(self.path, "r+b") as image:
            image.seek(offset)
            image.write(data)

    def digest(self):
        """A checksum of contents and size. It skips holes and zeroes, so a large sparse image costs little."""
        total = hashlib.sha256(str(self.path.stat().st_size).encode())
        with open(self.path, "rb") as image:
            at = 0
            while True:
                try:
                    start = image.seek(at, os.SEEK_DATA)
                except OSError:  # nothing but a hole up to the end
                    return total.hexdigest()
                at = image.seek(start - start % CHUNK)
                data = image.read(CHUNK)
                if data.count(0) != len(data):
                    total.update(str(at).encode() + data)
                at += CHUNK


def run(*command):
    """Runs a tool; what it said is the error when it fails."""
    command = [str(word) for word in command]
    done = subprocess.run(command, env=_ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _stage(folder, files):
    """Lays the files of a file system out in a folder, every time stamp the same."""
    for name, content in files.items():
        path = Path(folder) / name.strip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    for path in [Path(folder), *Path(folder).rglob("*")]:
        os.utime(path, (EPOCH, EPOCH))


def _format_fat(path, block, extent, want):
    size = extent.count * block
    run("mkfs.vfat", "--invariant", "-F", want.fat, "-S", block, "-n", want.label, "-i", "51a7e001",
        "--offset", extent.first, path, size // 1024)  # fmt: skip
    if not want.files:
        return
    with tempfile.TemporaryDirectory() as folder:
        _stage(folder, want.files)
        top = sorted(str(p) for p in Path(folder).iterdir())
        run("mcopy", "-s", "-m", "-Q", "-i", f"{path}@@{extent.first * block}", *top, "::")


def make_disk(path, partitions, table="gpt", block=512, size=None):
    """Makes the image `path`. `table` is "gpt", "mbr" or None; `size` (bytes) defaults to what the partitions need."""
    extents = []
    at = ALIGN // block
    for want in partitions:
        first = at if want.first is None else want.first
        extents.append(tables.Extent(want.kind, first, want.size // block, want.name))
        at = -(-(first + want.size // block) * block // ALIGN) * ALIGN // block
    blocks = (at * block + ALIGN if size is None else size) // block

    path = Path(path)
    path.unlink(missing_ok=True)
    with open(path, "wb") as image:
        image.truncate(blocks * block)
        rows = {"gpt": lambda: tables.gpt(block, blocks, extents), "mbr": lambda: tables.mbr(block, extents)}
        for number, data in rows[table]().items() if table else ():
            image.seek(number * block)
            image.write(data)
    for want, extent in zip(partitions, extents):
        if want.fat:
            _format_fat(path, block, extent, want)
    return Disk(path, block, blocks, extents)
