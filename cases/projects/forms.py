"""Forms of reading projects."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.forms import InstitutionForm
from accounts.models import Institution, User
from cases.models import ReadingProject, Series
from cases.models.projects import DEFAULT_MARGIN
from cases.projects.selectors import margin_is_fixed, people_of, people_offered
from cases.projects.services import NewProject, ProjectChanges
from registry.models import SPINE_CT, Task
from registry.structures import tasks_usable


class PeopleField(forms.ModelMultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.display_name())


class HowRead(forms.Form):
    """By whom a project is read, and how it is judged; the services check that its people belong to the institution."""

    name = forms.CharField(label=_("Name"), max_length=120)
    readers = PeopleField(
        label=_("Readers"), queryset=User.objects.none(), help_text=_("At least two. Each reads every series.")
    )
    adjudicators = PeopleField(
        label=_("Adjudicators"),
        queryset=User.objects.none(),
        help_text=_(
            "They see all masks and decide where readers disagree. An adjudicator cannot be a reader of the same "
            "project."
        ),
    )
    agreed_dice = forms.FloatField(
        label=_("Accept without adjudication from a Dice of"),
        min_value=0.01,
        max_value=1,
        required=False,
        help_text=_("The first reader's mask is then used for training. If empty, every series is adjudicated."),
    )
    margin = forms.FloatField(
        label=_("Non-inferiority margin of the model (Dice)"),
        min_value=0.001,
        max_value=0.5,
        initial=DEFAULT_MARGIN,
        help_text=_(
            "How much lower the model-reader agreement may be than the reader-reader agreement. Set it in advance."
        ),
    )

    def offer(self, people: QuerySet[User]) -> None:
        for part in ("readers", "adjudicators"):
            self.fields[part].queryset = people  # type: ignore[attr-defined]


class ProjectForm(HowRead, InstitutionForm):
    """A new project."""

    task = forms.ModelChoiceField(
        label=_("Task"),
        queryset=Task.objects.none(),
        initial=SPINE_CT,
        required=False,
        empty_label=None,
        help_text=_("Which structures are drawn. It stays for the project."),
    )
    blind = forms.BooleanField(
        label=_("Blind double reading"),
        required=False,
        initial=True,
        help_text=_("Readers do not see other readers' masks of a series until all have finished it."),
    )

    names_hidden = forms.BooleanField(
        label=_("Adjudicators are not shown the readers' names"),
        required=False,
        help_text=_("They settle without knowing who drew, measured, said or signed what. It stays for the project."),
    )

    def __init__(self, *args: Any, institutions: QuerySet[Institution], **kwargs: Any) -> None:
        super().__init__(*args, institutions=institutions, **kwargs)
        self.offer(people_offered(institutions))
        self.fields["task"].queryset = tasks_usable(*institutions.values_list("pk", flat=True))  # type: ignore[attr-defined]

    def project(self) -> NewProject:
        given = self.cleaned_data
        return NewProject(
            name=given["name"],
            readers=list(given["readers"]),
            adjudicators=list(given["adjudicators"]),
            blind=given["blind"],
            names_hidden=given["names_hidden"],
            agreed_dice=given["agreed_dice"],
            margin=given["margin"],
            task=given["task"].slug if given["task"] else SPINE_CT,
        )


class ProjectChangeForm(HowRead):
    """Begins with how the project is; the services refuse what would break a reading that has begun."""

    def __init__(self, data: Any = None, *, project: ReadingProject) -> None:
        people: dict[str, list[int]] = defaultdict(list)
        for role, user in project.members.taking_part().values_list("role", "user"):
            people[f"{role}s"].append(user)
        now = {"name": project.name, "agreed_dice": project.agreed_dice, "margin": project.margin, **people}
        super().__init__(data, initial=now)
        self.offer(people_of(project))
        self.fields["agreed_dice"].help_text = _(
            "Applies to series that are not decided yet; those whose readers already agree this well are decided at "
            "once. If empty, every series is adjudicated."
        )
        if margin_is_fixed(project):
            self.fields["margin"].disabled = True
            self.fields["margin"].help_text = _(
                "It can no longer be changed because a series has been read by all readers."
            )

    def changes(self) -> ProjectChanges:
        given = self.cleaned_data
        return {
            "name": given["name"],
            "readers": list(given["readers"]),
            "adjudicators": list(given["adjudicators"]),
            "agreed_dice": given["agreed_dice"],
            "margin": given["margin"],
        }


class SeriesField(forms.ModelMultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.case.patient} · {obj.case} · {obj}"


class AddSeriesForm(forms.Form):
    series = SeriesField(label=_("Series"), queryset=Series.objects.none())

    def __init__(self, *args: Any, offered: QuerySet[Series], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["series"].queryset = offered  # type: ignore[attr-defined]
