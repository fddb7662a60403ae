"""``python -m tests.fuzz --count 10000 --seed 1``: odd files through every reader; ends with 1 when one broke it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz import runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", default="", help=f"one of {', '.join(runner.grammars())}")
    parser.add_argument("--keep", type=Path, help="a folder for the files that broke something")
    options = parser.parse_args()
    report = runner.run(options.count, options.seed, options.kind, options.keep)
    sys.stdout.write(runner.told(report, report.problems) + "\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
