"""The PDF of an evaluation, laid out from English into the language of whoever opens it."""

from __future__ import annotations

import re

from django.utils import translation

from spineml.message import message
from spineml.metrics.summary import summarise
from spineml.reports.evaluation_report import Report, as_pdf
from spineml.reports.pdf import NOT_A_DEVICE, Language
from spineml.reports.plots import size_label
from spineplatform.shared.messages import language_named
from tests.pdf_text import pdf_text
from tests.spineml.evaluated import blob, patients, row
from training.evaluations.worker import SPLITS

HANGUL = re.compile("[\uac00-\ud7a3]")
WORD = re.compile("[a-z]{3}", re.IGNORECASE)
SAME_IN_KOREAN = {"Dice", "IoU", "Bland-Altman", "Kim et al. 2020", "Hausdorff 95 (mm)", "Hausdorff 95 (px)"}
FACTS = [message(name) for name in ("Version", "Data set", "Split", "Institution", "Evaluated")]
SEEN = message(
    "{version} was trained on {seen} of these {patients} patients: results that include them show fit to the training "
    "data, not performance on new patients.",
    version="v3",
    seen=2,
    patients=5,
)


def report() -> Report:
    """Everything that an evaluation may say: also of series without a spacing, and of every split."""
    bare = [row(blob((3, 40, 48), 1), blob((3, 40, 48), 2), known=False)]
    both = {
        message("All patients"): patients(2),
        message("Patients on whom {version} was not trained", version="v3"): bare,
    }
    splits = [(message("Split"), words) for words in SPLITS.values()]
    return Report(
        title=message("Evaluation of {version} on “{dataset}”", version="v3", dataset="2026"),
        facts=[*((name, "1") for name in FACTS), *splits],
        warnings=[SEEN, message("These are not test patients: report only results on the test split.")],
        summaries={title: summarise(rows, draws=50) for title, rows in both.items()},
        worst=[(message("Series {number} of the split", number=2), 3, 0.5)],
        plots=[],
    )


def test_every_word_is_translated() -> None:
    korean, left = language_named("ko"), set()

    def say(text: str) -> str:
        words = korean.say(text)
        if WORD.search(words) and not HANGUL.search(words):
            left.add(words)
        return words

    as_pdf(report(), Language("ko", say))
    assert left == SAME_IN_KOREAN


def test_the_pdf_is_in_the_language_named_whatever_is_active() -> None:
    with translation.override("en"):
        korean = pdf_text(as_pdf(report(), language_named("ko")))
    with translation.override("ko"):
        english = pdf_text(as_pdf(report(), language_named("en")))
    for words in ("에 대한 v3 평가", "그중", "중앙값", "참고: v3은(는) 환자 5명 중", "분할의 시리즈 2"):
        assert words in korean
    for words in ("Evaluation of v3 on", "of them not empty", "Note: v3 was trained on 2", "Series 2 of the split"):
        assert words in english
        assert words not in korean
    assert " to " in english
    assert " to " not in korean
    assert NOT_A_DEVICE in english
    assert not HANGUL.search(english)


def test_the_name_of_a_plot_is_put_together_in_korean() -> None:
    title = message("Bland-Altman, {quantity}", quantity=size_label("area_px", "patient"))
    assert language_named("ko").say(title) == "Bland-Altman, 환자별 면적 (px)"
