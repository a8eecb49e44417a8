# SPDX-License-Identifier: BSD-2-Clause
"""The tables of requirements in docs/spec/, and what sources and tests say about their rows. For the scripts beside it."""

import csv
import re
from pathlib import Path

# What Slate's drivers implement today: the other components bind nobody yet.
IMPLEMENTED = ("core", "split", "pci", "blk", "console")
TOP = Path(__file__).resolve().parent.parent
ID = r"(?:DRV|DEV|IMP)-[A-Z]+-\d+"
CITED = re.compile(rf"\b{ID}\b")
JUDGED = re.compile(rf'LAUNCHER_JUDGE\(\s*[^,"]+,\s*"({ID})"')
# A test that expects a verdict: raw_expect(raw, "DRV-INIT-03"), MUTANT("DRV-INIT-03", script), {DISCARD, "DRV-BLK-22"} in
# a table of cases, assert_string_equal(violation->id, "DRV-PCI-35").
EXPECTED = re.compile(
    rf'(?:\b(?:\w*expect\w*|MUTANT)\((?:[^",;]+,)*\s*|\{{[^{{}}";]+,\s*|->id,\s*)"({ID})"'
)


def rows(name):
    with (TOP / "docs/spec" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def driver_rows():
    return rows("driver-requirements.tsv") + rows("driver-implied.tsv")


def rules():
    """What a driver owes and a test on the host can show, or the launcher judges all the same; in order of ids."""
    seen = judged()
    found = [row for row in driver_rows() if row["testable"] == "unit" or row["id"] in seen]
    return sorted(found, key=lambda row: row["id"])


def component(row):
    return row["applies_to"].split(",")[0]


def reasons(name):
    """{id: reason} of not-applicable.tsv or not-observable.tsv."""
    return {row["id"]: row["reason"] for row in rows(name)}


def not_covered():
    """{(file, function, text of the line): row} of not-covered.tsv, where `branches` is a number."""
    result = {}
    for row in rows("not-covered.tsv"):
        row["branches"] = int(row["branches"])
        result[row["file"], row["function"], row["line"]] = row
    return result


def found(pattern, folders, suffixes=(".c", ".h")):
    """{id: [file, ...]}: where the pattern matches below these folders, in order of names."""
    result = {}
    for folder in folders:
        for path in sorted((TOP / folder).rglob("*")):
            if path.suffix not in suffixes:
                continue
            name = path.relative_to(TOP).as_posix()
            for row in pattern.findall(path.read_text(encoding="utf-8")):
                files = result.setdefault(row, [])
                if name not in files:
                    files.append(name)
    return result


def judged():
    return found(JUDGED, ["launcher"], (".c",))


def tripped():
    return found(EXPECTED, ["tests/unit"], (".c",))


def citing_tests():
    """({id: [test, ...]} of Slate, the same of the launcher): the unit tests that cite a row."""
    slate, launcher = {}, {}
    for name, files in found(CITED, ["tests/unit"]).items():
        for file in files:
            side = launcher if Path(file).name.startswith("test_launcher") else slate
            if "/support/" not in file:
                side.setdefault(name, []).append(file)
    return slate, launcher
