# SPDX-License-Identifier: BSD-2-Clause
"""What every test here shares: the payload, disk images, and a way to boot them that checks what must always hold."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools"), str(HERE.parents[1] / "tools/demo")]

import kernels  # noqa: E402
import machine  # noqa: E402
import make_demo  # noqa: E402
from image import Disk  # noqa: E402


@pytest.fixture(scope="session")
def payload(tmp_path_factory):
    return kernels.build_payload(tmp_path_factory.mktemp("payload"))


@pytest.fixture(scope="session")
def demo():
    """Debian's kernel, the demo's initramfs and disk: the paths of all three."""
    return make_demo.make_demo(machine.ROOT / "build/x86_64/demo")


@pytest.fixture
def folder(tmp_path):
    """A folder for images and logs, gone after the test."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.fixture
def demo_disk(demo, folder):
    """A copy of the demo's disk, which belongs to one test."""
    path = folder / "demo"
    subprocess.run(["cp", "--sparse=always", demo[2], path], check=True)
    return Disk(path, 512, path.stat().st_size // 512, [])


@pytest.fixture
def run(folder):
    """Runs a machine with these disks; fails if it had to be stopped, or if it changed one of them."""

    def run(*disks, traced=False, **keywords):
        drives = [disk if isinstance(disk, machine.Drive) else machine.Drive(disk) for disk in disks]
        subject = machine.Machine(drives=drives, **keywords)
        if subject.kernel == machine.SLATE and not subject.kernel.exists():
            pytest.fail(f"{subject.kernel} is missing: run make")
        images = [drive.disk for drive in drives]
        before = [image.digest() for image in images]
        result = subject.run(folder, traced)
        assert result.status != machine.TIMED_OUT, result.explain()
        assert [image.digest() for image in images] == before, f"a disk was written\n{result.explain()}"
        return result

    return run


@pytest.fixture
def boot(run):
    """Boots through Slate and expects the payload to be content with all that it finds."""

    def boot(*disks, **keywords):
        result = run(*disks, **keywords)
        assert result.code == machine.PAYLOAD_OK, result.explain()
        assert not result.errors, result.explain()
        return result

    return boot


@pytest.fixture
def refuse(run):
    """Boots through Slate and expects it to say in one line why that fails, with one of the named exit codes."""
    codes = machine.slate_errors()

    def refuse(names, *disks, **keywords):
        result = run(*disks, **keywords)
        assert result.code in {codes[name] for name in names.split()}, f"expected {names}\n{result.explain()}"
        assert len(result.errors) == 1, result.explain()
        return result

    return refuse
