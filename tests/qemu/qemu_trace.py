# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's own trace as the judge of what firmware did to the virtio devices between its first instruction and the OS."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

EVENTS = ["memory_region_ops_read", "memory_region_ops_write", "pci_cfg_write", "serial_write"]

# Without these, QEMU takes notifications before the point where it traces a register access.
NO_EVENTFD = [
    word
    for kind in ("blk", "net", "serial", "scsi", "rng")
    for word in ("-global", f"virtio-{kind}-pci.ioeventfd=off")
]

# Port 0x80: Slate's first instruction, and its last before the OS.
MARK_PORT, MARK_ENTRY, MARK_HANDOFF = 0x80, 0x51, 0x52

# Each device's registers are 4 KiB regions of one 16 KiB BAR; the status is in "common" (VIRTIO 1.x, 4.1.4.3).
BAR_SIZE, REGION_SIZE = 0x4000, 0x1000
STATUS = 0x14
ACKNOWLEDGE = 1
PCI_COMMAND, COMMAND_MASTER = 0x04, 1 << 2

BEFORE, SLATE, OS = "before", "slate", "os"

_ACCESS = re.compile(
    r"memory_region_ops_(read|write) cpu \d+ mr (\S+) addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size (\d+) name '([^']*)'"
)
_CONFIG = re.compile(r"pci_cfg_write (\S+) ([0-9a-f:.]+) @0x([0-9a-f]+) <- 0x([0-9a-f]+)")
_SERIAL = re.compile(r"serial_write write addr 0x00 val 0x([0-9a-f]+)")
_REGION = re.compile(r"virtio-pci-(common|isr|device|notify)-(\S+)$")


@dataclass
class Access:
    """One register access: `register` is common, isr, device or notify; `offset` is inside that structure."""

    phase: str
    write: bool
    register: str
    offset: int
    size: int
    value: int

    @property
    def is_status(self):
        return self.register == "common" and self.offset <= STATUS < self.offset + self.size

    @property
    def status(self):
        return self.value >> 8 * (STATUS - self.offset) & 0xFF


@dataclass
class Trace:
    """What the log says. Devices are known by kind and BAR address, PCI functions by name and address."""

    phase: str = BEFORE
    marks: list = field(default_factory=list)
    devices: dict = field(default_factory=lambda: defaultdict(list))
    master: dict = field(default_factory=dict)  # PCI function: bus mastering as last written up to the handoff
    legacy: set = field(default_factory=set)  # devices whose legacy registers Slate used
    uart: bytearray = field(default_factory=bytearray)  # what the guest wrote after the handoff
    between: list = field(default_factory=list)  # virtio accesses after the handoff, before the OS's first output

    def parse(self, path):
        """Takes the whole log that QEMU wrote."""
        with open(path, encoding="utf-8", errors="replace") as log:
            for text in log:
                self.line(text)

    def line(self, text):
        """Takes one line of the log."""
        if match := _ACCESS.match(text):
            self._access(match)
        elif match := _CONFIG.match(text):
            self._config(match)
        elif self.phase == OS and (match := _SERIAL.match(text)):
            self.uart.append(int(match[1], 16))

    def _access(self, match):
        write, address, value, size = match[1] == "write", int(match[3], 16), int(match[4], 16), int(match[5])
        if match[6] == "ioport80" and write and address == MARK_PORT:
            self._mark(value)
        elif match[6] == "virtio-pci" and self.phase == SLATE:
            self.legacy.add(match[2])
        elif region := _REGION.match(match[6]):
            access = Access(self.phase, write, region[1], address % REGION_SIZE, size, value)
            key = f"{region[2]} at {address - address % BAR_SIZE:#x}"
            if self.phase != OS:
                self.devices[key].append(access)
            elif not self.uart:
                self.between.append(f"{key}: {match[0]}")

    def _config(self, match):
        if self.phase != OS and int(match[3], 16) == PCI_COMMAND and match[1].startswith("virtio-"):
            self.master[f"{match[1]} {match[2]}"] = bool(int(match[4], 16) & COMMAND_MASTER)

    def _mark(self, value):
        """Moves from phase to phase; values that other software writes to the port mean nothing."""
        if (self.phase, value) in ((BEFORE, MARK_ENTRY), (SLATE, MARK_HANDOFF)):
            self.phase = SLATE if value == MARK_ENTRY else OS
            self.marks.append(value)


def slate_accesses(accesses):
    return [access for access in accesses if access.phase == SLATE]


def status_faults(name, written):
    """What is wrong with a sequence of status values: bits appear one at a time, and only a reset takes them back."""
    faults = []
    for before, after in zip(written, written[1:]):
        if after and before & ~after:
            faults.append(f"{name}: status {after:#x} lost bits of {before:#x}")
        if after and (after & ~before).bit_count() > 1:
            faults.append(f"{name}: status went from {before:#x} to {after:#x} at once")
        if after and not before and after != ACKNOWLEDGE:
            faults.append(f"{name}: after a reset status became {after:#x}, not ACKNOWLEDGE")
    return faults


def device_faults(name, accesses):
    """
    What is wrong with the way one device was treated between entry and handoff
    (DRV-INIT-01, DRV-INIT-02, DRV-STATUS-02, DRV-RESET-01, DRV-CLEAN-02).
    """
    mine = slate_accesses(accesses)
    status_writes = [number for number, access in enumerate(mine) if access.is_status and access.write]
    if not status_writes:
        return [f"{name}: its status was never written"]
    faults = []
    if mine[status_writes[0]].status != 0:
        faults.append(f"{name}: the first status written is {mine[status_writes[0]].status:#x}, not 0")
    last = status_writes[-1]
    if mine[last].status != 0:
        faults.append(f"{name}: the last status written is {mine[last].status:#x}, not 0")
    after = mine[last + 1 :]
    reads = [access for access in after if access.is_status]
    if not reads or reads[-1].status != 0:
        faults.append(f"{name}: 0 was not read back after the last write of the status")
    if any(access.register == "notify" for access in after):
        faults.append(f"{name}: a queue was notified after the last reset")
    for reset in status_writes:
        later = [access for access in mine[reset + 1 :] if access.is_status]
        if mine[reset].status == 0 and (not later or later[0].write):
            faults.append(f"{name}: a reset was not read back")
    faults += status_faults(name, [mine[number].status for number in status_writes])
    if any(access.register == "isr" and not access.write for access in mine):
        faults.append(f"{name}: its ISR was read")
    return faults


def handoff_faults(trace, devices, legacy=0):
    """All that is wrong with a boot. `devices` counts the modern devices of the machine by kind, {"blk": 2, ...}, and
    `legacy` those with nothing but the legacy interface."""
    if trace.marks != [MARK_ENTRY, MARK_HANDOFF]:
        return [f"marks of entry and handoff: {[hex(mark) for mark in trace.marks]}"]
    faults = []
    touched = {name: accesses for name, accesses in trace.devices.items() if slate_accesses(accesses)}
    for kind, count in devices.items():
        found = sum(name.startswith(f"virtio-{kind} at ") for name in touched)
        if found != count:
            faults.append(f"virtio-{kind}: {count} devices, {found} touched")
    for name, accesses in touched.items():
        faults += device_faults(name, accesses)
    faults += [f"{name}: bus mastering is on at the handoff" for name, on in trace.master.items() if on]
    if len(trace.legacy) != legacy:
        faults.append(f"the legacy registers of {len(trace.legacy)} devices were used; only {legacy} have no others")
    faults += [f"touched after the handoff: {what}" for what in trace.between[:3]]
    return faults
