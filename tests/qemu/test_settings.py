# SPDX-License-Identifier: BSD-2-Clause
"""What a user can ask of Slate from outside: files opt/slate/* of fw_cfg, and the same keys on -append."""

import pytest

from machine import Drive
from test_boot import booted
from volumes import INITRD, SECOND_INITRD, entries, entry, esp_disk, simple

HOW = ["fw_cfg", "append"]


def ask(how, **settings):
    """The settings as keywords of a machine. An underscore stands for the dot of a key."""
    settings = {key.replace("_", "."): value for key, value in settings.items()}
    if how == "fw_cfg":
        return {"settings": settings}
    words = [f'slate.{key}="{value}"' if " " in value else f"slate.{key}={value}" for key, value in settings.items()]
    return {"append": " ".join(words)}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("wanted, expected", [("b", "n=2"), ("b.conf", "n=2"), ("?b*", "n=3"), ("xb", "n=3")])
def test_entry(folder, payload, boot, how, wanted, expected):
    disk = esp_disk(folder / "disk", {"/payload": payload.bzimage, **entries(a="n=1", b="n=2", xb="n=3", zz="n=4")})
    booted(boot(disk, **ask(how, entry=wanted)), expected)


@pytest.mark.parametrize("how", HOW)
def test_append_goes_behind_the_options_of_the_entry(folder, payload, boot, how):
    disk = esp_disk(folder / "disk", simple(payload))
    booted(boot(disk, **ask(how, append="more=1 quiet")), "from=simple more=1 quiet", INITRD)


@pytest.mark.parametrize("how", HOW)
def test_paths_instead_of_entries(folder, payload, boot, how):
    disk = esp_disk(folder / "disk", simple(payload))
    run = boot(disk, **ask(how, linux="/payload", initrd="/initrd", options="from=paths a=b"))
    booted(run, "from=paths a=b", INITRD)


def test_more_than_one_initrd(folder, payload, boot):
    files = simple(payload) | {"/second": SECOND_INITRD}
    disk = esp_disk(folder / "disk", files)
    run = boot(disk, settings={"linux": "/payload", "initrd": "/second\n/initrd\n", "options": "x"})
    booted(run, "x", SECOND_INITRD + INITRD)
    run = boot(disk, append="slate.linux=/payload slate.initrd=/second slate.initrd=/initrd slate.options=x")
    booted(run, "x", SECOND_INITRD + INITRD)


def test_command_line_wins_over_fw_cfg(folder, payload, boot):
    disk = esp_disk(folder / "disk", {"/payload": payload.bzimage, **entries(a="n=1", b="n=2")})
    booted(boot(disk, settings={"entry": "a"}, append="slate.entry=b"), "n=2")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("which, expected", [("0", "n=0"), ("1", "n=1"), ("00:11.0", "n=0"), ("00:12.0", "n=1")])
def test_disk(folder, payload, boot, how, which, expected):
    disks = []
    for number in (0, 1):
        files = {"/payload": payload.bzimage, **entries(a=f"n={number}")}
        disks.append(Drive(esp_disk(folder / f"disk{number}", files), options=f"addr=0x{11 + number}"))
    booted(boot(*disks, **ask(how, disk=which)), expected)


def test_disks_in_bus_order(folder, payload, boot):
    """The first disk that offers something is booted, whatever order they were given in."""
    empty = Drive(esp_disk(folder / "empty", {}), options="addr=0x10")
    second = Drive(esp_disk(folder / "second", {"/payload": payload.bzimage, **entries(a="n=2")}), options="addr=0x12")
    first = Drive(esp_disk(folder / "first", {"/payload": payload.bzimage, **entries(a="n=1")}), options="addr=0x11")
    booted(boot(second, first, empty), "n=1")


@pytest.mark.parametrize("how", HOW)
def test_timeout_of_0_hides_the_menu(folder, payload, boot, how):
    files = {"/payload": payload.bzimage, "/loader/loader.conf": "timeout 20\n", **entries(a="n=1", b="n=2")}
    run = boot(esp_disk(folder / "disk", files), **ask(how, timeout="0"))
    booted(run, "n=2")
    assert "boots in" not in run.console


@pytest.mark.parametrize("how", HOW)
def test_strict_handoff_boots_when_every_device_resets(folder, payload, boot, how):
    booted(boot(esp_disk(folder / "disk", simple(payload)), **ask(how, handoff="strict")), "from=simple", INITRD)


def test_log_error_is_silent_when_all_goes_well(folder, payload, boot):
    run = boot(esp_disk(folder / "disk", simple(payload)), settings={"log": "error"})
    assert not [line for line in run.console.splitlines() if line and not line.startswith("payload: ")], run.explain()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "key, value",
    [("handoff", "maybe"), ("timeout", "soon"), ("disk", "first"), ("log", "loud"), ("deadline_blk", "1 s")],
)
def test_a_value_that_makes_no_sense_is_named(folder, payload, refuse, how, key, value):
    run = refuse("CONFIG", esp_disk(folder / "disk", simple(payload)), **ask(how, **{key: value}))
    assert key.replace("_", ".") in run.errors[0] and value in run.errors[0], run.errors


def test_a_setting_that_names_what_is_not_there(folder, payload, refuse):
    disk = esp_disk(folder / "disk", simple(payload) | {"/loader/entries/b.conf": entry(options="n=1")})
    assert "nothing-like-it" in refuse("NO_ENTRY", disk, settings={"entry": "nothing-like-it"}).errors[0]
    assert "/no/kernel" in refuse("NOT_FOUND", disk, settings={"linux": "/no/kernel"}).errors[0]
    refuse("NO_DISK", disk, settings={"disk": "7"})
    refuse("NO_DISK", disk, settings={"disk": "00:1f.0"})
