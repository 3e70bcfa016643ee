"""Installs the peers, each kind where it disturbs nobody: ``python -m bench.peers.install``.

Those in Python go into a virtual environment below ``data/bench``, those in Node beside this file
(``node_modules``, ignored by git), from lock files with hashes. nchan is a package of Debian's, for
which root is needed. What cannot be installed is said in a sentence and left out of the race.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bus.settings import ROOT

HERE = Path(__file__).parent
FOLDER = ROOT / "data" / "bench" / "peers"
PYTHON = FOLDER / "bin" / "python"
NODE = HERE / "node_modules"
_PACKAGES = ("nginx-light", "libnginx-mod-nchan")


def same(lock: Path, installed: Path) -> bool:
    """True when what was installed last is what the lock file says now."""
    return installed.exists() and installed.read_bytes() == lock.read_bytes()


def install_python(name: str) -> bool:
    """Install one lock file of Python's; True when it is there."""
    lock, installed = HERE / f"{name}.lock", FOLDER / f"{name}.lock"
    if same(lock, installed):
        return True
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--no-input", "--require-hashes", "-r", str(lock)], check=False
    )
    if done.returncode == 0:
        shutil.copy(lock, installed)
    return done.returncode == 0


def install_node() -> bool:
    """Install the lock file of Node's; True when it is there."""
    lock, installed = HERE / "package-lock.json", NODE / ".installed"
    if same(lock, installed):
        return True
    if shutil.which("npm") is None:
        return False
    command = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=HERE, check=False)
    if done.returncode == 0:
        shutil.copy(lock, installed)
    return done.returncode == 0


def install_nchan() -> bool:
    """Install nginx with nchan where Debian has it; True when it is there."""
    if Path("/usr/lib/nginx/modules/ngx_nchan_module.so").exists() and shutil.which("nginx"):
        return True
    if shutil.which("apt-get") is None or os.getuid() != 0:
        return False
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *_PACKAGES]
    # Installed to be started here alone: a policy of 101 lets no package start its service.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    finally:
        if ours:
            policy.unlink()


def main() -> None:
    """Install what can be installed; say what cannot."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = {
        "the peers in Python": lambda: install_python("requirements"),
        "socketify, which is optional": lambda: install_python("requirements-socketify"),
        "the peers in Node, which need npm": install_node,
        f"nchan: as root, apt-get install {' '.join(_PACKAGES)}": install_nchan,
    }
    for name, install in wanted.items():
        if not install():
            print(f"bench-peers: not installed: {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
