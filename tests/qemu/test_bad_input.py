# SPDX-License-Identifier: BSD-2-Clause
"""Disks that cannot be booted: each ends in one clear line and a distinct exit code, never a hang or a wrong boot."""

import random

import pytest

import damage
import kernels
import volumes
from image import ESP, LINUX, MiB, Partition, make_disk
from machine import Drive
from volumes import entry, esp_disk, simple


def noise(length, seed=1):
    return random.Random(seed).randbytes(length)


def test_no_disk(refuse):
    refuse("NO_DISK")


def test_no_disk_but_other_devices(refuse):
    refuse("NO_DISK", devices=["virtio-rng-pci", "virtio-balloon-pci"])


@pytest.mark.parametrize("size", [512, 1 * MiB])
def test_empty_disk(folder, refuse, size):
    refuse("EMPTY_DISK", make_disk(folder / "disk", [], table=None, size=size))


@pytest.mark.parametrize("spoil", [damage.gpt_header, damage.gpt_signature, damage.gpt_entries])
def test_both_gpts_damaged(folder, payload, refuse, spoil):
    disk = esp_disk(folder / "disk", simple(payload))
    spoil(disk)
    spoil(disk, backup=True)
    refuse("GPT", disk)


@pytest.mark.parametrize("table", ["gpt", "mbr"])
def test_partition_past_the_end(folder, refuse, table):
    big = Partition(ESP, 64 * MiB, name="esp")
    refuse("PARTITION", make_disk(folder / "disk", [big], table=table, size=8 * MiB))


def test_partition_on_a_disk_that_was_cut(folder, payload, refuse):
    """The backup GPT is gone with the end of the disk; the primary is sound, but the partition is not all there."""
    disk = esp_disk(folder / "disk", simple(payload))
    with open(disk.path, "r+b") as image:
        image.truncate(8 * MiB)
    refuse("PARTITION", disk)


def test_no_volume_to_boot_from(folder, refuse):
    refuse("NO_VOLUME", make_disk(folder / "disk", [Partition(LINUX, 8 * MiB, name="data")]))


def test_nothing_to_boot(folder, refuse):
    refuse("NO_ENTRY", esp_disk(folder / "disk", {"/readme.txt": "nothing here\n"}))


def _loop(fat, first):
    """The second cluster points back to the first."""
    fat.set(first + 1, first)


def _outside(fat, first):
    """The second cluster points behind the last one of the volume."""
    fat.set(first + 1, fat.clusters + 2)


def _free(fat, first):
    """The second cluster points to a free one."""
    fat.set(first + 1, 0)


def _short(fat, first):
    """The chain ends before the file does."""
    fat.set(first + 1, (1 << min(fat.bits, 28)) - 1)


@pytest.mark.parametrize("bits", [12, 16, 32])
@pytest.mark.parametrize("spoil, code", [(_loop, "FAT"), (_outside, "FAT"), (_free, "FAT"), (_short, "TRUNCATED")])
def test_cluster_chain_of_the_kernel_is_wrong(folder, payload, refuse, bits, spoil, code):
    files = simple(payload) | {"/payload": payload.bzimage + b"\0" * 50_000}
    disk = esp_disk(folder / "disk", files, bits)
    fat = damage.Fat(disk)
    assert fat.bits == bits
    spoil(fat, fat.first_cluster("/payload"))
    assert "/payload" in refuse(code, disk).errors[0]


def test_volume_of_noise(folder, refuse):
    disk = make_disk(folder / "disk", [Partition(ESP, 8 * MiB, name="esp")])
    disk.write(disk.offset(), noise(8 * MiB))
    refuse("FAT", disk)


def test_disk_of_noise(folder, refuse):
    disk = make_disk(folder / "disk", [], table=None, size=4 * MiB)
    disk.write(0, noise(4 * MiB))
    disk.write(510, b"\0\0")
    refuse("EMPTY_DISK", disk)


@pytest.mark.parametrize("seed", range(4))
def test_noise_with_a_boot_signature(folder, refuse, seed):
    """Such a table may say anything; what matters is that it ends in one line."""
    disk = make_disk(folder / "disk", [], table=None, size=4 * MiB)
    disk.write(0, noise(4 * MiB, seed))
    disk.write(510, b"\x55\xaa")
    refuse("EMPTY_DISK PARTITION NO_VOLUME FAT", disk)


@pytest.mark.parametrize("seed", range(4))
def test_noise_behind_a_sound_boot_sector(folder, payload, refuse, seed):
    disk = esp_disk(folder / "disk", simple(payload))
    fat = damage.Fat(disk)
    disk.write(fat.table, noise(fat.data - fat.table + 64 * 1024, seed))
    refuse("FAT NO_ENTRY", disk)


