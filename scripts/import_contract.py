"""A contract for import-linter by the kinds of modules: which file names may not import which, in whatever app."""

from __future__ import annotations

import re

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class FileKinds(Contract):
    """No module whose last name matches ``importers`` imports one whose last name matches ``forbidden`` (regular
    expressions).
    """

    type_name = "file_kinds"

    importers = fields.StringField()
    forbidden = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        importers, forbidden = re.compile(str(self.importers)), re.compile(str(self.forbidden))
        found = [
            (module, imported)
            for module in sorted(graph.modules)
            if importers.fullmatch(_last(module))
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if forbidden.fullmatch(_last(imported))
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for module, imported in check.metadata["found"]:
            output.print_error(f"{module} imports {imported}", bold=False)


def _last(module: str) -> str:
    return module.rpartition(".")[2]
