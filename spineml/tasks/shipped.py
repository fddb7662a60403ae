"""The tasks that come with the platform: the spine as a whole, and its vertebrae with their names.

Values of vertebrae are those of the VerSe challenge (Sekuboyina et al., Medical Image Analysis 73, 2021): 1 to 7 C1 to
C7, 8 to 19 T1 to T12, 20 to 25 L1 to L6, 26 sacrum, 27 coccyx, 28 T13. Codes are SNOMED CT as in DICOM PS3.16; T13 and
L6 have none of their own and are coded as a vertebra. Colours are of 3D Slicer's generic anatomy and region colours.
"""

from __future__ import annotations

from typing import Final

from spineml.tasks.task import Code, Label, Merge, Task

# The colours of neighbouring vertebrae differ, by hue and by lightness.
NEIGHBOURS: Final = ("#b9e83d", "#00e2ff", "#fb9fff", "#e6a91d", "#00c271", "#68a0f9", "#dd6c9e", "#898e00")
BONE: Final = "#f1d691"
SACRUM, COCCYX, T13 = 26, 27, 28

VERTEBRA_CODES: Final = {
    "C1": "14806007",
    "C2": "39976000",
    "C3": "113205007",
    "C4": "5329002",
    "C5": "36978003",
    "C6": "36054005",
    "C7": "87391001",
    "T1": "64864005",
    "T2": "53733008",
    "T3": "1626008",
    "T4": "73071006",
    "T5": "56401006",
    "T6": "45296009",
    "T7": "62487009",
    "T8": "11068009",
    "T9": "82687006",
    "T10": "7610001",
    "T11": "12989004",
    "T12": "23215003",
    "L1": "66794005",
    "L2": "14293000",
    "L3": "36470004",
    "L4": "11994002",
    "L5": "49668003",
}
# From head to foot, as people read a column.
LEVELS: Final = (
    *(f"C{number}" for number in range(1, 8)),
    *(f"T{number}" for number in range(1, 14)),
    *(f"L{number}" for number in range(1, 7)),
)


def verse_value(level: str) -> int:
    """The VerSe value of a level such as ``T12``."""
    number = int(level[1:])
    if level == "T13":
        return T13
    return {"C": 0, "T": 7, "L": 19}[level[0]] + number


def _vertebra(position: int, level: str) -> Label:
    code = VERTEBRA_CODES.get(level)
    meaning = Code(code, "SCT", f"{level} vertebra") if code else Code("51282000", "SCT", "Vertebra")
    return Label(verse_value(level), f"{level} vertebra", level, NEIGHBOURS[position % len(NEIGHBOURS)], type=meaning)


SPINE_CT: Final = Task(
    "spine-ct", "Spine", (Label(1, "Spine", "Spine", BONE, type=Code("421060004", "SCT", "Vertebral column")),)
)
VERTEBRAE_CT: Final = Task(
    "vertebrae-ct",
    "Vertebrae",
    (
        *(_vertebra(position, level) for position, level in enumerate(LEVELS)),
        Label(SACRUM, "Sacrum", "Sacrum", "#d4bc66", type=Code("54735007", "SCT", "Sacrum")),
        Label(COCCYX, "Coccyx", "Coccyx", "#c6af7d", type=Code("64688005", "SCT", "Coccyx")),
    ),
)
SHIPPED: Final = (SPINE_CT, VERTEBRAE_CT)
# The spine of this platform is the vertebrae without the sacrum and the coccyx.
SPINE_OF_VERTEBRAE: Final = Merge(
    "vertebrae-ct", "spine-ct", dict.fromkeys(sorted(VERTEBRAE_CT.values - {SACRUM, COCCYX}), 1)
)
