"""The form of a new data set."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from cases.models import AnnotationSource
from registry.models import SPINE_CT, Task
from registry.structures import tasks_usable
from spineplatform.shared.incoming import DayFormField
from training.datasets.selectors import Choice

LARGEST_SEED = 2**31 - 1


def _date_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"})


class DatasetForm(forms.Form):
    """The choice of a new data set; where there is only one institution, nobody is asked."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Such as its purpose and month. It must be unique.")
    )
    task = forms.ModelChoiceField(
        label=_("Task"),
        queryset=Task.objects.none(),
        initial=SPINE_CT,
        required=False,
        empty_label=None,
        help_text=_("Masks of tasks that are merged into it are taken too."),
    )
    institutions = forms.ModelMultipleChoiceField(
        label=_("Institutions"), queryset=Institution.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    source = forms.ChoiceField(
        label=_("Mask source"), choices=[("", _("Anyone")), *AnnotationSource.choices], required=False
    )
    date_from = DayFormField(label=_("Approved from"), required=False, widget=_date_input())
    date_to = DayFormField(label=_("Approved to"), required=False, widget=_date_input())
    masks = forms.CharField(
        label=_("Only these masks"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Mask ids, one per line. If empty, all masks approved for training are included."),
    )
    notes = forms.CharField(label=_("Notes"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, institutions: QuerySet[Institution], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["institutions"]
        field.queryset = institutions  # type: ignore[attr-defined]
        field.initial = institutions
        self.fields["task"].queryset = tasks_usable(*institutions.values_list("pk", flat=True))  # type: ignore[attr-defined]
        if institutions.count() == 1:
            field.widget = forms.MultipleHiddenInput()

    def task_chosen(self) -> str:
        """The slug of the task; the spine where none was chosen."""
        chosen = self.cleaned_data["task"]
        return chosen.slug if chosen else SPINE_CT

    def choice(self) -> Choice:
        given = self.cleaned_data
        return Choice(
            date_from=given["date_from"],
            date_to=given["date_to"],
            source=given["source"],
            annotations=tuple(given["masks"].split()),
        )
