"""Start, stop or look at the embedded services by hand: ``python -m spineplatform.embedded start``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from spineplatform.embedded.account import NoAccount
from spineplatform.embedded.daemon import ServiceFailed
from spineplatform.embedded.programs import ProgramsMissing
from spineplatform.embedded.services import NAMES, EmbeddedServices

PROJECT = Path(__file__).resolve().parent.parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command line; return the exit code."""
    options = parser().parse_args(arguments)
    services = EmbeddedServices(options.state_dir, say=tell)
    only = [options.only] if options.only else list(NAMES)
    try:
        if options.action == "start":
            services.start(only)
        elif options.action == "stop":
            services.stop(only)
        elif options.action == "kill":
            for name in only:
                services.kill(name, signal.SIGKILL)
    except (ServiceFailed, NoAccount, ProgramsMissing) as error:
        tell(str(error))
        return 1
    for status in services.status():
        place = f"127.0.0.1:{status.port}, process {status.pid}" if status.pid else "not running"
        tell(f"{status.name}: {place}{'' if status.answers or not status.pid else ', does not answer'}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    new = argparse.ArgumentParser(prog="python -m spineplatform.embedded", description=__doc__)
    new.add_argument("action", choices=["start", "stop", "status", "kill"])
    new.add_argument("--only", choices=NAMES, help="this service alone")
    default = Path(os.environ.get("SPINE_STATE_DIR", PROJECT / "var"))
    new.add_argument(
        "--state-dir", type=Path, default=default, help="default: SPINE_STATE_DIR, else var/ in the project"
    )
    return new


def tell(line: str) -> None:
    """Write one line to the person at the terminal at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
