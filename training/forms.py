"""Forms of the pages about data: the choice of a data set, the draw of splits, and the filter of patients."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.forms import InstitutionForm
from accounts.models import Institution
from cases.models import AnnotationSource
from spineml.stratify import Shares
from training.selectors_datasets import Choice
from training.selectors_splits import SPLIT_OR_NONE, PatientFilter

LARGEST_SEED = 2**31 - 1


def _date_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"})


class DatasetForm(forms.Form):
    """The choice of a new data set; where there is only one institution, nobody is asked."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Such as the purpose and the month. It cannot be used twice.")
    )
    institutions = forms.ModelMultipleChoiceField(
        label=_("Institutions"), queryset=Institution.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    source = forms.ChoiceField(
        label=_("Masks made by"), choices=[("", _("Anybody")), *AnnotationSource.choices], required=False
    )
    date_from = forms.DateField(label=_("Approved from"), required=False, widget=_date_input())
    date_to = forms.DateField(label=_("Approved to"), required=False, widget=_date_input())
    masks = forms.CharField(
        label=_("Only these masks"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Ids of masks, one a line. Left empty, all masks that were approved for training are taken."),
    )
    notes = forms.CharField(label=_("Notes"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, institutions: QuerySet[Institution], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["institutions"]
        field.queryset = institutions  # type: ignore[attr-defined]
        field.initial = institutions
        if institutions.count() == 1:
            field.widget = forms.MultipleHiddenInput()

    def choice(self) -> Choice:
        given = self.cleaned_data
        return Choice(
            date_from=given["date_from"],
            date_to=given["date_to"],
            source=given["source"],
            annotations=tuple(given["masks"].split()),
        )


class DrawForm(InstitutionForm):
    """Shares in percent; the seed is made when it is left empty."""

    train = forms.IntegerField(label=_("Training (%)"), min_value=0, max_value=100, initial=70)
    validation = forms.IntegerField(label=_("Validation (%)"), min_value=0, max_value=100, initial=15)
    test = forms.IntegerField(label=_("Test (%)"), min_value=0, max_value=100, initial=15)
    seed = forms.IntegerField(
        label=_("Seed"), min_value=0, max_value=LARGEST_SEED, required=False, help_text=_("Left empty, one is made.")
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        names = ("train", "validation", "test")
        if all(name in given for name in names) and sum(given[name] for name in names) != 100:
            raise forms.ValidationError(_("The three shares must add up to 100 %."))
        return given

    def shares(self) -> Shares:
        given = self.cleaned_data
        return Shares(given["train"] / 100, given["validation"] / 100, given["test"] / 100)


class PatientFilterForm(forms.Form):
    q = forms.CharField(label=_("Patient"), required=False)
    split = forms.ChoiceField(label=_("Split"), choices=[("", _("All")), *SPLIT_OR_NONE], required=False)
    institution = forms.ModelChoiceField(
        label=_("Institution"), queryset=Institution.objects.none(), required=False, empty_label=_("All institutions")
    )

    def __init__(self, *args: Any, institutions: QuerySet[Institution], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"].queryset = institutions  # type: ignore[attr-defined]

    def narrowed(self) -> PatientFilter:
        """What is not valid narrows nothing; the form says why."""
        given = self.cleaned_data if self.is_valid() else getattr(self, "cleaned_data", {})
        place = given.get("institution")
        return PatientFilter(str(place.pk) if place else "", given.get("split", ""), given.get("q", ""))
