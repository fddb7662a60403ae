"""Collect every text for people into the catalogues below locale/, and compile them. Needs GNU gettext.

    python scripts/messages.py            collect and compile
    python scripts/messages.py compile    compile only

Translate what is empty or marked fuzzy in locale/<language>/LC_MESSAGES/*.po, then compile.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import sentences

LANGUAGES = ("ko",)
OPTIONS = ("--no-wrap", "--no-obsolete", "--add-location=file")
# Read by makemessages like any other module, then gone.
COLLECTED = sentences.PROJECT / "spineplatform" / "sentences_collected.py"
IGNORED = ("var", ".venv", "node_modules", "static/vendor", "static/viewer", "docs", "tests", "frontend/tests")


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["compile"]):
        print(__doc__)
        return 2
    if not arguments:
        collect()
    return manage("compilemessages", *languages(), *ignored())


def collect() -> None:
    """Bring the catalogues to what the code says now; what is new stands in them without a translation."""
    calls = (f"# xgettext:no-python-format\npgettext('said', {text!r})\n" for text in sentences.sentences())
    COLLECTED.write_text("\n".join(calls))
    try:
        manage("makemessages", *languages(), *OPTIONS, *ignored(), "--extension=html,txt,py")
        manage("makemessages", *languages(), *OPTIONS, *ignored(), "--domain=djangojs", "--extension=js")
    finally:
        COLLECTED.unlink()
    for path in (sentences.PROJECT / "locale").rglob("*.po"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "POT-Creation-Date" not in line))  # no change, no difference


def ignored() -> list[str]:
    """Also for compiling: an environment in the checkout has catalogues of its own, which are not ours to write."""
    return [f"--ignore={place}" for place in IGNORED]


def languages() -> list[str]:
    return [option for language in LANGUAGES for option in ("--locale", language)]


def manage(*arguments: str) -> int:
    return subprocess.run([sys.executable, "manage.py", *arguments], cwd=sentences.PROJECT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
