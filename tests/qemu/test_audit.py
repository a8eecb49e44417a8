# SPDX-License-Identifier: BSD-2-Clause
"""`launcher audit` and `launcher timeline` on boots that are made here and now: of SeaBIOS, OVMF and Slate, read from a FIFO
while QEMU writes them. What the firmware of others does to its devices is known, and has to be found."""

import gzip
import json
import re
import subprocess
from xml.etree import ElementTree

import pytest

import firmware
from firmware import BOOTS, LAUNCHER, LINUX_SAYS, OVMF_CODE, ROOT, audit

RECORDED = ROOT / "tests/launcher/traces"


class Audit:
    """The verdict on one boot, from `launcher audit --json`."""

    def __init__(self, text):
        self.report = json.loads(text)
        self.devices = {device["name"]: device for device in self.report["devices"]}

    def verdicts(self):
        return {name: device["verdict"] for name, device in self.devices.items()}

    def of(self, kind):
        """The devices of a kind, in the order of the bus."""
        return [self.devices[name] for name in sorted(self.devices) if self.devices[name]["kind"] == kind]


def ids(device):
    return {found["id"] for found in device["findings"] + device["violations"]}


def live(name, folder, *options):
    """Boots, and audits the trace as it comes."""
    (status, report, errors), console = firmware.run(
        name, folder, lambda trace: audit(trace, "--json", "--until", BOOTS[name].says, *options)
    )
    assert status in (0, 1), f"{errors}\n{console[-2000:]}"
    assert BOOTS[name].says in console
    return status, Audit(report)


@pytest.mark.parametrize("name", ["seabios", "seabios-pc"])
def test_seabios_hands_its_disks_over_live(folder, name):
    status, found = live(name, folder)
    assert status == 1 and not found.report["clean"] and found.report["to"] == "os text"
    assert len(found.devices) == 6
    for disk in found.of("blk"):
        assert disk["verdict"] == "LIVE" and disk["status"] == 0xF and disk["queues_enabled"] == 1 and disk["bus_master"]
        # The reset is not read back; ACKNOWLEDGE and DRIVER come at once; the generation is not looked at.
        assert {"HANDOFF-LIVE", "HANDOFF-QUEUES", "HANDOFF-MASTER", "DRV-PCI-22", "DRV-INIT-03", "DRV-CFG-03"} <= ids(disk)
    assert found.of("blk")[0]["notifications"] >= 16
    assert "NOTE-KICK" in ids(found.of("blk")[0])
    for kind in ("net", "rng", "balloon", "serial"):
        assert [device["verdict"] for device in found.of(kind)] == ["NEVER RESET"]


def test_seabios_does_so_on_mmio_too(folder):
    status, found = live("seabios-mmio", folder)
    assert status == 1
    assert sorted(found.verdicts().values()) == ["LIVE", "NEVER RESET"]
    (disk,) = found.of("blk")
    assert {"HANDOFF-LIVE", "HANDOFF-QUEUES", "DRV-INIT-03", "DRV-RESET-01"} <= ids(disk)


@pytest.mark.skipif(not OVMF_CODE.exists(), reason="package ovmf is not installed")
def test_ovmf_reads_no_reset_back_and_leaves_other_devices_alone(folder):
    status, found = live("ovmf", folder)
    assert status == 1
    boot, other = found.of("blk")
    (rng,) = found.of("rng")
    for bound in (boot, rng):
        assert bound["verdict"] == "UNCONFIRMED" and bound["bus_master"] and bound["status"] == 0
        assert {"HANDOFF-UNCONFIRMED", "HANDOFF-MASTER", "NOTE-RESET", "DRV-RESET-01"} <= ids(bound)
    assert {"DRV-PCI-22", "DRV-CFG-03", "NOTE-KICK"} <= ids(boot)  # five accesses for each notification
    assert "NOTE-LEGACY" in ids(rng)  # it has the modern interface as well
    for alone in (other, *found.of("net"), *found.of("balloon"), *found.of("serial")):
        assert alone["verdict"] == "NEVER RESET" and "HANDOFF-MASTER" in ids(alone)


