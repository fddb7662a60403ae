"""The draw of splits, and the filter of patients."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.forms import InstitutionForm
from accounts.models import Institution
from spineml.learning.stratified_split import Shares
from training.splits.selectors import SPLIT_OR_NONE, PatientFilter

LARGEST_SEED = 2**31 - 1


def _date_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"})


class DrawForm(InstitutionForm):
    """Shares in percent; the seed is made when it is left empty."""

    train = forms.IntegerField(label=_("Training (%)"), min_value=0, max_value=100, initial=70)
    validation = forms.IntegerField(label=_("Validation (%)"), min_value=0, max_value=100, initial=15)
    test = forms.IntegerField(label=_("Test (%)"), min_value=0, max_value=100, initial=15)
    seed = forms.IntegerField(
        label=_("Seed"),
        min_value=0,
        max_value=LARGEST_SEED,
        required=False,
        help_text=_("If empty, a random seed is used."),
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
