# SPDX-License-Identifier: BSD-2-Clause
"""The command that users start with: ./qemu-run.sh."""

import os
import pty
import re
import subprocess
from xml.etree import ElementTree

import pytest

from image import Disk, make_disk
from machine import ROOT, slate_errors
from volumes import entry, esp_disk, simple

SCRIPT = ROOT / "qemu-run.sh"


def start(*words, cwd=ROOT, seconds=150):
    """Runs the script without a terminal."""
    command = ["timeout", "-k", "5", str(seconds), SCRIPT, *map(str, words)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd=cwd, check=False)
    assert done.returncode != 124 or "--timeout" in words, done.stderr.decode()
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def test_boots_the_demo_and_traces_it(folder):
    trace = folder / "trace"
    status, console, errors = start("--trace", trace)
    assert status == 0, console[-3000:] + errors
    assert re.search(r"^slate-demo: OK\r?$", console, re.MULTILINE)
    assert console.startswith("Slate ")
    assert "\x1b" not in errors
    lines = trace.read_text().splitlines()
    assert any("virtio-pci-common-virtio-blk" in line for line in lines)
    assert any("virtio-pci-notify-virtio-blk" in line for line in lines)
    assert any(line.startswith("pci_cfg_write virtio-blk-pci") for line in lines)
    assert not [line for line in lines if not re.match(r"pci_cfg_write|.* name '(virtio-|ioport80)", line)]


def test_draws_the_life_of_each_device(folder):
    drawing = folder / "life of the devices.svg"
    status, console, errors = start("--timeline", drawing)
    assert status == 0, console[-3000:] + errors
    assert str(drawing) in errors
    root = ElementTree.parse(drawing).getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text.startswith("00:0")] == ["00:01.0 blk", "00:02.0 net", "00:03.0 rng",
                                                                    "00:04.0 balloon"]  # fmt: skip
    assert texts.count("CLEAN") == 4
    assert "Slate entered" in texts and "OS entered" in texts
    assert [text for text in texts if re.fullmatch(r"\d+ requests, \d+ kicks", text)]
    titles = "\n".join(element.text for element in root.iter("{http://www.w3.org/2000/svg}title"))
    assert "00:01.0 blk: DRIVER_OK, status 0x0f" in titles and "00:02.0 net: reset, confirmed, status 0x00" in titles


def test_boots_the_demo_with_a_virtio_console_alone():
    status, console, errors = start("--console", "virtio", "--machine", "pc")
    assert status == 0, console[-3000:] + errors
    assert console.startswith("Slate ")


def test_gives_a_shell_to_a_terminal():
    """Its stdin and stdout are a pseudo-terminal here."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(["timeout", "120", SCRIPT], stdin=theirs, stdout=theirs, stderr=theirs) as script:
        os.close(theirs)
        seen, answered = b"", 0
        waiting = [(b"slate-demo: OK", b""), (b"/ # ", b"ls /mnt/data\r"), (b"known.bin", b""), (b"/ # ", b"exit\r")]
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
                while waiting and waiting[0][0] in seen[answered:]:
                    answered = seen.index(waiting[0][0], answered) + len(waiting[0][0])
                    os.write(ours, waiting.pop(0)[1])
        except OSError:  # the other side is closed
            pass
        assert script.wait() == 0, seen[-3000:]
    os.close(ours)
    assert b"Ctrl-A X" in seen and not waiting


def test_passes_slates_exit_codes_on_and_explains_them(folder):
    disk = make_disk(folder / "empty, disk", [], table=None, size=1 << 20)
    status, console, errors = start("--disk", disk.path)
    assert status == slate_errors()["EMPTY_DISK"]
    assert "slate: error: " in console
    assert "EMPTY_DISK: the disk has no partition table" in errors


@pytest.mark.parametrize("format", ["raw", "qcow2", "vdi", "vhdx", "vmdk"])
def test_boots_a_disk_of_the_user_and_leaves_it_as_it_is(folder, payload, format):
    disk = esp_disk(folder / "disk", simple(payload))
    path = folder / f"image.{format}"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", format, disk.path, path], check=True)
    before = Disk(path, 512, 0, []).digest()
    status, console, errors = start("--disk", path.name, "--machine", "pc", "--set", "append=more=1", cwd=folder)
    assert "payload: command line [from=simple more=1]" in console, errors
    assert "payload: verdict ok" in console
    assert status == 1 and "QEMU ended with status 225" in errors  # the payload's verdict is none of Slate's codes
    assert Disk(path, 512, 0, []).digest() == before


def test_gives_up_after_its_timeout(folder, payload):
    """A menu that waits for ever."""
    files = simple(payload) | {"/loader/loader.conf": "timeout menu-force\n", "/loader/entries/b.conf": entry()}
    disk = esp_disk(folder / "disk", files)
    status, console, errors = start("--disk", disk.path, "--timeout", 3)
    assert status == 124, console + errors
    assert "ended after 3 seconds" in errors


def test_prints_the_command_without_doing_anything(folder):
    options = ["--machine", "pc", "--memory", "1G", "--cpus", 3, "--accel", "tcg", "--gdb", "--handoff", "strict",
               "--append", "a, b", "--console", "virtio", "--", "-device", "virtio-scsi-pci"]  # fmt: skip
    status, console, errors = start("--print-command", *options, cwd=folder)
    assert status == 0 and not errors
    words = ["-machine pc,accel=tcg", "-m 1G", "-smp 3", "-gdb tcp:127.0.0.1:1234 -S", "name=opt/slate/handoff",
             "virtconsole", "-device virtio-scsi-pci", r"a\,\,\ b\ slate.demo=poweroff\ console=hvc0"]  # fmt: skip
    assert [word for word in words if word not in console] == []


@pytest.mark.parametrize(
    "words",
    [["--machine", "none"], ["--memory", "much"], ["--memory"], ["--arch", "riscv64"], ["--accel", "x"], ["--what"],
     ["--set", "key"], ["--write"], ["--disk", "x", "--write", "--read-only"], ["--block-size", "1000"]],
    ids=" ".join,
)  # fmt: skip
def test_options_that_make_no_sense_are_named(words):
    status, console, errors = start(*words)
    assert status == 2 and not console
    assert any(word in errors for word in words) and errors.count("\n") == 1


def test_help_names_every_option():
    status, console, _ = start("--help")
    assert status == 0
    cases = set(re.findall(r"--[a-z-]+", " ".join(re.findall(r"^    (-.*)\)", SCRIPT.read_text(), re.MULTILINE))))
    assert len(cases) > 15
    assert [option for option in sorted(cases) if option not in console] == []
