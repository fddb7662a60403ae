"""Make the virtual environment, and find or install the browser, for the Makefile. Needs nothing but Python 3.11.

    python3.11 scripts/set_up.py environment requirements.txt
    python3.11 scripts/set_up.py browser

Every step says what it does, and a line appears at least every few seconds while it works.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("SPINE_VENV", PROJECT / ".venv"))
PYTHON_WANTED = (3, 11)
SILENCE_SECONDS = 4
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = (
    "The browser tests need Chromium or Chrome, and none was found. Install it as an administrator, for example\n"
    "    apt-get install chromium        (Debian)\n"
    "    snap install chromium           (Ubuntu)\n"
    "    dnf install chromium            (Fedora)\n"
    "then run this again. The tests that need no browser: make test-fast"
)


def main(arguments: list[str]) -> int:
    """Carry out one command line; return the exit code."""
    if arguments[:1] == ["environment"] and len(arguments) > 1:
        return set_up_environment([PROJECT / name for name in arguments[1:]])
    if arguments == ["browser"]:
        return set_up_browser()
    print(__doc__)
    return 2


# --- the virtual environment ------------------------------------------------------------------------------------------
def set_up_environment(requirement_files: list[Path]) -> int:
    """Bring the environment to the given requirement files; takes no time when nothing has changed."""
    if all(is_installed(path) for path in requirement_files):
        return 0
    if sys.version_info[:2] != PYTHON_WANTED:
        print(f"Python 3.11 is needed; this is {sys.version.split()[0]}. Try: make PYTHON=/path/to/python3.11")
        return 1
    if importlib.util.find_spec("ensurepip") is None:
        print("This Python cannot make virtual environments. On Debian: apt-get install python3.11-venv")
        return 1
    code = make_environment()
    for path in requirement_files:
        code = code or install(path)
    return code


def make_environment() -> int:
    """Create the virtual environment unless a working one is there."""
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--version"]
    with contextlib.suppress(OSError):
        if subprocess.run(pip, capture_output=True, check=False).returncode == 0:
            return 0
    print(f"Making the virtual environment in {VENV}", flush=True)
    return run_talking([sys.executable, "-m", "venv", "--clear", str(VENV)])


def install(requirement_file: Path) -> int:
    """Install one requirement file and remember that it is installed."""
    print(f"Installing {requirement_file.name} (the first time this downloads about 600 MB)", flush=True)
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    code = run_talking([*command, "--progress-bar", "off", "-r", str(requirement_file)])
    if code:
        print("Installing failed. Check the network and free disk space (3 GB), then run the same command again.")
        return code
    for path in with_included(requirement_file):
        stamp_of(path).write_text(fingerprint(path), encoding="ascii")
    return 0


def is_installed(requirement_file: Path) -> bool:
    """Tell whether the environment holds this requirement file as it is now."""
    stamp = stamp_of(requirement_file)
    return stamp.exists() and stamp.read_text(encoding="ascii") == fingerprint(requirement_file)


def stamp_of(requirement_file: Path) -> Path:
    """Return where the environment remembers which content of the file it holds."""
    return VENV / f"installed-{requirement_file.stem}.sha256"


def fingerprint(requirement_file: Path) -> str:
    """Return the SHA-256 of the file and of every file it includes."""
    digest = hashlib.sha256()
    for path in with_included(requirement_file):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def with_included(requirement_file: Path) -> Iterator[Path]:
    """Yield the requirement file and those it names by ``-r``."""
    yield requirement_file
    for line in requirement_file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from with_included(requirement_file.parent / line[3:].strip())


# --- the browser ------------------------------------------------------------------------------------------------------
def set_up_browser() -> int:
    """Install Debian's Chromium when no browser is there and we may; otherwise say how."""
    if find_browser():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("No browser found: installing Debian's chromium", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run_talking(["apt-get", "update", "-q"], environment)
        run_talking(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"], environment)
    if find_browser():
        return 0
    print(NO_BROWSER)
    return 1


def find_browser() -> str | None:
    """Return the path of the first browser found."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


# --- telling ----------------------------------------------------------------------------------------------------------
def run_talking(command: list[str], environment: dict[str, str] | None = None) -> int:
    """Run a command, pass its output on, and say that it still works whenever it is silent."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=read_lines, args=(process, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=SILENCE_SECONDS)
        except queue.Empty:
            print(f"  ... still working ({time.monotonic() - started:.0f} s)", flush=True)
            continue
        if line is None:
            return process.wait()
        if b"already satisfied" not in line:
            print(line.decode(errors="replace"), end="", flush=True)


def read_lines(process: subprocess.Popen[bytes], lines: queue.Queue[bytes | None]) -> None:
    """Put each line of the output into the queue, and None at its end."""
    if process.stdout is not None:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\nStopped.")
        sys.exit(130)
