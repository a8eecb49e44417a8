#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the demo: an initramfs for Debian's cloud kernel, and a disk with a boot entry for both."""

import argparse
import fcntl
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from image import ESP, LINUX, MiB, Node, Partition, initramfs, make_disk  # noqa: E402

BUSYBOX = Path("/bin/busybox")

# What the demo asks of Linux; each brings the modules that it depends on.
MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "virtio-rng", "virtio_balloon", "virtio_net", "virtio_input",
           "virtio_scsi", "vfat", "nls_cp437", "nls_ascii"]  # fmt: skip


def depends(module):
    """The modules that a module file says it needs (the depends= string of its .modinfo section)."""
    for text in module.read_bytes().split(b"\0"):
        if text.startswith(b"depends="):
            return [name for name in text[len(b"depends=") :].decode().split(",") if name]
    return []


def module_files(folder):
    """Paths of all wanted modules in loading order. A module that this kernel does not have is built into it."""

    def canonical(name):
        return name.replace("-", "_")

    files = {canonical(path.stem): path for path in sorted(folder.rglob("*.ko"))}
    ordered = {}

    def add(name):
        name = canonical(name)
        if name in files and name not in ordered:
            for other in depends(files[name]):
                add(other)
            ordered[name] = files[name]

    for name in MODULES:
        add(name)
    return list(ordered.values())


def make_initramfs(kernel):
    """The compressed archive: busybox, the modules, /init."""
    files = module_files(kernel / "modules")
    nodes = {
        "bin/busybox": Node(stat.S_IFREG | 0o755, BUSYBOX.read_bytes()),
        "dev/console": Node(stat.S_IFCHR | 0o600, device=(5, 1)),
        "init": Node(stat.S_IFREG | 0o755, (HERE / "init").read_bytes()),
        "modules/order": Node(stat.S_IFREG | 0o644, "".join(f"{path.name}\n" for path in files).encode()),
    }
    for path in files:
        nodes[f"modules/{path.name}"] = Node(stat.S_IFREG | 0o644, path.read_bytes())
    return initramfs(nodes)


def known_data(length):
    """Bytes that look random and are the same each time."""
    return b"".join(hashlib.sha256(number.to_bytes(8, "little")).digest() for number in range(length // 32))


def demo_partitions(kernel, initrd, console="ttyS0"):
    """The demo's two partitions: what Slate boots from, and data that Linux checks."""
    release = (kernel / "release").read_text().strip()
    esp = {
        "/loader/loader.conf": "timeout 0\n",
        f"/loader/entries/debian-{release}.conf": (
            "title      Debian cloud kernel\n"
            f"version    {release}\n"
            "sort-key   debian\n"
            f"linux      /debian/{release}/vmlinuz\n"
            f"initrd     /debian/{release}/initrd\n"
            f"options    console={console} rdinit=/init panic=-1\n"
        ),
        f"/debian/{release}/vmlinuz": (kernel / "vmlinuz").read_bytes(),
        f"/debian/{release}/initrd": initrd,
    }
    data = {"/known.bin": known_data(8 * MiB)}
    sums = {f"esp{path}": content for path, content in esp.items()} | {f"data{p}": c for p, c in data.items()}
    lines = []
    for path, content in sums.items():
        content = content.encode() if isinstance(content, str) else content
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {path}\n")
    data["/SHA256SUMS"] = "".join(lines)
    return [
        Partition(ESP, 64 * MiB, fat=32, name="slate-esp", label="SLATE", files=esp),
        Partition(LINUX, 16 * MiB, fat=16, name="slate-data", label="DATA", files=data),
    ]


def newer(product, *sources):
    """Whether the product exists and nothing that it is made of has changed since."""
    return product.exists() and all(source.stat().st_mtime <= product.stat().st_mtime for source in sources)


def replace(product, make):
    """Makes a file under another name and moves it into place, so that nobody ever sees half of it."""
    part = product.with_name(product.name + ".part")
    make(part)
    os.replace(part, product)


def make_demo(folder):
    """Brings kernel/, initrd and disk.img in the folder up to date, with one maker at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    kernel, initrd, disk = folder / "kernel", folder / "initrd", folder / "disk.img"
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([HERE / "fetch-kernel", kernel], check=True)
        tools = [Path(__file__), *sorted((HERE.parent / "image").glob("*.py"))]
        if not newer(initrd, kernel / "release", BUSYBOX, HERE / "init", *tools):
            replace(initrd, lambda part: part.write_bytes(make_initramfs(kernel)))
        if not newer(disk, initrd, *tools):
            replace(disk, lambda part: make_disk(part, demo_partitions(kernel, initrd.read_bytes())))
    return kernel, initrd, disk


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where it is made, such as build/x86_64/demo")
    try:
        make_demo(parser.parse_args().folder)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except (OSError, RuntimeError) as error:
        sys.exit(f"make_demo: {error}")


if __name__ == "__main__":
    main()
