"""Files that were sent before, by their checksums: said as soon as they arrive, with their cases and what differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from accounts.models import Institution
from cases.models import Case, Upload, UploadFile
from spineml.message import Message, message, sentences
from spineplatform.shared.runs import RunState

MOST_CASES = 3
# What the sender states beside the files, by its name in `Upload.options`.
STATED = {
    "title": message("another title"),
    "segment": message("another choice of segmenting them"),
    "tasks": message("another choice of segmenting them"),
    "stack_images": message("another choice of stacking pictures"),
    "pixel_spacing_mm": message("another pixel size"),
    "slice_spacing_mm": message("another distance of the slices"),
    "pairs": message("another choice of what are masks"),
}


def of_upload(upload: Upload) -> Message:
    """What is said when the very files of ``upload`` arrive once more with all that was stated beside them."""
    if upload.run.state != RunState.SUCCEEDED:
        return message("These files were sent before. Their import goes on, and is not begun a second time.")
    cases = _cases(upload, None)
    if not cases:
        return message("These files were sent before: here is what became of them.")
    return message("These files were sent before and are in {cases}.", cases=_named(cases))


def before(institution: Institution, names: Mapping[str, str], options: Mapping[str, Any]) -> Message:
    """What is said of files of which some were imported at the institution before; empty when none was.

    Args:
        names: the name of each file, by its SHA-256.
        options: what is stated beside them, as `Upload.options` keeps it.
    """
    rows = UploadFile.objects.filter(upload__institution=institution, sha256__in=names)
    rows = rows.filter(upload__run__state=RunState.SUCCEEDED).select_related("upload").order_by("-upload__created_at")
    by_upload: dict[Upload, list[UploadFile]] = {}
    for row in rows:
        by_upload.setdefault(row.upload, []).append(row)
    if not by_upload:
        return Message("")
    upload, files = max(by_upload.items(), key=lambda pair: len({one.sha256 for one in pair[1]}))
    cases = _cases(upload, {one.name for one in files})
    if not cases:
        return Message("")
    known = {row.sha256 for several in by_upload.values() for row in several}
    said = [_which(len(known), len(names), _named(cases))]
    differences = _differences(upload.options, options)
    if differences and len(known) == len(names):
        said.append(message("Now they come with {differences}.", differences=differences))
    if options.get("title") and not options.get("pairs"):
        said.append(message("What is there already keeps its title."))
    return sentences(said)


def _which(known: int, sent: int, cases: Message) -> Message:
    if known == sent:
        return message("These files were sent before and are in {cases}.", cases=cases)
    return message("{known} of {sent} files were sent before and are in {cases}.", known=known, sent=sent, cases=cases)


def _cases(upload: Upload, names: Collection[str] | None) -> list[Case]:
    """The cases that files of these names, or what was packed in them, came into; of all files without names."""
    verdicts = upload.verdicts.all()
    if names is not None:
        named = verdicts.filter(name__in=names)
        verdicts = named if named.filter(all_series__isnull=False).exists() else verdicts
    inside = Q(series__in=verdicts.values("all_series"))
    return list(Case.objects.filter(inside).distinct().order_by("created_at", "pk")[: MOST_CASES + 1])


def _named(cases: list[Case]) -> Message:
    first = ", ".join(f"“{case.title}”" for case in cases[:MOST_CASES])
    if len(cases) == 1:
        return message("the case {title}", title=first)
    if len(cases) > MOST_CASES:
        return message("the cases {titles} and others", titles=first)
    return message("the cases {titles}", titles=first)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Message]:
    """What was stated otherwise. `Upload.options` came through JSON, so tuples are lists in it."""
    return [words for name, words in STATED.items() if _plain(then.get(name)) != _plain(now.get(name))]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
