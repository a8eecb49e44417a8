# SPDX-License-Identifier: BSD-2-Clause
"""What Slate can boot from a disk: partition tables, file systems, boot entries, kinds of kernel. The payload is the
kernel: it checks all that it is given, and says which command line and initrd it got."""

import random

import pytest

import damage
import kernels
import volumes
from image import LINUX, MiB, Partition, XBOOTLDR, make_disk
from machine import PAYLOAD_OK, Drive
from volumes import INITRD, SECOND_INITRD, entries, entry, esp, esp_disk, module_line, simple


def booted(run, line, initrd=None):
    """Whether the payload got this command line and this initrd."""
    assert f"command line [{line}]" in run.payload, run.explain()
    modules = [said for said in run.payload if said.startswith("module ")]
    assert modules == ([] if initrd is None else [module_line(initrd)]), run.explain()


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_boots_on_every_machine(folder, payload, boot, machine):
    run = boot(esp_disk(folder / "disk", simple(payload)), machine=machine)
    booted(run, "from=simple", INITRD)
    assert "entered by linux, 64 bits" in run.payload


@pytest.mark.parametrize("table", ["gpt", "mbr"])
@pytest.mark.parametrize("block, fat", volumes.FAT_SIZE)
def test_boots_from_every_partition_table_and_fat(folder, payload, boot, table, block, fat):
    booted(boot(esp_disk(folder / "disk", simple(payload), fat, block, table=table)), "from=simple", INITRD)


def test_boots_from_an_esp_behind_other_partitions(folder, payload, boot):
    parts = [
        Partition(LINUX, 3 * MiB, name="data"),
        esp(simple(payload), 16),
        Partition(LINUX, 2 * MiB, name="more"),
    ]
    booted(boot(make_disk(folder / "disk", parts)), "from=simple", INITRD)


@pytest.mark.parametrize("fat", [12, 16, 32])
def test_reads_a_file_in_scattered_clusters(folder, payload, boot, fat):
    files = simple(payload) | {"/loader/entries/simple.conf": entry(initrd=["/scattered"], options="x")}
    disk = esp_disk(folder / "disk", files, fat)
    content = random.Random(1).randbytes(150_001)
    damage.fragment(disk, "scattered", content)
    booted(boot(disk), "x", content)


def test_finds_long_names_in_any_case(folder, payload, boot):
    name = "/A Folder with ein paar Wörtern/A Kernel whose name has more than twenty-six letters"
    files = {"/loader/entries/a-rather-long-name.for.an.entry.conf": entry(name.upper().replace("Ö", "ö"),
             options="from=long"), name: payload.bzimage}  # fmt: skip
    booted(boot(esp_disk(folder / "disk", files)), "from=long")


@pytest.mark.parametrize("spoil", [damage.gpt_header, damage.gpt_signature, damage.gpt_entries])
def test_boots_by_the_backup_gpt_and_says_so(folder, payload, boot, spoil):
    disk = esp_disk(folder / "disk", simple(payload))
    spoil(disk)
    run = boot(disk)
    booted(run, "from=simple", INITRD)
    assert [line for line in run.console.splitlines() if "primary GPT damaged" in line and "backup" in line]


def test_boots_by_the_primary_gpt_when_the_backup_is_damaged(folder, payload, boot):
    disk = esp_disk(folder / "disk", simple(payload))
    damage.gpt_header(disk, backup=True)
    run = boot(disk)
    booted(run, "from=simple", INITRD)
    assert "primary GPT damaged" not in run.console


def test_boots_entries_and_kernels_of_xbootldr(folder, payload, boot):
    parts = [
        esp({"/loader/loader.conf": "default wanted*\n", **entries(other="from=esp")}, 16),
        Partition(XBOOTLDR, 16 * MiB, fat=16, name="boot", label="BOOT",
                  files={"/loader/entries/wanted.conf": entry("/k", ["/i"], options="from=xbootldr"),
                         "/k": payload.bzimage, "/i": INITRD}),
    ]  # fmt: skip
    booted(boot(make_disk(folder / "disk", parts)), "from=xbootldr", INITRD)


def test_gives_all_initrds_of_an_entry_in_order(folder, payload, boot):
    files = simple(payload) | {"/second": SECOND_INITRD}
    files["/loader/entries/simple.conf"] = entry(initrd=["/second", "/initrd"], options="from=two")
    booted(boot(esp_disk(folder / "disk", files)), "from=two", SECOND_INITRD + INITRD)


