"""The contract that REST modules take nothing from modules of pages: what it refuses, and what it lets be."""

from __future__ import annotations

from typing import Any

import grimp
import pytest

from scripts.import_contract import FileKinds

RULE = {"importers": "api|api_.*", "forbidden": "pages|pages_.*"}


def checked(importer: str, imported: str) -> Any:
    graph = grimp.ImportGraph()
    graph.add_import(importer=importer, imported=imported)
    return FileKinds("REST takes nothing from pages", {}, RULE).check(graph, verbose=False)


@pytest.mark.parametrize("importer", ["cases.api", "cases.worklist.api_groups"])
@pytest.mark.parametrize("imported", ["cases.pages", "cases.worklist.pages_groups"])
def test_a_rest_module_that_imports_pages_breaks_the_contract(importer: str, imported: str) -> None:
    found = checked(importer, imported)
    assert not found.kept
    assert found.metadata["found"] == [(importer, imported)]


@pytest.mark.parametrize(
    ("importer", "imported"),
    [("cases.pages", "cases.pages_groups"), ("cases.api", "cases.services"), ("cases.rapid", "cases.pages")],
)
def test_other_imports_are_not_its_business(importer: str, imported: str) -> None:
    assert checked(importer, imported).kept
