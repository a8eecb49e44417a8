# SPDX-License-Identifier: BSD-2-Clause
"""Linux's initramfs format: a cpio archive of kind "newc", compressed with gzip, the same bits each time."""

import gzip
import stat
from dataclasses import dataclass


@dataclass
class Node:
    """A file, folder, link or device. `data` is the contents or the link's target."""

    mode: int  # st_mode: type and permissions
    data: bytes = b""
    device: tuple = (0, 0)  # major, minor


def _record(ino, name, node):
    links = 2 if stat.S_ISDIR(node.mode) else 1
    path = name.encode() + b"\0"
    numbers = [ino, node.mode, 0, 0, links, 0, len(node.data), 0, 0, *node.device, len(path), 0]
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + path
    return head + b"\0" * (-len(head) % 4) + node.data + b"\0" * (-len(node.data) % 4)


def initramfs(nodes):
    """The archive of {path: Node}, in which every folder that a path needs is made too."""
    tree = dict(nodes)
    for path in nodes:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            tree.setdefault("/".join(parts[:depth]), Node(stat.S_IFDIR | 0o755))
    records = [_record(ino, path, tree[path]) for ino, path in enumerate(sorted(tree), start=1)]
    records.append(_record(0, "TRAILER!!!", Node(0)))
    return gzip.compress(b"".join(records), compresslevel=9, mtime=0)
