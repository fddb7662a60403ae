"""Build the viewer of frontend/ into static/viewer/, put JavaScript in shape, or check both.

    python scripts/frontend.py build
    python scripts/frontend.py format
    python scripts/frontend.py check

Needs Node 20.19 or later with npm. The check always compares the committed files with their hashes; without Node it
says that JavaScript was not linted and that the fresh build was left out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "frontend"
BUILT = PROJECT / "static" / "viewer"
MANIFEST = BUILT / "MANIFEST.sha256"
BUNDLES = ("reading.js", "simple.js", "volumework.js")
STAMP = SOURCE / "node_modules" / ".installed-from"


def main(arguments: list[str]) -> int:
    """Carry out one command line; return the exit code."""
    commands = {"build": build, "format": put_in_shape, "check": check}
    if len(arguments) == 1 and arguments[0] in commands:
        return commands[arguments[0]]()
    print(__doc__)
    return 2


def build() -> int:
    """Install the locked packages, run the tests of the pure functions, build, and write the hashes."""
    if not has_node():
        print("Node 20.19 or later with npm is needed to build the viewer: https://nodejs.org")
        return 1
    code = install() or npm("test") or npm("run", "build", out=BUILT)
    if code:
        return code
    MANIFEST.write_text("".join(f"{sha256(BUILT / name)}  {name}\n" for name in listed()), encoding="ascii")
    for name in BUNDLES:
        print(f"{name}: {(BUILT / name).stat().st_size} bytes")
    return 0


def check() -> int:
    """Compare the committed files with their hashes and, where Node is at hand, with a fresh build."""
    lines = [line.split("  ") for line in MANIFEST.read_text(encoding="ascii").splitlines()]
    expected = {name: digest for digest, name in lines}
    wrong = [name for name in listed() if expected.get(name) != sha256(BUILT / name)]
    if wrong or set(expected) != set(listed()):
        print(f"static/viewer differs from its MANIFEST.sha256 ({', '.join(wrong) or 'files'}). Run: make frontend")
        return 1
    if not has_node():
        print("static/viewer has its hashes. Node is not at hand: JavaScript was not linted, tested or built again.")
        return 0
    return install() or biome("check") or npm("test") or compare()


def put_in_shape() -> int:
    """Format JavaScript and mend what the linter can mend by itself."""
    if not has_node():
        print("Node is not at hand: JavaScript was left as it is.")
        return 0
    return install() or biome("check", "--write")


def compare() -> int:
    """Build into an empty folder and compare byte by byte."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "viewer"
        code = npm("run", "build", out=fresh)
        if code:
            return code
        if any((fresh / name).read_bytes() != (BUILT / name).read_bytes() for name in BUNDLES):
            print("static/viewer is not what frontend/ builds. Run: make frontend")
            return 1
    print("static/viewer is what frontend/ builds.")
    return 0


def listed() -> list[str]:
    """The names of the built files, without the manifest."""
    return sorted(path.name for path in BUILT.iterdir() if path.is_file() and path != MANIFEST)


def has_node() -> bool:
    return all(shutil.which(program) for program in ("node", "npm"))


def install() -> int:
    """Install exactly what the lock file names, unless that is there."""
    lock = sha256(SOURCE / "package-lock.json")
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == lock:
        return 0
    code = npm("ci", "--no-audit", "--no-fund", "--ignore-scripts")
    if code == 0:
        STAMP.write_text(lock, encoding="ascii")
    return code


def npm(*arguments: str, out: Path | None = None) -> int:
    """Run npm in frontend/ and show what it says only when it fails."""
    environment = {**os.environ, **({"VIEWER_OUT": str(out)} if out else {})}
    done = subprocess.run(["npm", *arguments], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr)
    return done.returncode


def biome(*arguments: str) -> int:
    """Run the linter and formatter of JavaScript (biome.json) on the project."""
    program = SOURCE / "node_modules" / ".bin" / "biome"
    return subprocess.run([program, *arguments], cwd=PROJECT, check=False).returncode


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