@pytest.mark.parametrize("missing", ["linux", "initrd"])
def test_entry_names_a_missing_file(folder, payload, refuse, missing):
    files = simple(payload)
    names = {"linux": "/payload", "initrd": "/initrd"} | {missing: "/gone/away"}
    files["/loader/entries/simple.conf"] = entry(names["linux"], [names["initrd"]], options="x")
    assert "/gone/away" in refuse("NOT_FOUND", esp_disk(folder / "disk", files)).errors[0]


@pytest.mark.parametrize(
    "content",
    [b"#!/bin/sh\necho no kernel\n" * 100, b"", b"\x7fELF", noise(20_000), b"\0" * 20_000],
    ids=["text", "nothing", "four bytes", "noise", "zeroes"],
)
def test_not_a_kernel(folder, payload, refuse, content):
    run = refuse("NOT_KERNEL", esp_disk(folder / "disk", simple(payload) | {"/payload": content}))
    assert "/payload" in run.errors[0]


@pytest.mark.parametrize(
    "header",
    [{"signature": b"HdrX"}, {"version": 0x0200}, {"xloadflags": 0}],
    ids=["signature", "old protocol", "no 64-bit entry"],
)
def test_bzimage_that_cannot_be_booted(folder, payload, refuse, header):
    files = simple(payload) | {"/payload": kernels.bzimage(payload.flat, **header)}
    refuse("NOT_KERNEL", esp_disk(folder / "disk", files))


@pytest.mark.parametrize("kind", ["bzimage", "elf32", "elf64", "uki"])
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_truncated_kernel(folder, payload, refuse, kind, keep):
    if kind == "uki":
        whole = kernels.uki(payload.bzimage, "x", volumes.INITRD)
    else:
        whole = getattr(payload, kind)
    if kind.startswith("elf"):
        keep *= 0.5  # behind the half come symbols, which nobody needs
    files = simple(payload) | {"/payload": whole[: int(len(whole) * keep)]}
    refuse("TRUNCATED", esp_disk(folder / "disk", files))


def test_kernel_too_big_for_memory(folder, payload, refuse):
    files = simple(payload) | {"/payload": kernels.bzimage(payload.flat, init_size=0x7000_0000)}
    refuse("NO_MEMORY", esp_disk(folder / "disk", files))


def test_initrd_too_big_for_memory(folder, payload, refuse):
    files = simple(payload) | {"/initrd": b"\0" * (48 * MiB)}
    part = Partition(ESP, 64 * MiB, fat=16, name="esp", files=files)
    refuse("NO_MEMORY", make_disk(folder / "disk", [part]), memory=48)


def test_command_line_too_long_for_the_kernel(folder, payload, refuse):
    files = simple(payload) | {"/loader/entries/simple.conf": entry(options="x" * 3000)}
    refuse("CONFIG", esp_disk(folder / "disk", files))


def test_program_that_needs_uefi(folder, refuse):
    files = {"/EFI/BOOT/BOOTX64.EFI": kernels.STUB}
    refuse("NEEDS_UEFI", esp_disk(folder / "disk", files))


def io_error(disk, **where):
    """A drive whose reads fail: all of them, or those that touch a `sector`."""
    rule = {"event": "read_aio", "errno": 5, **where}
    words = "".join(f",file.inject-error.0.{key}={value}" for key, value in rule.items())
    return Drive(disk, f"driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={disk.path}{words}")


def test_every_read_fails(folder, payload, refuse):
    disk = esp_disk(folder / "disk", simple(payload))
    refuse("IO", io_error(disk))


def test_one_sector_of_the_kernel_cannot_be_read(folder, payload, refuse):
    disk = esp_disk(folder / "disk", simple(payload) | {"/payload": kernels.bzimage(payload.flat + bytes(MiB))})
    fat = damage.Fat(disk)
    sector = (fat.cluster_offset(fat.first_cluster("/payload")) + 700_000) // 512
    run = refuse("IO", io_error(disk, sector=sector))
    assert "/payload" in run.errors[0]


def test_disk_that_never_answers(folder, payload, refuse):
    """A throttle group of a byte a second lets one request pass, and no other before QEMU ends."""
    disk = esp_disk(folder / "disk", simple(payload))
    node = f"driver=throttle,throttle-group=slow,file.driver=raw,file.file.driver=file,file.file.filename={disk.path}"
    run = refuse(
        "TIMEOUT",
        Drive(disk, node),
        settings={"deadline.blk": "400"},
        arguments=["-object", '{"qom-type": "throttle-group", "id": "slow", "limits": {"bps-read": 1}}'],
    )
    assert "400 ms" in run.console and run.seconds < 15, run.explain()
