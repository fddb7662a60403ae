"""What the PDF of an evaluation says that is too short to be collected as a sentence: see `inference.reports.words`.

Words that a report of a case says too ("Series", "Slice", "Note") stand there.
"""

from django.utils.translation import pgettext_lazy

WORDS = (
    pgettext_lazy("said", "Evaluation of {version} on {dataset}"),
    pgettext_lazy("said", "Version"),
    pgettext_lazy("said", "Data set"),
    pgettext_lazy("said", "Split"),
    pgettext_lazy("said", "Training"),
    pgettext_lazy("said", "Validation"),
    pgettext_lazy("said", "Test"),
    pgettext_lazy("said", "Institution"),
    pgettext_lazy("said", "Evaluated"),
    pgettext_lazy("said", "All patients"),
    pgettext_lazy("said", "Patients on whom {version} was not trained"),
    pgettext_lazy("said", "Images with the lowest Dice"),
    pgettext_lazy("said", "Series {number} of the split"),
    pgettext_lazy("said", "Plots"),
    pgettext_lazy("said", "How to read it"),
    pgettext_lazy("said", "per patient"),
    pgettext_lazy("said", "per image"),
    pgettext_lazy("said", "pooled"),
    # xgettext:no-python-format  # noqa: ERA001
    pgettext_lazy("said", "Mean (95 % interval)"),
    # xgettext:no-python-format  # noqa: ERA001
    pgettext_lazy("said", "Value (95 % interval)"),
    pgettext_lazy("said", "{value} ({low} to {high})"),
    pgettext_lazy("said", "Median"),
    pgettext_lazy("said", "Worst"),
    pgettext_lazy("said", "Table 1 (mean of images)"),
    pgettext_lazy("said", "Mean (SD)"),
    pgettext_lazy("said", "Dice coefficient"),
    pgettext_lazy("said", "Recall"),
    pgettext_lazy("said", "F1-score"),
    pgettext_lazy("said", "Sensitivity (recall)"),
    pgettext_lazy("said", "Sensitivity"),
    pgettext_lazy("said", "Precision"),
    pgettext_lazy("said", "Specificity"),
    pgettext_lazy("said", "Hausdorff 95 ({unit})"),
    pgettext_lazy("said", "Mean surface distance ({unit})"),
    pgettext_lazy("said", "Area difference (px)"),
    pgettext_lazy("said", "Area difference (mm²)"),
    pgettext_lazy("said", "Volume difference (ml)"),
    pgettext_lazy("said", "area (px) per patient"),
    pgettext_lazy("said", "area (px) per image"),
    pgettext_lazy("said", "area (mm²) per patient"),
    pgettext_lazy("said", "area (mm²) per image"),
    pgettext_lazy("said", "volume (ml) per patient"),
    pgettext_lazy("said", "volume (ml) per image"),
    pgettext_lazy("said", "Bias"),
    pgettext_lazy("said", "Lower limit"),
    pgettext_lazy("said", "Upper limit"),
)
