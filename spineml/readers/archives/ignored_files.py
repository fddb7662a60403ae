"""What stands in folders and archives without being an image: clutter of systems, documents, and other archives.

One list for CT and for masks, so that both leave out the same.
"""

from __future__ import annotations

import zlib
from pathlib import Path, PurePosixPath

from spineml.message import Message, message
from spineml.readers.unpacking import GZIP_MAGIC

CLUTTER_NAMES = {
    *(".ds_store", "thumbs.db", "desktop.ini", "dicomdir", "ehthumbs.db", "ehthumbs_vista.db", "autorun.inf"),
    *("icon\r", "$recycle.bin", "system volume information"),
}
CLUTTER_FOLDERS = {"__macosx", ".git", "@eadir", "$recycle.bin", "system volume information", ".trashes"}
DOCUMENTS = {
    *(".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".html", ".htm", ".pdf", ".log", ".ini", ".inf", ".yml", ".yaml"),
    *(".exe", ".dll", ".css", ".js", ".jar", ".bat", ".cmd", ".sh", ".chm", ".hlp", ".url", ".lnk", ".cfg", ".rtf"),
    *(".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".hwp", ".hwpx", ".mp4", ".avi", ".ico", ".svg"),
}
BEGINNINGS = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x04\x22\x4d\x18": "LZ4",
    b"LZIP": "lzip",
    b"MSCF\0\0\0\0": "CAB",
    b"ALZ\x01": "ALZ",
    b"EGGA": "EGG",
    b"\x1f\x9d": "compress",
    b"\x60\xea": "ARJ",
    b"xar!": "XAR",
}
NAMED = {
    ".tar": "tar",
    ".tgz": "tar.gz",
    ".tbz": "tar.bz2",
    ".tbz2": "tar.bz2",
    ".txz": "tar.xz",
    ".tzst": "tar.zst",
    ".7z": "7z",
    ".rar": "RAR",
    ".alz": "ALZ",
    ".egg": "EGG",
    ".lzh": "LZH",
    ".cab": "CAB",
    ".iso": "ISO",
}
TAR_MAGIC, TAR_PLACE = b"ustar", 257
DISC_MAGIC, DISC_PLACE = b"CD001", 32769
HEAD_BYTES = 1024


def is_clutter(name: str) -> bool:
    """Whether systems leave files of this name in folders, archives and on discs; AppleDouble ``._1.dcm`` included."""
    *folders, last = PurePosixPath(name.replace("\\", "/").casefold()).parts or ("",)
    return last in CLUTTER_NAMES or last.startswith(".") or bool(CLUTTER_FOLDERS.intersection(folders))


def is_document(name: str) -> bool:
    """Whether the name is that of a text, a program or a film: what viewers and reports bring along."""
    return PurePosixPath(name.casefold()).suffix in DOCUMENTS


def archive_of(path: Path, name: str) -> str:
    """The kind of archive that a file is, such as "7z" or "tar.gz"; empty for none. A zip is told by its reader."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        stream.seek(DISC_PLACE)
        disc = stream.read(len(DISC_MAGIC)) == DISC_MAGIC
    if disc:
        return "ISO"
    if head.startswith(GZIP_MAGIC):
        return "tar.gz" if _holds_tar(head) or name.casefold().endswith((".tar.gz", ".tgz")) else "gzip"
    if _is_tar(head):
        return "tar"
    for beginning, kind in BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    if head[2:5] == b"-lh" and head[6:7] == b"-":
        return "LZH"
    return NAMED.get(PurePosixPath(name.casefold()).suffix, "")


def why_not_opened(kind: str) -> Message:
    """What is said of an archive that ``archive_of`` found."""
    if kind == "gzip":
        return message("The file is compressed with gzip and is not a NIfTI. Unpack it and send its content.")
    if kind == "ISO":
        return message("This is a disc image, which is not supported. Send its files as a folder or a zip.")
    return message("Archives of the kind {kind} are not opened. Send a zip, or the files themselves.", kind=kind)


def _is_tar(head: bytes) -> bool:
    return head[TAR_PLACE : TAR_PLACE + len(TAR_MAGIC)] == TAR_MAGIC


def _holds_tar(head: bytes) -> bool:
    try:
        return _is_tar(zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD_BYTES))
    except zlib.error:
        return False
