"""Reads files of strangers in child processes without secrets, bounded in time, memory and disk (ADR 13)."""

from spineml.isolation.client import Readers, Refused
from spineml.isolation.folder import JobFolder
from spineml.isolation.limits import Limits
from spineml.isolation.outcome import ReaderFailed

__all__ = ["JobFolder", "Limits", "ReaderFailed", "Readers", "Refused"]
