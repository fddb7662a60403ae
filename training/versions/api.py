"""REST: the model versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere, resolve_institution
from accounts.models import Institution
from cases.access import case_get
from registry.access import may_keep, version_get, version_get_file, version_get_kept
from registry.api import VersionName
from registry.models import ModelVersion, VersionStatus
from registry.selectors import as_seen_by, name_for, versions_seen
from registry.services import version_register
from spineml.model.model_file import MAX_FILE_BYTES
from spineplatform.shared.api import FileView, ReceivingView, checked, checked_query
from spineplatform.shared.api_schema import problems
from spineplatform.shared.messages import sentence
from training.promotions.api import InstitutionIn, institution_given
from training.promotions.flaws import flaw_words
from training.promotions.services import version_promote
from training.versions.downloads import HDF5, version_file
from training.versions.forms import foreign_of
from training.versions.selectors import (
    IN_USE,
    Sight,
    dependants,
    spec_shown,
    training_shown,
    versions_narrowed,
    versions_that_saw,
)
from training.versions.services import version_delete, version_note, version_restore, version_retire

LONGEST_NOTES = 2000


class OwnerOut(serializers.ModelSerializer[Institution]):
    class Meta:
        model = Institution
        fields = ["id", "name"]


class ModelOut(serializers.ModelSerializer[ModelVersion]):
    """A version of the network; ``name`` is how pages call it, and ``owner`` the institution that made it, null for the
    platform's. Numbers count what one owner has made.

    What is active is decided by each institution for itself, and until then by the platform's default (``is_default``).
    ``status`` is “active” where the version segments new cases of at least one of your institutions, which
    ``active_at`` names. ``parent`` is the version it was made from; ``training_run`` and ``dataset`` say how, for those
    trained here. Of a version that another institution shares with you, ``notes`` are empty and these three null.
    """

    name = serializers.SerializerMethodField()
    owner = OwnerOut(allow_null=True)
    shared = serializers.BooleanField(source="is_foreign", help_text="It is another institution's, shared with yours.")
    status = serializers.ChoiceField(choices=VersionStatus.choices)
    active_at = serializers.ListField(child=serializers.CharField(), help_text="Of your institutions, by name.")
    is_default = serializers.BooleanField(help_text="It segments wherever no version was chosen.")
    parent = serializers.SerializerMethodField()  # type: ignore[assignment]
    training_run = serializers.SerializerMethodField()
    dataset = serializers.SerializerMethodField()
    notes = serializers.SerializerMethodField()
    flaw = serializers.CharField(
        allow_null=True,
        help_text="What is wrong with its output, found when it was registered: not-finite, constant or empty; empty "
        "text for nothing, null where it was not looked for. Such a version cannot be made active.",
    )
    flaw_message = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url")

    class Meta:
        model = ModelVersion
        fields = [
            "id",
            "task",
            "number",
            "name",
            "owner",
            "shared",
            "status",
            "active_at",
            "is_default",
            "size",
            "sha256",
            "parent",
            "training_run",
            "dataset",
            "notes",
            "flaw",
            "flaw_message",
            "created_at",
            "url",
            "page",
        ]

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_parent(self, version: ModelVersion) -> Any:
        return version.seen_parent.pk if version.seen_parent else None

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_training_run(self, version: ModelVersion) -> Any:
        run = training_shown(version)
        return run.pk if run else None

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_dataset(self, version: ModelVersion) -> Any:
        run = training_shown(version)
        return run.dataset_id if run else None

    def get_name(self, version: ModelVersion) -> str:
        return name_for(self.context["request"].user, version)

    def get_notes(self, version: ModelVersion) -> str:
        return "" if version.is_foreign else version.notes

    def get_flaw_message(self, version: ModelVersion) -> str:
        return sentence(flaw_words(version) or "")

    def get_url(self, version: ModelVersion) -> str:
        return reverse("api:model", args=[version.pk])


class ModelDetailOut(ModelOut):
    """``used_by`` counts what depends on the version, by kind; while there is any it cannot be deleted. It is empty for
    whoever may not delete it.
    """

    spec = serializers.SerializerMethodField(
        help_text="Metadata of the file: architecture, preprocessing, data, metrics. Of a shared version "
        "without hashes of images and without the record of its training."
    )
    used_by = serializers.SerializerMethodField()

    class Meta(ModelOut.Meta):
        fields = [*ModelOut.Meta.fields, "spec", "used_by"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_spec(self, version: ModelVersion) -> dict[str, Any]:
        return spec_shown(version)

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_used_by(self, version: ModelVersion) -> dict[str, int]:
        if not may_keep(self.context["request"].user, version):
            return {}
        return {one.code: one.count for one in dependants(version)}


def model_answer(request: Request, version: ModelVersion) -> dict[str, Any]:
    """The version as whoever asks sees it now."""
    return dict(ModelDetailOut(version_get(request.user, version.pk), context={"request": request}).data)


class ModelListIn(serializers.Serializer[Any]):
    status = serializers.ChoiceField(
        choices=[*VersionStatus.values, IN_USE], required=False, help_text="in-use: those that are not retired."
    )


class ModelIn(serializers.Serializer[Any]):
    file = serializers.FileField(
        help_text="HDF5 with its spec, or a U-Net that Keras 2 wrote. Nothing in it is executed."
    )
    notes = serializers.CharField(required=False, default="", allow_blank=True, max_length=LONGEST_NOTES)
    window_centre = serializers.FloatField(
        required=False, help_text="HU; for files of Keras 2: the window its images were prepared with."
    )
    window_width = serializers.FloatField(required=False, help_text="HU; for files of Keras 2.")
    task = serializers.SlugField(
        required=False, help_text="For files of Keras 2: the task that they were trained for; spine-ct when left out."
    )
    institution = serializers.UUIDField(
        required=False, allow_null=True, help_text="Whose version it is; needed where you manage models at several."
    )


class ModelNotesIn(serializers.Serializer[Any]):
    notes = serializers.CharField(allow_blank=True, max_length=LONGEST_NOTES)


class ModelListView(ReceivingView):
    @classmethod
    def max_bytes(cls) -> int:
        return MAX_FILE_BYTES

    @extend_schema(operation_id="model_list", parameters=[ModelListIn], responses=ModelOut(many=True))
    def get(self, request: Request) -> Response:
        """The versions of your institutions, those shared with them, and the platform's; newest first."""
        given = checked_query(ModelListIn, request.query_params)
        found = self.paginate_queryset(versions_narrowed(request.user, given.get("status", "")))
        rows = ModelOut(as_seen_by(request.user, found or ()), many=True, context={"request": request})
        return self.get_paginated_response(rows.data)

    @extend_schema(
        operation_id="model_register",
        request={"multipart/form-data": ModelIn},
        responses={
            200: ModelDetailOut,
            201: ModelDetailOut,
            **problems(s400="The file cannot be used; the reason is given."),
        },
    )
    def post(self, request: Request) -> Response:
        """Register a model file as a candidate. The same file again answers 200 with its version."""
        require_anywhere(request.user, Capability.MANAGE_MODELS)
        given = checked(ModelIn, request.data)
        known = set(versions_seen(request.user).values_list("pk", flat=True))
        path = Path(given["file"].temporary_file_path())
        place = resolve_institution(request.user, given.get("institution"), Capability.MANAGE_MODELS)
        version = version_register(
            path=path,
            actor=request.user,
            institution=place,
            notes=given["notes"],
            foreign=foreign_of(given),
        )
        answer = status.HTTP_200_OK if version.pk in known else status.HTTP_201_CREATED
        body = model_answer(request, version)
        return Response(body, status=answer, headers={"Location": body["url"]})