def test_slate_hands_every_device_over_clean(folder):
    status, found = live("slate", folder, "--from-marker")
    assert status == 0 and found.report["clean"]
    assert found.report["from"] == "marker" and found.report["to"] == "marker"
    assert set(found.verdicts().values()) == {"CLEAN"} and len(found.devices) == 6
    assert [ids(device) for device in found.devices.values()] == [set()] * 6


# ---- The command ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=sorted(path.stem for path in RECORDED.glob("*.gz")))
def recorded(request, folder):
    path = folder / request.param
    path.write_bytes(gzip.decompress((RECORDED / f"{request.param}.gz").read_bytes()))
    return path


def timeline(*words):
    done = subprocess.run([LAUNCHER, "timeline", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_every_recorded_boot_is_judged_and_drawn(recorded, folder):
    says = BOOTS[recorded.name].says
    status, report, errors = audit(recorded, "--json", "--until", says)
    verdict = Audit(report)
    assert status == (0 if recorded.name == "slate" else 1) and not errors
    for device in verdict.devices.values():
        for violation in device["violations"]:
            assert violation["level"] and violation["text"]
            assert all(access.startswith("line ") for access in violation["accesses"])
    status, text, errors = audit(recorded, "--until", says)
    assert all(f"{name:18} {device['verdict']}" in text for name, device in verdict.devices.items())
    status, text, errors = timeline(recorded, "--ascii", "--width", "100", "--until", says)
    assert status == 0 and not errors
    rows = {row[: len(name)]: row for row in text.splitlines() for name in verdict.devices if row.startswith(f"{name}  ")}
    assert set(rows) == set(verdict.devices)
    for name, device in verdict.devices.items():
        if device["verdict"] in ("CLEAN", "NEVER RESET", "UNCONFIRMED", "LIVE"):
            assert device["verdict"] in rows[name]
    status, _, errors = timeline(recorded, "--svg", folder / "drawing.svg", "--until", says)
    assert status == 0 and not errors
    texts = [element.text for element in ElementTree.parse(folder / "drawing.svg").getroot().iter()]
    assert all(name in texts for name in verdict.devices)


def test_reads_standard_input(recorded):
    done = subprocess.run([LAUNCHER, "audit", "-", "--until", BOOTS[recorded.name].says],
                          input=recorded.read_bytes(), capture_output=True, check=False)  # fmt: skip
    assert done.returncode in (0, 1) and done.stdout.startswith(b"stdin: judged from line ")


def test_a_cut_trace_still_has_its_verdict_and_says_so(folder):
    whole = gzip.decompress((RECORDED / "slate.gz").read_bytes())
    (folder / "cut").write_bytes(whole[: len(whole) // 2])
    status, text, _ = audit(folder / "cut", "--until", LINUX_SAYS)
    assert status == 1 and "the trace shows no OS entry" in text and "the last line is cut off" in text


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "which trace?"),
        (["a", "b"], "not also b"),
        (["--what", "a"], "unknown option --what"),
        (["a", "--until"], "--until"),
        (["/nowhere/at/all"], "/nowhere/at/all: No such file"),
        (["/dev/null"], "no virtio device in 0 lines"),
        (["/"], "/: cannot be read: Is a directory"),
    ],
)
@pytest.mark.parametrize("command", ["audit", "timeline"])
def test_what_makes_no_sense_is_named(command, words, said):
    done = subprocess.run([LAUNCHER, command, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


@pytest.mark.parametrize("words", [["--width", "59"], ["--width", "1e3"], ["--svg", "/nowhere/x.svg"]], ids=" ".join)
def test_drawings_that_cannot_be_made_are_refused(folder, words):
    (folder / "trace").write_bytes(gzip.decompress((RECORDED / "seabios.gz").read_bytes()))
    status, text, errors = timeline(folder / "trace", *words)
    assert status == 2 and words[-1] in errors and not text


@pytest.mark.parametrize("command", ["audit", "timeline"])
def test_help_names_every_option(command):
    done = subprocess.run([LAUNCHER, command, "--help"], capture_output=True, text=True, check=True)
    source = (ROOT / f"launcher/{command}_command.c").read_text()
    options = set(re.findall(r'"(--[a-z-]+)"', source))
    assert len(options) > 3 and not [option for option in options if option not in done.stdout]
