# SPDX-License-Identifier: BSD-2-Clause
"""Every virtio device, claimed or not, is reset when it is found and again before the OS gets it. The judges are QEMU's
trace, Linux, and a payload that reads every device's status itself."""

import random

import pytest

from machine import Drive
from qemu_trace import BEFORE, handoff_faults
from test_boot import booted
from volumes import INITRD, esp_disk, simple

# Two bridges, one behind the other: on q35 a switch behind a root port beside a root port, on pc two PCI bridges.
BRIDGES = {
    "q35": [
        "pcie-root-port,id=near,chassis=1,slot=1",
        "pcie-root-port,id=above,chassis=2,slot=2",
        "x3130-upstream,id=switch,bus=above",
        "xio3130-downstream,id=far,bus=switch,chassis=3,slot=3",
        "pcie-root-port,id=other,chassis=4,slot=4",
    ],
    "pc": ["pci-bridge,id=near,chassis_nr=1", "pci-bridge,id=far,bus=near,chassis_nr=2"],
}

# Kinds as QEMU names their registers, and how many there are of each.
KINDS = {"blk": 2, "serial": 1, "rng": 1, "balloon": 1, "net": 1, "scsi": 1, "gpu": 1, "input": 1}


def zoo(machine):
    """A machine that has one of everything beside its first disk, some of it behind one bridge or two."""
    other = "other" if machine == "q35" else "near"
    return {
        "machine": machine,
        "memory": 512,
        "bridges": BRIDGES[machine],
        "devices": [
            "virtio-serial-pci",
            "virtconsole,chardev=nobody",
            "virtio-rng-pci,bus=near",
            "virtio-balloon-pci",
            "virtio-net-pci,netdev=net,romfile=",
            f"virtio-scsi-pci,bus={other}",
            "scsi-hd,drive=scsi-disk",
            "virtio-gpu-pci",
            "virtio-keyboard-pci",
        ],
        "arguments": [
            "-chardev", "null,id=nobody",
            "-netdev", "user,id=net,restrict=on",
            "-blockdev", "null-co,node-name=scsi-disk,size=1048576,read-zeroes=on",
        ],  # fmt: skip
    }


def devices_in_report(run):
    """The lines of the handoff report: one a device, each with its result at the end."""
    return [line.split()[-1] for line in run.console.splitlines() if line.startswith("handoff: ")]


def judge(run, kinds, legacy=0):
    """Fails with every fault that the trace shows; see handoff_faults()."""
    faults = handoff_faults(run.trace, kinds, legacy)
    assert not faults, "\n".join([*faults, run.explain()])


@pytest.fixture(params=["q35", "pc"])
def machine(request):
    return request.param


def test_linux_gets_every_device_reset(demo_disk, run, folder, machine):
    """From Slate's first instruction to Linux's first line, by QEMU's trace; then Linux drives them all itself."""
    second = Drive(esp_disk(folder / "second", {}), bus="far")
    settings = {"append": "slate.demo=poweroff"}
    result = run(demo_disk, second, **zoo(machine), settings=settings, traced=True, seconds=90)
    assert "slate-demo: OK" in result.console, result.explain()
    assert result.trace.uart.lstrip().startswith(b"[    0.000000] Linux version")
    judge(result, KINDS)
    assert devices_in_report(result) == ["CLEAN"] * sum(KINDS.values()), result.explain()


def test_a_payload_finds_every_device_reset(payload, boot, folder, machine):
    second = Drive(esp_disk(folder / "second", {}), bus="far")
    run = boot(esp_disk(folder / "disk", simple(payload)), second, **zoo(machine), traced=True)
    booted(run, "from=simple", INITRD)
    assert f"{sum(KINDS.values())} virtio devices" in run.payload
    judge(run, KINDS)


def test_devices_are_found_live(payload, boot, folder, machine):
    """SeaBIOS runs before Slate and leaves the disk live: the reset at discovery has something to do on every boot."""
    run = boot(esp_disk(folder / "disk", simple(payload)), machine=machine, traced=True)
    (disk,) = [log for name, log in run.trace.devices.items() if name.startswith("virtio-blk")]
    assert [access.status for access in disk if access.phase == BEFORE and access.is_status and access.write][-1] == 0xF
    judge(run, {"blk": 1})


def test_devices_that_no_driver_knows_are_reset(payload, boot, folder):
    """Types without a driver, another function of a device, an IOMMU, and a disk with only the legacy interface, which
    SeaBIOS leaves live too."""
    legacy = Drive(esp_disk(folder / "legacy", {}), options="disable-modern=on,addr=0x5.0x0,multifunction=on")
    run = boot(
        esp_disk(folder / "disk", simple(payload)),
        legacy,
        bridges=["virtio-iommu-pci"],
        devices=["virtio-crypto-pci,cryptodev=crypto,addr=0x5.0x3", "virtio-9p-pci,fsdev=files,mount_tag=tag"],
        arguments=[
            "-object", "cryptodev-backend-builtin,id=crypto",
            "-fsdev", f"local,id=files,path={folder},security_model=none",
        ],  # fmt: skip
        traced=True,
    )
    booted(run, "from=simple", INITRD)
    assert "5 virtio devices" in run.payload
    assert devices_in_report(run) == ["CLEAN"] * 5, run.explain()
    judge(run, {"blk": 1, "iommu": 1, "crypto": 1, "9p": 1}, legacy=1)


def test_registers_above_4_gib_are_reached(payload, boot, folder):
    """A BAR that takes all the room below 4 GiB makes SeaBIOS put the others above."""
    big = ["-object", "memory-backend-memfd,id=big,size=2G,share=on", "-device", "ivshmem-plain,memdev=big"]
    run = boot(esp_disk(folder / "disk", simple(payload)), arguments=big, traced=True)
    booted(run, "from=simple", INITRD)
    judge(run, {"blk": 1})
    assert [name for name in run.trace.devices if int(name.split()[-1], 16) >= 1 << 32] == list(run.trace.devices)


@pytest.mark.parametrize(
    "options",
    [
        "disable-legacy=on",
        "packed=on",
        "queue-size=4,seg-max-adjust=on",
        "queue-size=1024",
        "num-queues=4",
        "indirect_desc=off,event_idx=off",
        "config-wce=off,discard=off,write-zeroes=off",
        "modern-pio-notify=on",
        "page-per-vq=on",
        "vectors=0",
    ],
)
def test_every_variant_of_a_disk_is_booted_and_reset(payload, boot, folder, options):
    """A larger initrd makes many requests, and its checksum shows that each found its place."""
    initrd = random.Random(1).randbytes(3_000_001)
    run = boot(Drive(esp_disk(folder / "disk", simple(payload) | {"/initrd": initrd}), options=options))
    booted(run, "from=simple", initrd)
