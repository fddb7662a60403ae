"""How reading ends when it ends badly."""

from __future__ import annotations

from spineml.errors import SpineError
from spineml.readers.reading_progress import REASONS


class ReaderFailed(SpineError):
    """The file could not be read because of an error, which was logged. Export it again."""

    def __init__(self, code: str, names: tuple[str, ...] = (), detail: str = "") -> None:
        super().__init__(REASONS[code])
        self.code = code  # type: ignore[misc]  # one class for all ways to fail, each with its code
        self.names = names
        self.detail = detail
