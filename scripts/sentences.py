"""Every sentence that Python code says to a person without naming gettext: errors, verdicts, progress.

The pure library knows no Django, and workers do not know who will read: both write English, which
`spineplatform.shared.words` translates. Found are the docstrings of error classes, and text that reads like a sentence;
formatted values become ``{gaps}``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("accounts", "cases", "inference", "training", "spineml", "spineplatform")
# Programs for whoever runs the server, and what reads no page.
LEFT_OUT = {"migrations", "bench", "management", "embedded"}
LEFT_OUT_FILES = {
    "admin.py",
    "cross_validation.py",
    "default_model.py",
    "demo.py",
    "demo_data.py",
    "processes.py",
    "scoring.py",
    "secret_key.py",
    "settings.py",
}
ROOTS = {"UserError", "SpineError"}
PROGRESS = {"report", "RunProgress"}
# What these are given is translated by gettext, read by programmers, or part of the REST documentation.
NOT_SAID = {
    "_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy",
    "ValueError", "TypeError", "RuntimeError", "KeyError", "AssertionError", "DatabaseError", "ImproperlyConfigured",
    "debug", "info", "warning", "exception", "extend_schema", "OpenApiParameter", "OpenApiResponse", "OpenApiExample",
    "inline_serializer", "binary_answer", "problems",
}  # fmt: skip
NOT_SAID_KEYWORDS = {"help_text", "description", "verbose_name"}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LEAST_WORDS = 3


def sentences() -> dict[str, str]:
    """Every sentence with the file it stands in, in the order of files and lines."""
    trees = {path: ast.parse(path.read_text()) for path in _files()}
    errors = error_classes(list(trees.values()))
    found: dict[str, str] = {}
    for path, tree in trees.items():
        for text in (*_docstrings(tree, errors), *_texts(tree, errors)):
            found.setdefault(text, str(path.relative_to(PROJECT)))
    return found


def _files() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*.py")):
            if not LEFT_OUT & set(path.parts) and path.name not in LEFT_OUT_FILES:
                yield path


def error_classes(trees: list[ast.Module]) -> set[str]:
    """The names of all classes that descend from the user's errors."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known, before = set(ROOTS), 0
    while len(known) > before:
        before = len(known)
        known |= {one.name for one in classes if any(_name(base) in known for base in one.bases)}
    return known


def _docstrings(tree: ast.Module, errors: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in errors:
            text = ast.get_docstring(node)
            if text:
                yield text


def _texts(tree: ast.Module, errors: set[str]) -> Iterator[str]:
    """Text given to an error or to a report of progress, and what else reads like a sentence."""
    out, told = _left_out(tree), _told(tree, errors)
    for node in ast.walk(tree):
        if id(node) in out or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        text = with_gaps(node)
        if text and (id(node) in told or _reads_like_a_sentence(text)):
            yield text


def _reads_like_a_sentence(text: str) -> bool:
    return len(text.split()) >= LEAST_WORDS and text.rstrip().endswith((".", "?")) and text[0] not in "<%"


def _told(tree: ast.Module, errors: set[str]) -> set[int]:
    """The nodes that are words for a person whatever they look like."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if _name(node.func) in PROGRESS:
                found |= {id(one) for one in node.args}
            if _name(node.func) in errors:
                found |= {id(one) for one in node.args[:1]}
            found |= {id(word.value) for word in node.keywords if word.arg == "progress_message"}
    return found


def _left_out(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            found |= {id(one) for one in ast.walk(node.body[0])}
        if isinstance(node, ast.Call):
            if _name(node.func) in NOT_SAID:
                found |= {id(one) for one in ast.walk(node)}
            for word in node.keywords:
                if word.arg in NOT_SAID_KEYWORDS:
                    found |= {id(one) for one in ast.walk(word.value)}
        if isinstance(node, ast.JoinedStr):
            found |= {id(one) for value in node.values for one in ast.walk(value)}
    return found


def with_gaps(node: ast.expr) -> str:
    """The text of a string, a gap named after what fills it for each formatted value; empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    text, used = "", set[str]()
    for part in node.values if isinstance(node, ast.JoinedStr) else ():
        if isinstance(part, ast.Constant):
            text += str(part.value)
        elif isinstance(part, ast.FormattedValue):
            text += f"{{{_fresh(_gap_name(part.value), used)}}}"
    return text


def _gap_name(node: ast.expr) -> str:
    name = _name(node) or (_name(node.func) if isinstance(node, ast.Call) else "")
    return name.strip("_").lower() or "value"


def _fresh(name: str, used: set[str]) -> str:
    fresh = name if name not in used else next(f"{name}{n}" for n in range(2, 99) if f"{name}{n}" not in used)
    used.add(fresh)
    return fresh


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
