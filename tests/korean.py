"""What is left in English where a Korean reads."""

from __future__ import annotations

import re

HANGUL = re.compile("[\uac00-\ud7a3]")
# Words that Korean radiologists write in Latin letters too: names of formats, units and programs.
_TERMS = """
    CT HU MR PET PNG JPEG TIFF DICOM DICOMDIR NIfTI NRRD MHA MHD NPY RT UTF mm GB MB zip nii gz img nrrd mha csv CSV
    numpy save NaN NumPy MetaImage sform qform ISO Deflate masks images mask png gzip rescale name patient
"""
SAME = frozenset(_TERMS.split())
_WORD = re.compile("[A-Za-z]{2,}")
_NAMED = re.compile(r"“[^”]*”|\S+\.\w{2,4}\b")  # what was sent, and files


def english_left(text: str) -> list[str]:
    """The English words of ``text``, besides names of files, what stands in quotation marks and terms."""
    return [word for word in _WORD.findall(_NAMED.sub(" ", text)) if word not in SAME]
