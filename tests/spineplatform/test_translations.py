"""The Korean catalogues are complete: a text without a translation, or with other gaps, fails."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.utils.translation.template import templatize

PROJECT = Path(__file__).resolve().parents[2]
CATALOGUES = PROJECT / "locale" / "ko" / "LC_MESSAGES"
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
IN_TEMPLATES = re.compile(r"""\bn?gettext\(u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
IN_SCRIPTS = re.compile(r"""\bn?gettext\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
GAPS = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
Catalogue = dict[str, str]


def catalogue(domain: str) -> Catalogue:
    """Every message with its translation, plural forms as one text each."""
    with (CATALOGUES / f"{domain}.mo").open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # there is no public list
    return {key[0] if isinstance(key, tuple) else key: str(text) for key, text in found.items()}


@pytest.fixture(scope="module")
def collector() -> ModuleType:
    """The script that collects messages."""
    spec = importlib.util.spec_from_file_location("collector", PROJECT / "scripts" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_templates() -> Iterator[tuple[str, str]]:
    for path in sorted((PROJECT / "templates").rglob("*.*")):
        for text in IN_TEMPLATES.findall(templatize(path.read_text(), origin=str(path))):
            yield ast.literal_eval(text), path.name


def in_python() -> Iterator[tuple[str, str]]:
    for package in ("accounts", "cases", "inference", "registry", "training", "spineplatform"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS and node.args:
                    first = node.args[0]
                    assert isinstance(first, ast.Constant), f"{path}: only plain text can be collected"
                    yield str(first.value), path.name


def in_scripts() -> Iterator[tuple[str, str]]:
    for folder in ("static/js", "frontend/src"):
        for path in sorted((PROJECT / folder).rglob("*.js")):
            for text in IN_SCRIPTS.findall(path.read_text()):
                yield ast.literal_eval(text), path.name


def without(texts: Iterator[tuple[str, str]], known: Catalogue) -> list[tuple[str, str]]:
    return sorted({(text, place) for text, place in texts if text.strip() and not known.get(text)})


def test_every_text_of_the_templates_and_forms_has_a_translation() -> None:
    known = catalogue("django")
    assert without(in_templates(), known) == []
    assert without(in_python(), known) == []


def test_every_text_of_the_scripts_has_a_translation() -> None:
    assert without(in_scripts(), catalogue("djangojs")) == []


def test_every_message_has_a_translation(collector: ModuleType) -> None:
    known = catalogue("django")
    wanted = ((f"message\x04{text}", place) for text, place in collector.messages().items())
    assert without(wanted, known) == []


def test_every_gap_of_a_message_has_a_value_and_every_value_a_gap() -> None:
    differ = []
    for path, call in message_calls():
        gaps = set(re.findall(r"\{(\w+)\}", ast.literal_eval(call.args[0])))
        given = {word.arg for word in call.keywords}
        if given != gaps and None not in given:  # None: some come as a dictionary
            differ.append((str(path.relative_to(PROJECT)), call.lineno, sorted(gaps ^ given)))
    assert differ == []


def message_calls() -> Iterator[tuple[Path, ast.Call]]:
    for package in ("accounts", "cases", "inference", "registry", "training", "spineplatform", "spineml"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "message":
                    yield path, node


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_a_translation_fills_in_what_the_text_fills_in(domain: str) -> None:
    differ = [
        (text, translated)
        for text, translated in catalogue(domain).items()
        if text and not set(GAPS.findall(translated)) <= set(GAPS.findall(text))
    ]
    assert differ == []
