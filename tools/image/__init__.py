# SPDX-License-Identifier: BSD-2-Clause
"""Disk images without root: partition tables, file systems in them, and initramfs archives, the same bits each time."""

from .archive import Node, initramfs
from .disk import Disk, Partition, make_disk
from .tables import ESP, LINUX, XBOOTLDR

KiB = 1024
MiB = 1024 * 1024

__all__ = ["Disk", "ESP", "KiB", "LINUX", "MiB", "Node", "Partition", "XBOOTLDR", "initramfs", "make_disk"]
