"""REST: reading projects, finishing readings, figures of agreement, proposals and decisions."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, institution_get, require_anywhere
from accounts.models import Institution, User
from cases.access import mask_get, series_get
from cases.models import AgreementRun, Reading, ReadingItem, ReadingProject
from cases.models.projects import AgreementJob, DecisionKind, ItemState, ProjectRole
from cases.projects.access import item_get, project_get
from cases.projects.reading_services import agreement_compute, item_decide, proposal_make, reading_finish
from cases.projects.reopening import item_reopen
from cases.projects.selectors import ItemSeen, item_seen, items_listed, people_of, people_offered, projects_seen
from cases.projects.services import (
    NewProject,
    ProjectChanges,
    ProjectPeople,
    item_remove,
    project_add_series,
    project_change,
    project_create,
)
from registry.models import SPINE_CT
from spineml.message import message
from spineplatform.shared.api import ListView, checked, interval_warning
from spineplatform.shared.api_runs import RunOut
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound
from spineplatform.shared.messages import sentence

PARTS = ("readers", "adjudicators")
PROPOSALS = [(job.value, job.label) for job in AgreementJob if job != AgreementJob.FIGURES]


# --- projects ---------------------------------------------------------------------------------------------------------
class ProjectIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    institution = serializers.UUIDField()
    readers = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of people, the first one first.")
    adjudicators = serializers.ListField(child=serializers.IntegerField())
    blind = serializers.BooleanField(
        default=True, help_text="Readers do not see each other's masks until all are done."
    )
    names_hidden = serializers.BooleanField(
        default=False, help_text="Adjudicators are not told which reader drew, measured, said or signed what."
    )
    agreed_dice = serializers.FloatField(
        required=False, allow_null=True, min_value=0.01, max_value=1, help_text="Null: each series is adjudicated."
    )
    task = serializers.SlugField(required=False, default=SPINE_CT, max_length=32, help_text="What is drawn.")
    margin = serializers.FloatField(
        required=False, min_value=0.001, max_value=0.5, help_text="Dice that a model may fall short of the readers'."
    )


class ProjectChangeIn(serializers.Serializer[Any]):
    """What is not named stays as it is."""

    name = serializers.CharField(max_length=120, required=False)
    readers = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Complete list; new readers are appended. A reader not listed is removed; finished readings count.",
    )
    adjudicators = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="All of them.")
    agreed_dice = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0.01,
        max_value=1,
        help_text="Applies to series that are not decided yet. Null: each of them is adjudicated.",
    )
    margin = serializers.FloatField(
        required=False, min_value=0.001, max_value=0.5, help_text="Stays once all have read a series."
    )


class ProjectOut(serializers.ModelSerializer[ReadingProject]):
    institution = serializers.UUIDField(source="institution_id")
    task = serializers.CharField(source="task_id")
    readers = serializers.SerializerMethodField()
    adjudicators = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = ReadingProject
        fields = [
            "id",
            "name",
            "institution",
            "task",
            "blind",
            "names_hidden",
            "agreed_dice",
            "margin",
            "readers",
            "adjudicators",
            "created_at",
            "url",
        ]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_readers(self, project: ReadingProject) -> list[str]:
        return _names(project, ProjectRole.READER)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_adjudicators(self, project: ReadingProject) -> list[str]:
        return _names(project, ProjectRole.ADJUDICATOR)

    def get_url(self, project: ReadingProject) -> str:
        return reverse("api:project", args=[project.pk])


def _names(project: ReadingProject, role: ProjectRole) -> list[str]:
    members = project.members.all()
    return [one.user.username for one in members if one.role == role and one.left_at is None]


class ItemOut(serializers.Serializer[ReadingItem]):
    """One series of a project. ``dice_readers`` and ``dice_model`` are its lowest, null before all have read."""

    id = serializers.UUIDField()
    series = serializers.UUIDField(source="series_id")
    state = serializers.ChoiceField(choices=ItemState.choices)
    finished = serializers.IntegerField(help_text="How many readers have finished.")
    dice_readers = serializers.FloatField(source="between", allow_null=True)
    dice_model = serializers.FloatField(source="against", allow_null=True)
    url = serializers.SerializerMethodField()

    def get_url(self, item: ReadingItem) -> str:
        return reverse("api:reading-item", args=[item.pk])


class ProjectDetailOut(ProjectOut):
    """``summary`` is computed from the series that all have read; ``summary.variation`` tells whether the model is
    inside human variation. ``interval_warning`` in its parts is a sentence where intervals rest on too few patients,
    else empty.
    """

    items = serializers.SerializerMethodField()
    summary = serializers.SerializerMethodField()

    class Meta(ProjectOut.Meta):
        fields = [*ProjectOut.Meta.fields, "items", "summary"]

    @extend_schema_field(ItemOut(many=True))
    def get_items(self, project: ReadingProject) -> Any:
        rows: Any = items_listed(project, self.context["request"].user)
        return ItemOut(rows, many=True).data

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_summary(self, project: ReadingProject) -> dict[str, Any] | None:
        found = project.summary
        groups = {name: one for name, one in (found or {}).items() if isinstance(one, dict)}
        warned = {name: {**one, "interval_warning": interval_warning(one["patients"])} for name, one in groups.items()}
        return found and {**found, **warned}


class ProjectListView(ListView):
    @extend_schema(operation_id="project_list", responses=ProjectOut(many=True))
    def get(self, request: Request) -> Response:
        """The reading projects of your institutions, newest first."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        return self.page(projects_seen(request.user), ProjectOut)

    @extend_schema(
        operation_id="project_create",
        request=ProjectIn,
        responses={201: ProjectDetailOut, **problems(s400="Too few people.", s409="The name is used.")},
    )
    def post(self, request: Request) -> Response:
        """Set up a project; add its series afterwards."""
        given = checked(ProjectIn, request.data)
        institution = institution_get(request.user, given.pop("institution"), Capability.MANAGE_PROJECTS)
        offered = people_offered(Institution.objects.filter(pk=institution.pk))
        given |= {name: _people(offered, given[name]) for name in PARTS}
        project = project_create(institution=institution, actor=request.user, project=NewProject(**given))
        body = ProjectDetailOut(project, context={"request": request}).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": body["url"]})


