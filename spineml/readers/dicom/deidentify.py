"""De-identification of DICOM files: the Basic Application Level Confidentiality Profile (DICOM PS3.15 E.1).

The table of tags is the newest one of the installed package dicom-anonymizer; walking the data set is done here,
because that package leaves nested sequences as they are and draws random UIDs. No option of the profile is used: dates
are emptied (no "retain longitudinal temporal information"), device and institution identity, descriptions and all
private tags go. Kept byte for byte: pixel data, geometry, rescale, acquisition parameters. UIDs are replaced by keyed
hashes, so that the files of one series, study and frame of reference stay together.
"""

from __future__ import annotations

import hashlib
import hmac
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any

from dicomanonymizer import dicom_anonymization_databases
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import UID, CTImageStorage, generate_uid

from spineml.errors import UnreadableFile
from spineml.message import message
from spineml.readers.dicom.encoding import NATIVE, Inflater, Opened, damage_as, open_dicom, quiet
from spineml.readers.dicom.fields import identity_of
from spineml.readers.dicom.text import charsets_of, readings, text_in
from spineml.readers.patient_identity import Identity, holds_korean_name
from spineml.readers.series import FileNotUsed

TABLE_NAME = re.compile(r"dicomfields_(\d{4})([a-z]?)")
METHOD = "DICOM PS3.15 Basic Application Level Confidentiality Profile"
ACTIONS = {
    "X_TAGS": "remove",
    "X_D_TAGS": "remove",
    "X_Z_TAGS": "empty",
    "X_Z_D_TAGS": "empty",
    "Z_TAGS": "empty",
    "Z_D_TAGS": "empty",
    "D_TAGS": "dummy",
    "U_TAGS": "uid",
    "X_Z_U_STAR_TAGS": "walk",
}
DUMMY = "REMOVED"
FREE_TEXT_VRS = {"LO", "SH", "LT", "ST", "UT", "UC", "PN"}
TEXT_VRS = {"CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "AE"}


def deidentify_dicom(src: Path, dst: Path, *, uid_salt: str) -> None:
    """Write a de-identified copy of the DICOM file ``src`` to ``dst``.

    The same ``uid_salt`` gives the same replacement for the same UID or patient, in every file; without it
    nobody can tell which. Keep it secret.

    Raises:
        UnreadableFile: ``src`` is no DICOM file, or is damaged.
    """
    damaged = UnreadableFile(src.name, message("The DICOM file is damaged and cannot be de-identified."))
    with damage_as(damaged), quiet():
        opened = _opened(src, dst.parent)
        dataset = opened.dataset
        if opened.syntax not in NATIVE:
            _make_explicit(dataset)
        patient = patient_pseudonym(text_in(dataset, "PatientID"), uid_salt)
        _complete_identity(opened)
        identity, charsets = identity_of(dataset), charsets_of(dataset)
        _clean(dataset, uid_salt)
        _clear_names(dataset, identity, charsets)
        _sign(dataset, patient)
        dataset.preamble = b"\0" * 128
        dataset.file_meta = _file_meta(dataset, opened.sent_as)
        dataset.save_as(dst, enforce_file_format=True)


def _opened(src: Path, folder: Path) -> Opened:
    try:
        opened = open_dicom(src, Inflater(folder))
    except FileNotUsed as error:
        raise UnreadableFile(src.name, error.reason) from error
    if opened.path != src:
        opened.path.unlink()
    return opened


def _make_explicit(dataset: Dataset) -> None:
    """Compressed pixels stand in explicit data sets only, whatever a writer made of the elements before them."""
    if dataset.original_encoding[0]:
        for element in dataset:
            element.is_undefined_length = element.is_undefined_length or element.tag == 0x7FE00010


def table_version() -> str:
    """The newest table of the installed package, such as ``dicomfields_2026c``."""
    names = (module.name for module in pkgutil.iter_modules(dicom_anonymization_databases.__path__))
    return max(name for name in names if TABLE_NAME.fullmatch(name))


def pseudonymous_uid(uid: str, salt: str) -> str:
    """A UID of the form 2.25.<number> that depends on ``uid`` and the secret ``salt`` alone."""
    digest = hmac.new(salt.encode(), f"uid:{uid}".encode(), hashlib.sha256).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def patient_pseudonym(patient_id: str, salt: str) -> str:
    """Sixteen hex digits that depend on the patient's number and the secret ``salt`` alone; empty stays empty."""
    if not patient_id:
        return ""
    return hmac.new(salt.encode(), f"patient:{patient_id}".encode(), hashlib.sha256).hexdigest()[:16]


@cache
def _table() -> tuple[dict[int, str], list[tuple[int, int, str]]]:
    """Actions by tag, and (mask, value, action) for repeating groups such as overlays."""
    tags = dicom_anonymization_database_selector(table_version())
    exact: dict[int, str] = {}
    masked: list[tuple[int, int, str]] = []
    for group, action in ACTIONS.items():
        for entry in tags[group]:
            value = entry[0] << 16 | entry[1]
            if len(entry) == 4:
                masked.append((entry[2] << 16 | entry[3], value, action))
            else:
                exact[value] = action
    return exact, masked


def _action(tag: BaseTag) -> str:
    exact, masked = _table()
    if tag.is_private:
        return "remove"
    if tag in exact:
        return exact[tag]
    return next((action for mask, value, action in masked if tag & mask == value), "keep")


def _clean(dataset: Dataset, salt: str) -> None:
    """Apply the table to every element, those within sequences too. Kept elements are not even decoded."""
    for tag in list(dataset.keys()):
        action = _action(tag)
        if action == "remove":
            del dataset[tag]
        elif action == "uid":
            dataset[tag].value = _new_uids(dataset[tag].value, salt)
        elif action in ("empty", "dummy"):
            element = dataset[tag]
            element.value = DUMMY if action == "dummy" and element.VR in TEXT_VRS else element.empty_value
        elif _is_sequence(dataset, tag):
            for item in dataset[tag].value:
                _clean(item, salt)


def _clear_names(dataset: Dataset, identity: Identity, charsets: list[str]) -> None:
    """Empty what the profile keeps although somebody wrote the patient's name or number into it."""
    for tag in list(dataset.keys()):
        if _is_sequence(dataset, tag):
            for item in dataset[tag].value:
                _clear_names(item, identity, charsets)
            continue
        element = dataset.get_item(tag)
        vr = element.VR or (dictionary_VR(tag) if dictionary_has_tag(tag) else "")
        if vr not in FREE_TEXT_VRS or not element.value:
            continue
        raw = element.value if isinstance(element.value, bytes) else str(element.value).encode()
        if any(identity.is_in(text) or holds_korean_name(text) for text in dict.fromkeys(readings(raw, charsets))):
            dataset[tag].value = dataset[tag].empty_value


def _complete_identity(opened: Opened) -> None:
    """Every DICOM file states its class and instance; some exporters leave them to the file meta information alone."""
    dataset, meta = opened.dataset, opened.meta
    if "Rows" not in dataset:
        raise ValueError("no image")
    dataset.SOPClassUID = dataset.get("SOPClassUID") or meta.get(0x00020002) or CTImageStorage
    dataset.SOPInstanceUID = dataset.get("SOPInstanceUID") or meta.get(0x00020003) or generate_uid()


def _is_sequence(dataset: Dataset, tag: BaseTag) -> bool:
    """By the element's VR, or by the dictionary where the file states none (implicit VR)."""
    stated: str | None = getattr(dataset.get_item(tag), "VR", None)
    if stated is not None:
        return stated == "SQ"
    return dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"


def _new_uids(value: Any, salt: str) -> Any:
    if isinstance(value, (MultiValue, list)):
        return [pseudonymous_uid(str(uid), salt) for uid in value]
    return pseudonymous_uid(str(value), salt) if value else value


def _sign(dataset: Dataset, patient: str) -> None:
    """Name the patient by pseudonym and state the method (DICOM PS3.15 E.1.1)."""
    dataset.PatientID = patient
    dataset.PatientName = patient
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD[:64]
    code = Dataset()
    code.CodeValue = "113100"
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = [code]


def _file_meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    """New file meta information: the old one may name the sending machine."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    return meta
