"""Forms of the pages: the upload of CT, and of masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.forms import InstitutionForm
from cases.intake.uploads import PairOptions, PatientRule, SplitWish, UploadOptions
from cases.models import Series
from registry.models import SPINE_CT, ActiveVersion, Task
from registry.structures import tasks_usable

# What a person chooses for a value that is no structure.
BACKGROUND = "0"


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One or more files; ``cleaned_data`` is a list of UploadedFile. An empty file is judged later, with its name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=ManyFilesInput(), allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        single = super().clean
        files = data if isinstance(data, list | tuple) else [data]
        return [single(file, initial) for file in files] if files else [single(None, initial)]


class UploadForm(InstitutionForm):
    field_order = ("files", "institution")
    files = ManyFilesField(label=_("Files"))  # type: ignore[assignment]  # a field here, not the request's files
    title = forms.CharField(
        label=_("Case title"),
        max_length=120,
        required=False,
        help_text=_("If empty, the patient's pseudonym is used. Do not enter names."),
    )
    segment = forms.BooleanField(label=_("Segment automatically after import"), required=False, initial=True)
    segment_with = forms.MultipleChoiceField(
        label=_("Segment with"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: what the institution has chosen."),
    )
    stack_images = forms.BooleanField(
        label=_("Image files in one folder form one series"), required=False, initial=True
    )
    pixel_spacing_mm = forms.FloatField(
        label=_("Pixel spacing (mm)"),
        min_value=0.01,
        max_value=20,
        required=False,
        help_text=_("Only for image files and arrays, which do not contain it."),
    )
    slice_spacing_mm = forms.FloatField(label=_("Slice spacing (mm)"), min_value=0.01, max_value=50, required=False)

    pairs = forms.BooleanField(
        label=_("The files are image-mask pairs"),
        required=False,
        help_text=_(
            "Such as images/7.png and masks/7.png, 7.png and 7_mask.png, VerSe or nnU-Net. They are not segmented."
        ),
    )
    patients = forms.ChoiceField(
        label=_("Patients"),
        required=False,
        choices=[
            (PatientRule.EACH, _("Each image is a different patient")),
            (PatientRule.PREFIX, _("The file name starts with the patient")),
            (PatientRule.TABLE, _("From a CSV among the files (name, patient, split)")),
        ],
    )
    separator = forms.CharField(
        label=_("The patient part ends at"), max_length=5, required=False, initial="_", empty_value="_", strip=False
    )
    split = forms.ChoiceField(
        label=_("Split of these patients"),
        required=False,
        choices=[
            (SplitWish.LATER, _("Decide later")),
            (SplitWish.DRAW, _("Assign at random")),
            (SplitWish.TRAIN, _("Training")),
            (SplitWish.VALIDATION, _("Validation")),
            (SplitWish.TEST, _("Test")),
        ],
        help_text=_("For model admins; splits in the CSV take precedence."),
    )
    approve = forms.BooleanField(
        label=_("I have checked these masks; approve them for training"),
        required=False,
        help_text=_("For model admins. Recorded under your name."),
    )

    task = forms.ModelChoiceField(
        Task.objects.none(),
        label=_("Structures in these masks"),
        required=False,
        empty_label=None,
        help_text=_("By the names in the files; without names the values must be those of the chosen structures."),
    )
    every_label = forms.BooleanField(
        label=_("Treat all non-zero labels of these masks as spine"),
        required=False,
        help_text=_("For label maps with one value per vertebra. Recognised automatically by VerSe file names."),
    )

    def __init__(self, *given: Any, tasks: QuerySet[Task], **named: Any) -> None:
        super().__init__(*given, **named)
        task: Any = self.fields["task"]
        task.queryset, task.initial = tasks, SPINE_CT
        segmented = ActiveVersion.objects.filter(task__in=tasks).values("task")
        offered = [(one.slug, one.name) for one in tasks.filter(pk__in=segmented)]
        if len(offered) > 1:
            self.fields["segment_with"].choices = offered  # type: ignore[attr-defined]
        else:
            del self.fields["segment_with"]

    @property
    def max_files(self) -> int:
        return int(settings.DATA_UPLOAD_MAX_NUMBER_FILES)

    @property
    def max_bytes(self) -> int:
        return int(settings.UPLOAD_MAX_BYTES)

    def options(self) -> UploadOptions:
        given = self.cleaned_data
        spacing = given["pixel_spacing_mm"]
        return UploadOptions(
            title=given["title"],
            segment=given["segment"],
            tasks=tuple(given.get("segment_with", ())),
            stack_images=given["stack_images"],
            pixel_spacing_mm=(spacing, spacing) if spacing else None,
            slice_spacing_mm=given["slice_spacing_mm"],
            pairs=self._pairs() if given["pairs"] else None,
        )

    def _pairs(self) -> PairOptions:
        given = self.cleaned_data
        return PairOptions(
            patients=PatientRule(given["patients"] or PatientRule.EACH),
            separator=given["separator"],
            split=SplitWish(given["split"]),
            approve=given["approve"],
            every_label=given["every_label"],
            task=given["task"].slug if given["task"] and given["task"].slug != SPINE_CT else "",
        )


class MaskForm(forms.Form):
    files = ManyFilesField(  # type: ignore[assignment]  # a field here, not the request's files
        label=_("Mask"),
        help_text=_("NIfTI, NRRD, MHA, NPY, or one PNG per slice named like its DICOM file; or a zip of these."),
    )
    task = forms.ModelChoiceField(
        Task.objects.none(), label=_("Structures in the mask"), empty_label=None, required=False
    )
    label = forms.CharField(label=_("Name of the mask"), max_length=120, required=False)
    every_label = forms.BooleanField(
        label=_("Treat all non-zero labels as spine"),
        required=False,
        help_text=_("For label maps with one value per vertebra whose names are not wanted."),
    )
    order = forms.ChoiceField(
        label=_("PNGs named differently from the DICOM files"),
        required=False,
        choices=[
            ("", _("Start at the lowest slice unless the names say otherwise")),
            ("from-feet", _("Start at the lowest slice")),
            ("from-head", _("Start at the highest slice")),
        ],
    )

    def __init__(self, *given: Any, series: Series, **named: Any) -> None:
        super().__init__(*given, **named)
        task: Any = self.fields["task"]
        task.queryset = tasks_usable(series.institution_id)
        task.initial = SPINE_CT

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("every_label") and (task := given.get("task")) and task.slug != SPINE_CT:
            self.add_error("every_label", _("Choose this only for the spine as a whole."))
        return given


class MappingForm(forms.Form):
    """A label of the task for each value of a label map; `mapping` is what was chosen."""

    def __init__(self, *given: Any, task: Task, found: Sequence[dict[str, Any]], **named: Any) -> None:
        super().__init__(*given, **named)
        labels = [(str(label.value), f"{label.name} ({label.value})") for label in task.definition.labels]
        choices = [("", _("Choose…")), (BACKGROUND, _("Background")), *labels]
        for one in found:
            background = one["by"] == "remembered" and one["label"] is None
            self.fields[f"value_{one['value']}"] = forms.ChoiceField(
                choices=choices,
                initial=BACKGROUND if background else one["label"] or "",
                error_messages={"required": _("Choose a label or background.")},
                label=_("Label of value %(value)s") % {"value": one["value"]},
            )
        self._values = [one["value"] for one in found]

    @property
    def mapping(self) -> dict[int, int | None]:
        """As `cases.label_maps` wants it."""
        chosen = {value: self.cleaned_data[f"value_{value}"] for value in self._values}
        return {value: None if label == BACKGROUND else int(label) for value, label in chosen.items()}