class ModelView(APIView):
    @extend_schema(operation_id="model_get", responses=ModelDetailOut)
    def get(self, request: Request, version_id: str) -> Response:
        """One version with its spec."""
        return Response(model_answer(request, version_get(request.user, version_id)))

    @extend_schema(operation_id="model_note", request=ModelNotesIn, responses=ModelDetailOut)
    def patch(self, request: Request, version_id: str) -> Response:
        """Write the notes of a version; all else about it never changes."""
        version = version_get_kept(request.user, version_id)
        given = checked(ModelNotesIn, request.data)
        return Response(model_answer(request, version_note(version=version, actor=request.user, **given)))

    @extend_schema(
        operation_id="model_delete",
        responses={204: None, **problems(s409="It is active, or something depends on it: counted in `depends`.")},
    )
    def delete(self, request: Request, version_id: str) -> Response:
        """Delete a version on which nothing depends, with its file."""
        version = version_get_kept(request.user, version_id)
        version_delete(version=version, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ModelDownloadView(FileView):
    @extend_schema(
        operation_id="model_download",
        responses={(200, HDF5): OpenApiResponse(OpenApiTypes.BINARY, "The HDF5 file.")},
    )
    def get(self, request: Request, version_id: str) -> HttpResponseBase:
        """The file of a version of your institution or of the platform."""
        version = version_get_file(request.user, version_id)
        return version_file(request._request, version)


class ModelActivateView(APIView):
    @extend_schema(
        operation_id="model_activate",
        request=InstitutionIn,
        responses={200: ModelDetailOut, **problems(s409="The version is retired, or the gate refuses it.")},
    )
    def post(self, request: Request, version_id: str) -> Response:
        """Make this the version that segments at your institution, through the gate; one that was active there before
        passes (a roll-back). Other institutions keep theirs."""
        version = version_get(request.user, version_id, Capability.MANAGE_MODELS)
        checked(InstitutionIn, request.data)
        version_promote(version=version, actor=request.user, institution=institution_given(request))
        return Response(model_answer(request, version))


class ModelRetireView(APIView):
    @extend_schema(
        operation_id="model_retire",
        request=None,
        responses={200: ModelDetailOut, **problems(s409="It is the version that segments, at some institution.")},
    )
    def post(self, request: Request, version_id: str) -> Response:
        """Take a version out of use. Its masks, figures and file stay."""
        version = version_get_kept(request.user, version_id)
        return Response(model_answer(request, version_retire(version=version, actor=request.user)))


class ModelRestoreView(APIView):
    @extend_schema(operation_id="model_restore", request=None, responses=ModelDetailOut)
    def post(self, request: Request, version_id: str) -> Response:
        """Make a retired version a candidate again."""
        version = version_get_kept(request.user, version_id)
        return Response(model_answer(request, version_restore(version=version, actor=request.user)))


class SightOut(serializers.Serializer[Any]):
    """``trained``: on the patient's images. ``tuned``: they decided when the training was best. ``judged``: evaluated
    on them. ``inherited``: it descends from a version that was trained on the patient; ``through`` is that one, where
    you may see it."""

    version = VersionName()
    trained = serializers.BooleanField()
    tuned = serializers.BooleanField()
    judged = serializers.BooleanField()
    inherited = serializers.BooleanField()
    through = serializers.SerializerMethodField()

    @extend_schema_field(VersionName(allow_null=True))
    def get_through(self, sight: Sight) -> Any:
        return VersionName(sight.through, context=self.context).data if sight.through else None


class CaseVersionsView(APIView):
    @extend_schema(operation_id="case_versions", responses=SightOut(many=True))
    def get(self, request: Request, case_id: str) -> Response:
        """Which versions know the patient of this case, newest first: by training data, pixel hashes and lineage."""
        case = case_get(request.user, case_id)
        sights = versions_that_saw(case.patient, request.user)
        return Response(SightOut(sights, many=True, context={"request": request}).data)
