"""Forms about versions: bringing a file in, and its notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution
from registry.models import SPINE_CT, Task
from registry.services import Foreign
from spineml.model.preprocess import Preprocess
from spineplatform.shared.errors import UserError

USUAL = Preprocess()


class WindowUnusable(UserError):
    """Give a window as centre and width in HU (width at least 1), or leave both empty."""

    code = "window-unusable"


class ImportForm(forms.Form):
    """``institution`` is asked for where the person manages models at several."""

    institution = forms.ModelChoiceField(label=_("Institution"), queryset=Institution.objects.none(), empty_label=None)
    file = forms.FileField(
        label=_("Model file (.h5)"),
        help_text=_("From this platform, or a U-Net saved by Keras 2. It is checked first; no code in it is executed."),
    )
    notes = forms.CharField(
        label=_("Notes"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), initial=""
    )
    window_centre = forms.FloatField(
        label=_("Window centre (HU)"),
        required=False,
        help_text=_("Keras 2 files only: preprocessing of their images."),
        widget=forms.NumberInput(attrs={"placeholder": f"{USUAL.window_centre:g}", "step": "any"}),
    )
    window_width = forms.FloatField(
        label=_("Window width (HU)"),
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": f"{USUAL.window_width:g}", "step": "any"}),
    )

    task = forms.ModelChoiceField(
        label=_("Task"),
        queryset=Task.objects.none(),
        initial=SPINE_CT,
        empty_label=None,
        required=False,
        help_text=_("Keras 2 files only: what the network was trained for. Its labels must fit its outputs."),
    )

    def __init__(self, *args: Any, institutions: QuerySet[Institution], tasks: QuerySet[Task], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].queryset = tasks  # type: ignore[attr-defined]
        if institutions.count() > 1:
            self.fields["institution"].queryset = institutions  # type: ignore[attr-defined]
        else:
            del self.fields["institution"]


def foreign_of(given: Mapping[str, Any]) -> Foreign:
    """What was said of a file of Keras 2; the usual window and the spine where nothing was.

    Raises:
        WindowUnusable: half a window, or one that cannot be.
    """
    centre, width = given.get("window_centre"), given.get("window_width")
    task = given.get("task") or SPINE_CT
    slug = task.pk if isinstance(task, Task) else str(task)
    if centre is None and width is None:
        return Foreign(task=slug)
    try:
        return Foreign(Preprocess(window_centre=float(centre), window_width=float(width)), slug)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise WindowUnusable from error
