"""The form of a new task."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from registry.models import Task
from spineml.tasks.task import MAX_NAME, MAX_SLUG

PLATFORM = "platform"


class TaskForm(forms.Form):
    """Whose it is is asked for where there is a choice: the institutions that the person manages models for, and the
    platform for whoever runs it.
    """

    owner = forms.ChoiceField(label=_("For"))
    name = forms.CharField(label=_("Name"), max_length=MAX_NAME, help_text=_("Such as “Kidneys”."))
    slug = forms.CharField(
        label=_("Identifier"),
        max_length=MAX_SLUG,
        help_text=_("Lower-case letters, digits and hyphens, such as kidneys-ct. It never changes."),
    )
    copy_of = forms.ModelChoiceField(
        label=_("Copy the labels of"), queryset=Task.objects.none(), required=False, empty_label=_("No task")
    )
    file = forms.FileField(
        label=_("Or import labels from a file"),
        required=False,
        help_text=_("dataset.json of nnU-Net or TotalSegmentator, .ctbl of 3D Slicer, label descriptions of ITK-SNAP."),
    )

    def __init__(
        self, *args: Any, places: QuerySet[Institution], tasks: QuerySet[Task], platform: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        owners = [(str(place.pk), place.name) for place in places]
        if platform:
            owners.append((PLATFORM, str(_("The platform: every institution"))))
        self.fields["owner"].choices = owners  # type: ignore[attr-defined]
        self.fields["copy_of"].queryset = tasks  # type: ignore[attr-defined]
        if len(owners) == 1:
            self.fields["owner"].widget = forms.HiddenInput()
            self.fields["owner"].initial = owners[0][0]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("copy_of") and given.get("file"):
            self.add_error("file", _("Copy a task or import a file, not both."))
        return given