def test_boots_a_unified_kernel_image(folder, payload, boot):
    files = {"/EFI/Linux/image.efi": kernels.uki(payload.bzimage, "from=uki", INITRD)}
    booted(boot(esp_disk(folder / "disk", files)), "from=uki", INITRD)


def test_boots_a_unified_kernel_image_from_the_removable_media_path(folder, payload, boot):
    files = {"/EFI/BOOT/BOOTX64.EFI": kernels.uki(payload.bzimage, "from=removable", INITRD)}
    booted(boot(esp_disk(folder / "disk", files)), "from=removable", INITRD)


@pytest.mark.parametrize("kind", ["elf32", "elf64"])
def test_boots_a_pvh_elf(folder, payload, boot, kind):
    files = {"/loader/entries/a.conf": entry("/kernel.elf", ["/initrd"], options="from=pvh"),
             "/kernel.elf": getattr(payload, kind), "/initrd": INITRD}  # fmt: skip
    run = boot(esp_disk(folder / "disk", files))
    booted(run, "from=pvh", INITRD)
    assert "entered by pvh, 32 bits" in run.payload


def test_boots_from_a_disk_that_cannot_be_written(folder, payload, boot):
    disk = esp_disk(folder / "disk", simple(payload))
    node = f"driver=raw,read-only=on,file.driver=file,file.filename={disk.path},file.read-only=on"
    booted(boot(Drive(disk, node)), "from=simple", INITRD)


@pytest.mark.parametrize("memory", [64, 256, 5120])
def test_passes_the_whole_memory_on(folder, payload, boot, memory):
    run = boot(esp_disk(folder / "disk", simple(payload)), memory=memory)
    sizes = [int(line.split()[3], 16) for line in run.payload if line.startswith("memory ") and line.endswith("type 1")]
    missing = memory * MiB - sum(sizes)
    assert 0 <= missing < 1 * MiB, run.explain()


def test_takes_the_newest_version_first(folder, payload, boot):
    files = {"/payload": payload.bzimage}
    for version in ("6.1.9", "6.1.10", "6.1.10~rc1", "5.99"):
        text = entry(options=f"version={version}", version=version, sort_key="system")
        files[f"/loader/entries/system-{version}.conf"] = text
    booted(boot(esp_disk(folder / "disk", files)), "version=6.1.10")


def test_takes_an_entry_without_tries_left_last(folder, payload, boot):
    files = {"/payload": payload.bzimage}
    for name, version in (("good", "1"), ("new+0-3", "2")):
        files[f"/loader/entries/{name}.conf"] = entry(options=f"name={name}", version=version, sort_key="system")
    booted(boot(esp_disk(folder / "disk", files)), "name=good")


def test_obeys_the_default_of_loader_conf(folder, payload, boot):
    files = {"/payload": payload.bzimage, "/loader/loader.conf": "# which\ntimeout 0\ndefault  b*\n"}
    booted(boot(esp_disk(folder / "disk", files | entries(aa="n=1", bb="n=2", cc="n=3"))), "n=2")


def menu_disk(folder, payload, conf="timeout 20\n"):
    files = {"/payload": payload.bzimage, "/loader/loader.conf": conf}
    return esp_disk(folder / "disk", files | entries(c="n=3", b="n=2", a="n=1"))


@pytest.mark.parametrize("console", ["uart", "virtio"])
@pytest.mark.parametrize("keys, chosen", [("\x1b[B\r", "n=2"), ("3\r", "n=1")])
def test_menu_takes_keys(folder, payload, boot, console, keys, chosen):
    """Entries without sort-key and version go by their names, backwards: c, b, a."""
    run = boot(menu_disk(folder, payload), console=console, typed=[("boots in", keys)])
    booted(run, chosen)
    for title in "abc":
        assert f"Title of {title}" in run.console, run.explain()


def test_menu_boots_the_default_when_its_time_is_up(folder, payload, boot):
    run = boot(menu_disk(folder, payload, "timeout 1\ndefault b\n"))
    booted(run, "n=2")
    assert "Title of a" in run.console


def test_a_countdown_is_not_shown_without_a_choice(folder, payload, boot):
    files = simple(payload) | {"/loader/loader.conf": "timeout 20\n"}
    run = boot(esp_disk(folder / "disk", files))
    booted(run, "from=simple", INITRD)
    assert "boots in" not in run.console


def test_menu_works_without_a_uart(folder, payload, run):
    """The payload has only its exit value then: the menu itself is on the virtio console."""
    result = run(menu_disk(folder, payload), console="virtio", has_uart=False, typed=[("boots in", "\r")])
    assert result.code == PAYLOAD_OK, result.explain()
    assert "Title of a" in result.console
