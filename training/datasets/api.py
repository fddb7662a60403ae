"""REST: data sets, from the choice of masks to the frozen file."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, institution_get, require_anywhere, resolve_institution
from cases.models import AnnotationSource
from registry.models import SPINE_CT
from spineplatform.shared.api import FileView, ListView, checked
from spineplatform.shared.api_schema import problems
from spineplatform.shared.incoming import DayField
from training.access import dataset_get
from training.datasets.api_shapes import DatasetDetailOut, DatasetMaskOut, DatasetOut, DatasetRunOut
from training.datasets.downloads import HDF5, dataset_file, labels_csv
from training.datasets.selectors import (
    Choice,
    datasets_seen,
    masks_of,
)
from training.datasets.services import (
    dataset_check,
    dataset_create,
    dataset_delete,
    dataset_freeze,
    dataset_splits_draw,
    findings_accept,
    masks_leave_out,
    masks_take_back,
)
from training.models import Dataset, DatasetRun
from training.splits.api import LARGEST_SEED, SplitOut

DECISIONS = ("accept", "leave-out", "take-back")


def _detail(request: Request, dataset: Dataset) -> Any:
    return DatasetDetailOut(dataset, context={"request": request}).data


# --- what comes in ----------------------------------------------------------------------------------------------------
class DatasetIn(serializers.Serializer[Any]):
    """Without ``masks`` those that the latest review of their series approved for training."""

    name = serializers.CharField(max_length=120)
    notes = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)
    task = serializers.SlugField(
        required=False,
        default=SPINE_CT,
        max_length=32,
        help_text="Masks of this task are taken, and of tasks that relations merge into it.",
    )
    institutions = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="Needed when you manage models at several."
    )
    date_from = DayField(required=False, allow_null=True, help_text="First day of the review.")
    date_to = DayField(required=False, allow_null=True, help_text="Last day of the review.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field here, not the serializer's own
        choices=AnnotationSource.choices, required=False, default="", allow_blank=True, help_text="Who made the mask."
    )
    masks = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="Exactly these masks.")


class SeedIn(serializers.Serializer[Any]):
    seed = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_SEED)


class DecideIn(serializers.Serializer[Any]):
    """``accept`` names findings by ``keys`` and needs a ``note``; the others name ``masks``."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    keys = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    masks = serializers.ListField(child=serializers.UUIDField(), required=False, default=list)
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


