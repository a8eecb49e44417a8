# SPDX-License-Identifier: BSD-2-Clause
"""One run of a virtual machine: the command line, what it wrote, what was typed, how it ended."""

import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from image import Disk
from qemu_trace import EVENTS, NO_EVENTFD, Trace

ROOT = Path(__file__).resolve().parents[2]
SLATE = ROOT / "build/x86_64/slate.elf"

# The payload's verdicts, beside which Slate's own exit values stand (boot/error.h).
PAYLOAD_OK, PAYLOAD_FAILED = 0x70, 0x71
TIMED_OUT = 124  # of timeout(1)
CANNOT_START = 1  # of QEMU, when its command line is wrong


def slate_errors():
    """{name: exit value} from the table in boot/error.h."""
    rows = re.findall(r"^\s*X\((\w+),\s*(0x[0-9a-f]+),", (ROOT / "boot/error.h").read_text(), re.MULTILINE)
    return {name: int(value, 16) for name, value in rows}


@dataclass
class Run:
    """How a run ended. `code` is the value given to isa-debug-exit, None if the machine ended otherwise."""

    status: int
    console: str = field(repr=False)
    uart: str = field(repr=False)
    trace: Trace = field(repr=False)
    seconds: float

    @property
    def code(self):
        return self.status >> 1 if self.status & 1 and self.status > 1 else None

    @property
    def errors(self):
        """The lines with which Slate says that it failed."""
        return [line for line in self.console.splitlines() if line.startswith("slate: error: ")]

    @property
    def payload(self):
        """What the payload said, without its prefix."""
        lines = (self.uart or self.console).splitlines()
        return [line.removeprefix("payload: ") for line in lines if line.startswith("payload: ")]

    def explain(self):
        ended = "it was stopped because it took too long" if self.status == TIMED_OUT else f"exit status {self.status}"
        return f"{ended}, after {self.seconds:.1f} s; the console's end:\n{self.console[-3000:]}\n{self.uart[-2000:]}"


@dataclass
class Drive:
    """A virtio-blk disk. `node` is what QEMU reads instead of the plain image, in the words of -blockdev."""

    disk: Disk
    node: str = ""
    bus: str = ""
    options: str = ""  # of the device, such as "packed=on"

    def arguments(self, number):
        node = self.node or f"driver=raw,file.driver=file,file.filename={self.disk.path}"
        words = [f"virtio-blk-pci,drive=disk{number}"]
        if self.disk.block != 512:
            words.append(f"logical_block_size={self.disk.block},physical_block_size={self.disk.block}")
        if self.bus:
            words.append(f"bus={self.bus}")
        if self.options:
            words.append(self.options)
        return ["-blockdev", f"node-name=disk{number},{node}", "-device", ",".join(words)]


@dataclass
class Machine:
    """What to run. `typed` is a list of (pattern to wait for, text to type then); `settings` are opt/slate/* files."""

    kernel: Path = SLATE
    drives: list = field(default_factory=list)
    machine: str = "q35"
    memory: int = 256
    bridges: list = field(default_factory=list)  # PCI bridges, which must be there before what is behind them
    devices: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    append: str = ""
    arguments: list = field(default_factory=list)
    console: str = "uart"  # which one is typed at: uart, or virtio
    has_uart: bool = True
    typed: list = field(default_factory=list)
    seconds: int = 40

    def command(self, folder, traced):
        words = ["qemu-system-x86_64", "-machine", self.machine, "-accel", "tcg", "-m", str(self.memory)]
        words += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel", str(self.kernel)]
        words += ["-chardev", "stdio,id=here,signal=off"]
        if self.console == "virtio":
            words += ["-serial", f"file:{folder}/uart" if self.has_uart else "none"]
            words += ["-device", "virtio-serial-pci,id=console0", "-device", "virtconsole,chardev=here"]
        else:
            words += ["-serial", "chardev:here"]
        for bridge in self.bridges:
            words += ["-device", bridge]
        for number, drive in enumerate(self.drives):
            words += drive.arguments(number)
        for device in self.devices:
            words += ["-device", device]
        for key, value in self.settings.items():
            path = folder / f"setting-{key}"
            path.write_bytes(value.encode())
            words += ["-fw_cfg", f"name=opt/slate/{key},file={path}"]
        if self.append:
            words += ["-append", self.append]
        if traced:
            words += [*NO_EVENTFD, "-trace", f"events={folder}/events", "-D", f"{folder}/trace"]
        return [*words, *self.arguments]

    def run(self, folder, traced=False):
        """Runs it to its end. Nothing outlives this call: timeout(1) ends the machine if nothing else does."""
        if traced:
            (folder / "events").write_text("\n".join(EVENTS) + "\n")
        command = ["timeout", "-k", "2", str(self.seconds), *self.command(folder, traced)]
        started = time.monotonic()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        ) as process:
            console = self._converse(process)
            status = process.wait()
        seconds = time.monotonic() - started
        trace = Trace()
        if traced and status != CANNOT_START:
            trace.parse(folder / "trace")
        uart = folder / "uart"
        return Run(
            status,
            console.decode(errors="replace").replace("\r", ""),
            uart.read_bytes().decode(errors="replace").replace("\r", "") if uart.exists() else "",
            trace,
            seconds,
        )

    def _converse(self, process):
        """Collects the console's output, typing each text once its pattern has been seen since the last one."""
        output = bytearray()
        waiting = list(self.typed)
        seen = 0
        while chunk := process.stdout.read(4096):
            output += chunk
            while waiting and (match := re.search(waiting[0][0].encode(), output[seen:])):
                seen += match.end()
                process.stdin.write(waiting.pop(0)[1].encode())
        return output
