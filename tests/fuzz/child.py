"""The process of `tests.fuzz.runner`: reads the files it is told of, one line of JSON in and one out for each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.fuzz import runner


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    from tests.fuzz.reading import problems_of

    runner.limit()
    for line in sys.stdin:
        order = json.loads(line)
        folder = Path(order["folder"])
        folder.mkdir()
        Path("/proc/self/clear_refs").write_text("5")
        begun = time.monotonic()
        signal.alarm(runner.SECONDS)  # not caught: it ends the process, as the platform's limit does
        problems = problems_of(order["name"], Path(order["path"]).read_bytes(), folder)
        signal.alarm(0)
        seconds = time.monotonic() - begun
        shutil.rmtree(folder, ignore_errors=True)
        answers.write(json.dumps({"problems": problems, "seconds": seconds, "memory": peak_bytes()}) + "\n")
        answers.flush()


def peak_bytes() -> int:
    """The most memory this process has held since the peak was forgotten."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