# --- doors ------------------------------------------------------------------------------------------------------------
class DatasetListView(ListView):
    @extend_schema(operation_id="dataset_list", responses=DatasetOut(many=True))
    def get(self, request: Request) -> Response:
        """The data sets of your institutions, newest first."""
        require_anywhere(request.user, Capability.VIEW_MODELS)
        return self.page(datasets_seen(request.user), DatasetOut)

    @extend_schema(
        operation_id="dataset_create",
        request=DatasetIn,
        responses={201: DatasetDetailOut, **problems(s409="There is a data set of this name.")},
    )
    def post(self, request: Request) -> Response:
        """Make a draft; it holds what fits the choice whenever it is looked at, until it is frozen."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(DatasetIn, request.data)
        manage, named = Capability.MANAGE_MODELS, given.get("institutions")
        places = (
            [institution_get(request.user, one, manage) for one in named]
            if named
            else [resolve_institution(request.user, None, manage)]
        )
        choice = Choice(
            date_from=given.get("date_from"),
            date_to=given.get("date_to"),
            source=given["source"],
            annotations=tuple(str(one) for one in given.get("masks", ())),
        )
        dataset = dataset_create(
            name=given["name"],
            institutions=places,
            actor=request.user,
            choice=choice,
            notes=given["notes"],
            task=given["task"],
        )
        body = _detail(request, dataset)
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": body["url"]})


class DatasetView(APIView):
    @extend_schema(operation_id="dataset_get", responses=DatasetDetailOut)
    def get(self, request: Request, dataset_id: str) -> Response:
        """One data set with its counts and findings."""
        return Response(_detail(request, dataset_get(request.user, dataset_id)))

    @extend_schema(
        operation_id="dataset_delete",
        responses={204: None, **problems(s409="A training or an evaluation rests on it.")},
    )
    def delete(self, request: Request, dataset_id: str) -> Response:
        """Delete a data set on which nothing rests, with its file."""
        dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
        dataset_delete(dataset=dataset, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DatasetMasksView(ListView):
    @extend_schema(operation_id="dataset_masks", responses=DatasetMaskOut(many=True))
    def get(self, request: Request, dataset_id: str) -> Response:
        """The masks that the data set holds, or would hold if it were frozen now."""
        return self.page(masks_of(dataset_get(request.user, dataset_id)), DatasetMaskOut)


class DatasetSplitsView(APIView):
    @extend_schema(operation_id="dataset_draw_splits", request=SeedIn, responses=SplitOut(many=True))
    def post(self, request: Request, dataset_id: str) -> Response:
        """Draw splits for the patients of a draft who have none; answers with the new ones."""
        dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
        given = checked(SeedIn, request.data)
        rows = dataset_splits_draw(dataset=dataset, actor=request.user, seed=given.get("seed"))
        return Response(SplitOut(rows, many=True).data)


class DatasetCheckView(APIView):
    @extend_schema(
        operation_id="dataset_check",
        request=None,
        responses={202: DatasetRunOut, **problems(s409="It is frozen, or holds no mask.")},
    )
    def post(self, request: Request, dataset_id: str) -> Response:
        """Have the labels of a draft checked by a worker; findings appear in the data set."""
        dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
        return _accepted(dataset_check(dataset=dataset, actor=request.user))


class DatasetDecideView(APIView):
    @extend_schema(
        operation_id="dataset_decide",
        request=DecideIn,
        responses={200: DatasetDetailOut, **problems(s409="It is frozen or busy, or the finding cannot be accepted.")},
    )
    def post(self, request: Request, dataset_id: str) -> Response:
        """Accept findings with a note, leave masks out, or take masks back that were left out."""
        dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
        given = checked(DecideIn, request.data)
        masks, note = [str(one) for one in given["masks"]], given["note"]
        if given["decision"] == "accept":
            findings_accept(dataset=dataset, keys=given["keys"], note=note, actor=request.user)
        elif given["decision"] == "leave-out":
            masks_leave_out(dataset=dataset, annotations=masks, note=note, actor=request.user)
        else:
            masks_take_back(dataset=dataset, annotations=masks, actor=request.user)
        return Response(_detail(request, dataset))


class DatasetFreezeView(APIView):
    @extend_schema(
        operation_id="dataset_freeze",
        request=None,
        responses={
            202: DatasetRunOut,
            **problems(s409="Findings are open, patients have no split, no spine is marked, or it is frozen."),
        },
    )
    def post(self, request: Request, dataset_id: str) -> Response:
        """Have a worker check the labels once more, write the file, and freeze the data set for ever."""
        dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
        return _accepted(dataset_freeze(dataset=dataset, actor=request.user))


def _accepted(run: DatasetRun) -> Response:
    body = DatasetRunOut(run).data
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})


class DatasetDownloadView(FileView):
    @extend_schema(
        operation_id="dataset_download",
        responses={
            (200, HDF5): OpenApiResponse(OpenApiTypes.BINARY, "Images, masks and facts; no names."),
            **problems(s409="It is not frozen yet."),
        },
    )
    def get(self, request: Request, dataset_id: str) -> HttpResponseBase:
        """The file of a frozen data set."""
        dataset = dataset_get(request.user, dataset_id, Capability.MANAGE_MODELS)
        return dataset_file(request._request, dataset)


class DatasetLabelsView(FileView):
    @extend_schema(
        operation_id="dataset_labels",
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY, "Patients, series, images and ml.")},
    )
    def get(self, request: Request, dataset_id: str) -> HttpResponseBase:
        """How much each split has of each label, a line each; only the head for a task of one label."""
        return labels_csv(dataset_get(request.user, dataset_id))
