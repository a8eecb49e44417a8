# SPDX-License-Identifier: BSD-2-Clause
"""The results as tables, for a terminal or in Markdown, and Slate's targets."""

BOOTS = {
    "slate": "Slate",
    "linuxboot": "SeaBIOS, -kernel",
    "syslinux": "SeaBIOS, SYSLINUX",
    "ovmf": "OVMF, systemd-boot",
}
READERS = {
    "slate": "Slate, virtio_blk_read()",
    "seabios": "SeaBIOS, INT 13h",
    "ovmf": "OVMF, ReadBlocks()",
}
IMAGES = {"slate": "slate", "linuxboot": "seabios", "syslinux": "seabios", "ovmf": "ovmf"}
ENTRIES = {"long": "64-bit", "protected": "32-bit", "efi": "EFI"}

NOTES = """\
- Instructions: those that the guest executed, without the ones that it spent waiting for a clock or a port, which
  depend on how fast the processor is. A repeated string instruction is one; its further rounds stand beside it.
- Every request is complete at the firmware's first look, so no count depends on how fast the disk is.
- Slate is started by QEMU's -kernel, so on this machine SeaBIOS runs before it: that is the difference between reset
  and Slate's entry. What Slate asks of the disk is counted from its entry, and SeaBIOS and OVMF from reset.
- SeaBIOS, -kernel: QEMU's linuxboot option ROM fetches kernel and initrd through fw_cfg; nothing is read from the disk.
- OVMF: instructions end at the entry of the kernel's own EFI stub. The stub then loads the initrd through the
  firmware, which is not among the instructions but is among requests, kicks and accesses (up to ExitBootServices).
- The kernel's entry is recognised by its first 64 bytes of code, wherever it was loaded.
- Firmware bytes: Slate's are what is loaded of its ELF file; OVMF's include its store of variables.
"""


def number(value):
    """Exact counts whole, averages with as many digits as they need."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if value >= 100 else f"{value:.2f}"


def kicks_per_mib(boot, loaded_bytes):
    return boot["kicks"] / (loaded_bytes / (1 << 20)) if boot["requests"] else None


def _filled(rows):
    """Without the rows that none of the firmware at hand has anything for."""
    return [row for row in rows if any(value is not None for value in row[1:])]


def boot_table(results):
    """Header and rows of the table of boots."""
    boots = {k: v for k, v in results["boots"].items() if k in BOOTS}
    loaded = results["loaded_bytes"]

    def row(label, value):
        return [label, *(value(name, boot) for name, boot in boots.items())]

    def disk(what):
        return lambda _, boot: boot[what] if boot["requests"] else None

    rows = [
        row("kernel entered at its ... entry", lambda _, b: ENTRIES[b["entry"]]),
        row("instructions, reset to kernel entry", lambda _, b: b["from_reset"]["instructions"]),
        row("  further string rounds", lambda _, b: b["from_reset"]["string_rounds"]),
        row("  waiting, at 4 ns each (left out)", lambda _, b: b["from_reset"]["waiting_instructions"]),
        row(
            "instructions, Slate's entry to kernel's",
            lambda n, b: b["from_entry"]["instructions"] if n == "slate" else None,
        ),
        row("  further string rounds", lambda n, b: b["from_entry"]["string_rounds"] if n == "slate" else None),
        row(
            "  waiting, at 4 ns each (left out)",
            lambda n, b: b["from_entry"]["waiting_instructions"] if n == "slate" else None,
        ),
        row("disk requests", disk("requests")),
        row("kicks", disk("kicks")),
        row("kicks per MiB of kernel and initrd", lambda _, b: kicks_per_mib(b, loaded)),
        row("bytes read from the disk", disk("disk_bytes")),
        row("virtio register accesses", disk("virtio_accesses")),
        row("ISR reads", disk("isr_reads")),
        row("firmware, bytes", lambda n, _: results["firmware_bytes"].get(IMAGES[n])),
    ]
    return ["boot", *(BOOTS[name] for name in boots)], _filled(rows)


def read_table(results):
    """Header and rows of the table of reads."""
    reads = {k: v for k, v in results["reads"].items() if k in READERS}

    def row(label, window, what, per=None):
        def value(figures):
            w = figures.get(window)
            return None if w is None else w[what] / (w[per] if per else 1)

        return [label, *(value(figures) for figures in reads.values())]

    rows = [
        row("instructions per 4 KiB", "4k", "instructions"),
        row("  further string rounds", "4k", "string_rounds"),
        row("instructions per 64 KiB", "64k", "instructions"),
        row("  further string rounds", "64k", "string_rounds"),
        row("requests per 64 KiB", "64k", "requests"),
        row("kicks per request", "4k", "kicks", "requests"),
        row("virtio register accesses per request", "4k", "virtio_accesses", "requests"),
        row("ISR reads per request", "4k", "isr_reads", "requests"),
        row("device accesses of all kinds per 4 KiB", "4k", "accesses"),
        row("submit, kick and wait: instructions per 4 KiB", "request", "instructions"),
        row("32 in flight: instructions per 4 KiB", "many", "instructions"),
        row("32 in flight: virtio accesses per request", "many", "virtio_accesses", "requests"),
    ]
    return ["reads, one at a time", *(READERS[name] for name in reads)], _filled(rows)


def targets(results):
    """Slate's targets: (what, at most, measured, met)."""
    boot, reads = results["boots"]["slate"], results["reads"]["slate"]
    worst = max(w["virtio_accesses"] / w["requests"] for w in reads.values())
    isr = boot["isr_reads"] + sum(w["isr_reads"] * w["reads"] for w in reads.values())
    checks = [
        ("kicks per MiB loaded", 1, kicks_per_mib(boot, results["loaded_bytes"])),
        ("virtio register accesses per request", 1, worst),
        ("ISR reads", 0, isr),
        ("instructions per 4 KiB read", 400, reads["4k"]["instructions"]),
    ]
    return [
        {"target": what, "at_most": limit, "measured": value, "met": value is not None and value <= limit}
        for what, limit, value in checks
    ]


def target_table(checks):
    rows = [[c["target"], c["at_most"], c["measured"], "met" if c["met"] else "MISSED"] for c in checks]
    return ["Slate's targets", "at most", "measured", ""], rows


def _plain(header, rows):
    table = [header, *([number(c) for c in row] for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = []
    for row in table:
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines) + "\n"


def _markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(number(c).replace("  ", "&emsp;") for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def render(results, markdown=False):
    """All of it as text."""
    table = _markdown if markdown else _plain
    packages = ", ".join(f"{name} {version}" for name, version in results["packages"].items())
    parts = [
        f"Measured on {results['date']}: {results['qemu']}, {results['machine']}.\n",
        f"Slate {results['slate']}; Debian's {packages}.\n",
        f"Loaded: kernel {number(results['kernel_bytes'])} bytes, initrd {number(results['initrd_bytes'])} bytes, "
        "from one disk with a GPT and a FAT file system.\n",
    ]
    if markdown:
        parts = ["\n".join(parts)]
    if results["boots"]:
        parts.append("\n" + table(*boot_table(results)))
    if results["reads"]:
        parts.append("\n" + table(*read_table(results)))
    parts.append("\n" + NOTES)
    repeats, differences = results["repeats"], results["differences"]
    if differences:
        parts.append(f"\nNOT the same in {repeats} runs (the first is shown):\n")
        parts += [f"- {line}\n" for line in differences]
    elif repeats > 1:
        parts.append(f"\nEvery count was the same in {repeats} runs.\n")
    if results["targets"]:
        parts.append("\n" + table(*target_table(results["targets"])))
    return "".join(parts)