def _people(offered: QuerySet[User], ids: list[int]) -> list[User]:
    known = offered.in_bulk(ids)
    missing = [one for one in ids if one not in known]
    if missing:
        raise ProjectPeople(
            message("The user {id} does not exist or may not correct masks there. See /api/v1/users/.", id=missing[0])
        )
    return [known[one] for one in dict.fromkeys(ids)]


class ProjectView(APIView):
    @extend_schema(operation_id="project_get", responses=ProjectDetailOut)
    def get(self, request: Request, project_id: str) -> Response:
        """A project with its series and its figures."""
        return Response(ProjectDetailOut(project_get(request.user, project_id), context={"request": request}).data)

    @extend_schema(
        operation_id="project_change",
        request=ProjectChangeIn,
        responses={
            200: ProjectDetailOut,
            **problems(s400="Too few people.", s409="The name is used, or it would break a reading that has begun."),
        },
    )
    def patch(self, request: Request, project_id: str) -> Response:
        """Change the name, the people or the thresholds; what was read and settled stays as it is."""
        project = project_get(request.user, project_id, Capability.MANAGE_PROJECTS)
        given = checked(ProjectChangeIn, request.data)
        given |= {name: _people(people_of(project), given[name]) for name in PARTS if name in given}
        project_change(project=project, actor=request.user, changes=cast(ProjectChanges, given))
        fresh = project_get(request.user, project_id)
        return Response(ProjectDetailOut(fresh, context={"request": request}).data)


class ProjectSeriesIn(serializers.Serializer[Any]):
    series = serializers.ListField(child=serializers.UUIDField(), allow_empty=False)


