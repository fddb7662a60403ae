"""Collect every text for people into the catalogues below locale/, and compile them. Needs GNU gettext.

    python scripts/messages.py            collect and compile
    python scripts/messages.py compile    compile only

Besides what gettext's own calls and the templates hold, these are the literal first arguments of
`spineml.message.message` and the docstrings of the classes of errors. Translate what is empty or marked fuzzy in
locale/<language>/LC_MESSAGES/*.po, then compile.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("accounts", "cases", "inference", "registry", "training", "spineml", "spineplatform")
# The base classes of the user's errors: the docstring of each class below them is what a person reads.
ERRORS = {"UserError", "SpineError"}
CONTEXT = "message"
LANGUAGES = ("ko",)
OPTIONS = ("--no-wrap", "--no-obsolete", "--add-location=file")
# Read by makemessages like any other module, then gone.
COLLECTED = PROJECT / "spineplatform" / "messages_collected.py"
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
    calls = (f"# xgettext:no-python-format\npgettext({CONTEXT!r}, {text!r})\n" for text in messages())
    COLLECTED.write_text("\n".join(calls))
    try:
        manage("makemessages", *languages(), *OPTIONS, *ignored(), "--extension=html,txt,py")
        manage("makemessages", *languages(), *OPTIONS, *ignored(), "--domain=djangojs", "--extension=js")
    finally:
        COLLECTED.unlink()
    for path in (PROJECT / "locale").rglob("*.po"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "POT-Creation-Date" not in line))  # no change, no difference


def messages() -> dict[str, str]:
    """The English of every message with the file it stands in, in the order of files and lines.

    Raises:
        ValueError: a message whose text is no literal, and so cannot be collected.
    """
    paths = [path for package in PACKAGES for path in sorted((PROJECT / package).rglob("*.py"))]
    trees = {path.relative_to(PROJECT): ast.parse(path.read_text()) for path in paths}
    errors = error_classes(list(trees.values()))
    found: dict[str, str] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) == "message":
                found.setdefault(literal(node, path), str(path))
            elif isinstance(node, ast.ClassDef) and node.name in errors:
                found.setdefault(" ".join((ast.get_docstring(node) or "").split()), str(path))
    found.pop("", None)
    return found


def literal(call: ast.Call, path: Path) -> str:
    """The text of one call of ``message``."""
    match call.args:
        case [ast.Constant(value=str(text))]:
            return text
    raise ValueError(f"{path}:{call.lineno}: the text of a message is a literal")


def error_classes(trees: list[ast.Module]) -> set[str]:
    """The names of all classes that descend from the user's errors."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known, before = set(ERRORS), 0
    while len(known) > before:
        before = len(known)
        known |= {one.name for one in classes if any(_name(base) in known for base in one.bases)}
    return known


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def ignored() -> list[str]:
    """Also for compiling: an environment in the checkout has catalogues of its own, which are not ours to write."""
    return [f"--ignore={place}" for place in IGNORED]


def languages() -> list[str]:
    return [option for language in LANGUAGES for option in ("--locale", language)]


def manage(*arguments: str) -> int:
    return subprocess.run([sys.executable, "manage.py", *arguments], cwd=PROJECT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
