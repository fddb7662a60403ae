"""Forms of the work list: the filter, to whom cases are assigned, and groups."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from cases.worklist.assignments import To
from cases.worklist.filters import DUE, ME, NOBODY, SORTS, STATES, CaseFilter
from cases.worklist.queue import Readers
from spineplatform.shared.incoming import DayFormField

Choices = list[tuple[str, Any]]


def reader_choices(readers: Readers) -> Choices:
    """Groups and people as two parts of one list; people have numbers, groups UUIDs."""
    groups = [(str(one.pk), one.name) for one in readers.groups]
    people = [(str(one.pk), one.display_name()) for one in readers.people]
    return [part for part in ((_("Groups"), groups), (_("People"), people)) if part[1]]  # type: ignore[misc]


class WorkListForm(forms.Form):
    q = forms.CharField(label=_("Search"), required=False)
    state = forms.ChoiceField(choices=[("", ""), *STATES], required=False, widget=forms.HiddenInput)
    assigned = forms.ChoiceField(label=_("Assigned to"), required=False)
    due = forms.ChoiceField(label=_("Due"), choices=[("", _("Any time")), *DUE], required=False)
    institution = forms.ModelChoiceField(
        label=_("Institution"), queryset=Institution.objects.none(), required=False, empty_label=_("All institutions")
    )
    date_from = forms.DateField(
        label=_("Received from"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    date_to = forms.DateField(label=_("to"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    sort = forms.ChoiceField(label=_("Order"), choices=SORTS, required=False)

    def __init__(self, *args: Any, institutions: Any, readers: Readers, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"].queryset = institutions  # type: ignore[attr-defined]
        own = [("", _("Anyone")), (ME, _("Me and my groups")), (NOBODY, _("Nobody"))]
        self.fields["assigned"].choices = [*own, *reader_choices(readers)]  # type: ignore[attr-defined]

    def narrowed(self) -> CaseFilter:
        """The filter for the selector; what is not valid narrows nothing (the form says why)."""
        given = self._given()
        institution = given.pop("institution", None)
        query = given.pop("q", "")
        return CaseFilter(query=query, institution=str(institution.pk) if institution else "", **given)

    def query(self, **other: str) -> str:
        """The valid part of the filter as a query of the list's address; ``other`` takes the place of fields."""
        given = {name: self._as_text(value) for name, value in self._given().items()} | other
        return urlencode({name: value for name, value in given.items() if value})

    def _given(self) -> dict[str, Any]:
        return dict(self.cleaned_data) if self.is_valid() else dict(getattr(self, "cleaned_data", {}))

    @staticmethod
    def _as_text(value: Any) -> str:
        return str(getattr(value, "pk", value) or "")


class AssignForm(forms.Form):
    """``assignee`` is empty (anyone), the number of a person or the UUID of a group."""

    assignee = forms.CharField(required=False, max_length=36)
    due_on = DayFormField(required=False)

    def clean_assignee(self) -> To:
        given = self.cleaned_data["assignee"]
        if not given:
            return To()
        if given.isdecimal() and len(given) < 19:
            return To(person=int(given))
        try:
            return To(group=uuid.UUID(given))
        except ValueError:
            raise forms.ValidationError(_("Choose a person or a group from the list.")) from None


class ManyAssignForm(AssignForm):
    cases = forms.TypedMultipleChoiceField(coerce=uuid.UUID)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        # Whether each is a case of this person is for the door to say.
        self.fields["cases"].choices = [(value, value) for value in data.getlist("cases")]  # type: ignore[attr-defined]


class GroupForm(forms.Form):
    name = forms.CharField(max_length=80)
    members = forms.TypedMultipleChoiceField(coerce=int, required=False, empty_value=[])

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        numbers = [value for value in data.getlist("members") if value.isdecimal() and len(value) < 19]
        self.fields["members"].choices = [(value, value) for value in numbers]  # type: ignore[attr-defined]


class FilterForm(forms.Form):
    name = forms.CharField(max_length=60)