class ProjectSeriesView(APIView):
    @extend_schema(
        operation_id="project_series_add",
        request=ProjectSeriesIn,
        responses={201: ProjectDetailOut, **problems(s409="A series is in a project already.")},
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Give series to the readers."""
        project = project_get(request.user, project_id, Capability.MANAGE_PROJECTS)
        wanted = dict.fromkeys(checked(ProjectSeriesIn, request.data)["series"])
        series = [series_get(request.user, one) for one in wanted]
        if any(one.institution_id != project.institution_id for one in series):
            raise NotFound
        project_add_series(project=project, series=series, actor=request.user)
        body = ProjectDetailOut(project, context={"request": request}).data
        return Response(body, status=status.HTTP_201_CREATED)


# --- a series ---------------------------------------------------------------------------------------------------------
class FinishedOut(serializers.ModelSerializer[Reading]):
    reader = serializers.CharField(source="reader.username")
    mask = serializers.UUIDField(source="annotation_id")

    class Meta:
        model = Reading
        fields = ["reader", "mask", "finished_at"]


class DecisionOut(serializers.Serializer[Any]):
    mask = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=DecisionKind.choices)
    note = serializers.CharField()


class ReopenedOut(serializers.Serializer[Any]):
    by = serializers.CharField(source="reader.username")
    reason = serializers.CharField()
    at = serializers.DateTimeField(source="created_at")


class ItemDetailOut(serializers.Serializer[ItemSeen]):
    """``blind``: others' readings are hidden from you until all have finished. ``figures`` are null until then."""

    id = serializers.UUIDField(source="item.id")
    project = serializers.UUIDField(source="item.project_id")
    series = serializers.UUIDField(source="item.series_id")
    state = serializers.ChoiceField(choices=ItemState.choices, source="item.state")
    warnings = serializers.ListField(child=serializers.CharField(), source="item.series.warnings")
    blind = serializers.BooleanField()
    may_read = serializers.BooleanField()
    may_adjudicate = serializers.BooleanField()
    readings = FinishedOut(many=True)
    proposals = serializers.SerializerMethodField()
    figures = serializers.DictField(
        allow_null=True, help_text="Of each pair of masks, by the readers' ids, or letters where names are hidden."
    )
    decision = serializers.SerializerMethodField()
    reopened = ReopenedOut(allow_null=True, help_text="Null: never decided, or currently decided.")
    runs = RunOut(many=True)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_proposals(self, seen: ItemSeen) -> list[str]:
        return [str(mask.pk) for mask in seen.proposals]

    @extend_schema_field(DecisionOut(allow_null=True))
    def get_decision(self, seen: ItemSeen) -> dict[str, Any] | None:
        decision = getattr(seen.item, "decision", None)
        if decision is None:
            return None
        return {
            "mask": str(decision.annotation_id),
            "kind": DecisionKind(decision.kind).value,
            "note": sentence(decision.note),
        }


class ItemView(APIView):
    @extend_schema(operation_id="reading_item_get", responses=ItemDetailOut)
    def get(self, request: Request, item_id: str) -> Response:
        """A series of a project: what you may see of its readings, its figures, and what was decided."""
        return Response(ItemDetailOut(item_seen(item_get(request.user, item_id), request.user)).data)

    @extend_schema(
        operation_id="reading_item_remove",
        responses={204: None, **problems(s409="A reader has already finished it.")},
    )
    def delete(self, request: Request, item_id: str) -> Response:
        """Take a series that nobody has finished out of its project."""
        item_remove(item=item_get(request.user, item_id, Capability.MANAGE_PROJECTS), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FinishIn(serializers.Serializer[Any]):
    mask = serializers.UUIDField(help_text="Your own, or one that a model made.")


class ItemFinishView(APIView):
    @extend_schema(
        operation_id="reading_finish",
        request=FinishIn,
        responses={200: ItemDetailOut, **problems(s400="Not your mask.", s409="All have finished.")},
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Say that you have finished reading the series, with which mask."""
        item = item_get(request.user, item_id, Capability.CORRECT_MASK)
        mask = mask_get(request.user, checked(FinishIn, request.data)["mask"])
        reading_finish(item=item, annotation=mask, actor=request.user)
        return Response(ItemDetailOut(item_seen(item, request.user)).data)


class ItemFiguresView(APIView):
    @extend_schema(
        operation_id="reading_figures",
        request=None,
        responses={202: RunOut, **problems(s409="Not all have finished.")},
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Compute the figures of agreement again."""
        item = item_get(request.user, item_id, Capability.CORRECT_MASK)
        return _started(agreement_compute(item=item, actor=request.user))


class ProposalIn(serializers.Serializer[Any]):
    method = serializers.ChoiceField(choices=PROPOSALS)


class ItemProposalsView(APIView):
    @extend_schema(
        operation_id="reading_propose",
        request=ProposalIn,
        responses={
            202: RunOut,
            **problems(
                s409="Not all readers have finished, the series is decided, or there are too few readers for STAPLE."
            ),
        },
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Have one mask made of the readers' masks. Of two masks the majority is what both mark; STAPLE needs three."""
        item = item_get(request.user, item_id, Capability.CORRECT_MASK)
        job = AgreementJob(checked(ProposalIn, request.data)["method"])
        return _started(proposal_make(item=item, job=job, actor=request.user))


def _started(run: AgreementRun) -> Response:
    where = reverse("api:run", args=[run.kind, run.pk])
    return Response(RunOut(run).data, status=status.HTTP_202_ACCEPTED, headers={"Location": where})


class DecisionIn(serializers.Serializer[Any]):
    mask = serializers.UUIDField(help_text="A reader's, the model's, a proposal, or your own correction.")
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ItemDecisionView(APIView):
    @extend_schema(
        operation_id="reading_decide",
        request=DecisionIn,
        responses={
            201: ItemDetailOut,
            **problems(
                s400="A mask that cannot be chosen.", s409="Not all readers have finished, or the series is decided."
            ),
        },
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Settle the series: this mask is approved and goes on to training."""
        item = item_get(request.user, item_id, Capability.CORRECT_MASK)
        given = checked(DecisionIn, request.data)
        mask = mask_get(request.user, given["mask"])
        item_decide(item=item, annotation=mask, actor=request.user, note=given["note"])
        fresh = item_get(request.user, item_id)
        return Response(ItemDetailOut(item_seen(fresh, request.user)).data, status=status.HTTP_201_CREATED)


class ReopeningIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000, help_text="Stored in the history of the series.")


class ItemReopeningView(APIView):
    @extend_schema(
        operation_id="reading_reopen",
        request=ReopeningIn,
        responses={200: ItemDetailOut, **problems(s400="No reason.", s409="It is not decided.")},
    )
    def post(self, request: Request, item_id: str) -> Response:
        """Open a settled series again, as an adjudicator or as whoever set the project up.

        No mask of it is approved then, and an adjudicator settles it anew.
        """
        item = item_get(request.user, item_id)
        item_reopen(item=item, actor=request.user, reason=checked(ReopeningIn, request.data)["reason"])
        return Response(ItemDetailOut(item_seen(item_get(request.user, item_id), request.user)).data)
