"""REST: what the reading room needs and sends back: corrections, drafts, measurements, settings of the viewer."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere
from cases.access import mask_get, measurement_get, series_get
from cases.access_log import log_series_view
from cases.imaging.api_masks import MaskOut
from cases.models import Annotation, Measurement, Series
from cases.models.viewer import MeasurementKind
from cases.projects.selectors import measurements_for
from cases.viewer.selectors import mask_facts, reading_of
from cases.viewer.services import (
    Correction,
    DraftChange,
    NewMeasurement,
    annotation_correct,
    draft_discard,
    draft_save,
    measurement_create,
    measurement_remove,
    viewer_settings_save,
)
from cases.viewer_api import ViewerAPIView
from registry.structures import task_get
from spineml.message import message
from spineml.tasks.task import MAX_SLUG
from spineplatform.shared.api import ListView, checked, refuse_above
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import NotFound

PLANES = ("axial", "sagittal", "coronal")
MAX_SETTINGS = 16 * 1024
LABELS = message("Base64 of a zlib stream of the slice's labels, uint8, row by row.")


class ReadingView(ViewerAPIView):
    @extend_schema(operation_id="reading_get", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, series_id: str) -> Response:
        """Everything the viewer needs to open a series: grid, masks, your draft, measurements, settings, addresses."""
        series = series_get(request.user, series_id)
        log_series_view(series, request.user)
        return Response(reading_of(series, request.user))


# --- corrections ------------------------------------------------------------------------------------------------------
class SlicesField(serializers.DictField):
    """Changed slices by number: ``{"12": "eJzt…"}``."""

    def to_internal_value(self, data: Any) -> dict[int, Any]:
        given = super().to_internal_value(data)
        if not all(str(z).isascii() and str(z).isdigit() and len(str(z)) < 7 for z in given):
            raise serializers.ValidationError(_("Give each slice by its number, counted from 0."))
        return {int(z): value for z, value in given.items()}


class CorrectionIn(serializers.Serializer[Any]):
    base = serializers.UUIDField(allow_null=True, help_text="The mask that was corrected; null: drawn from nothing.")
    slices = SlicesField(child=serializers.CharField(), help_text=LABELS)
    label = serializers.CharField(  # type: ignore[assignment]  # not the serializer's own label
        required=False, default="", allow_blank=True, max_length=120
    )
    task = serializers.SlugField(
        required=False,
        max_length=MAX_SLUG,
        help_text="The task of a mask that is drawn from nothing; without it spine-ct. A correction keeps its mask's.",
    )
    alongside = serializers.BooleanField(
        default=False, help_text="Save it as a separate mask although another correction was saved first."
    )


class CorrectionOut(MaskOut):
    """The new mask; ``facts`` are what the viewer is told about each mask (see ``reading_get``)."""

    facts = serializers.SerializerMethodField()

    class Meta(MaskOut.Meta):
        fields = [*MaskOut.Meta.fields, "facts"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_facts(self, mask: Annotation) -> dict[str, Any]:
        return mask_facts(mask)


class CorrectionListView(ViewerAPIView):
    takes_masks = True

    @extend_schema(
        operation_id="mask_correct",
        request=CorrectionIn,
        responses={
            200: CorrectionOut,
            201: CorrectionOut,
            **problems(
                s400="Nothing was changed, or a slice does not fit.",
                s409="Another correction of this mask was saved first; “annotation” is its id.",
            ),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Save a correction: only the changed slices. The same correction sent again answers 200 with the saved one."""
        series = series_get(request.user, series_id, Capability.CORRECT_MASK)
        given = checked(CorrectionIn, request.data)
        asked = given.pop("task", None)
        task = task_get(series.institution_id, asked) if asked else None
        correction = Correction(**{**given, "base": base_of(request, series, given["base"]), "task": task})
        mask, is_new = annotation_correct(series=series, actor=request.user, correction=correction)
        body = CorrectionOut(mask, context={"request": request}).data
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(body, status=answer, headers={"Location": body["url"]})


def base_of(request: Request, series: Series, base_id: Any) -> Annotation | None:
    """The mask that is corrected.

    Raises:
        NotFound: no such mask of this series.
    """
    if base_id is None:
        return None
    base = mask_get(request.user, base_id)
    if base.series_id != series.pk:
        raise NotFound
    return base


# --- drafts -----------------------------------------------------------------------------------------------------------
class DraftIn(serializers.Serializer[Any]):
    base = serializers.UUIDField(allow_null=True)
    slices = SlicesField(child=serializers.CharField(allow_null=True), help_text=LABELS + " Null: as in base again.")
    task = serializers.SlugField(
        required=False, max_length=MAX_SLUG, help_text="The task of a mask that is drawn from nothing."
    )
    revision = serializers.IntegerField(min_value=0, help_text="The last revision this window knows; 0: none.")
    replace = serializers.BooleanField(default=False, help_text="Replace the stored draft.")


class DraftOut(serializers.Serializer[Any]):
    revision = serializers.IntegerField()
    updated_at = serializers.DateTimeField()


class DraftView(ViewerAPIView):
    takes_masks = True

    @extend_schema(
        operation_id="draft_save",
        request=DraftIn,
        responses={200: DraftOut, **problems(s409="Another window has written the draft since.")},
    )
    def put(self, request: Request, series_id: str) -> Response:
        """Autosave: put the slices that changed since the last time into your draft of this series."""
        series = series_get(request.user, series_id, Capability.CORRECT_MASK)
        given = checked(DraftIn, request.data)
        base = base_of(request, series, given["base"])
        asked = given.pop("task", None)
        task = task_get(series.institution_id, asked) if asked and base is None else None
        change = DraftChange(**{**given, "base": base, "task": task})
        return Response(DraftOut(draft_save(series=series, actor=request.user, change=change)).data)

    @extend_schema(operation_id="draft_discard", responses={204: None})
    def delete(self, request: Request, series_id: str) -> Response:
        """Forget your draft of this series."""
        draft_discard(series=series_get(request.user, series_id, Capability.CORRECT_MASK), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- measurements -----------------------------------------------------------------------------------------------------
class MeasurementIn(serializers.Serializer[Any]):
    id = serializers.UUIDField(
        required=False, help_text="Your own, so that you can send it again when no answer came; else one is made."
    )
    kind = serializers.ChoiceField(choices=MeasurementKind.choices)
    plane = serializers.ChoiceField(choices=PLANES)
    index = serializers.IntegerField(min_value=0, max_value=100_000)
    points = serializers.ListField(
        child=serializers.ListField(
            child=serializers.FloatField(min_value=-1e6, max_value=1e6), min_length=3, max_length=3
        ),
        min_length=2,
        max_length=4,
        help_text="LPS mm.",
    )
    values = serializers.DictField(child=serializers.FloatField(), default=dict, help_text="HU of a region.")


class MeasurementOut(serializers.ModelSerializer[Measurement]):
    """``values`` are in mm, mm², degrees and HU, as their names say; ``points`` are LPS mm."""

    plane = serializers.ChoiceField(choices=PLANES)
    points = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    values = serializers.DictField(child=serializers.FloatField())
    author = serializers.CharField(source="author.display_name")
    author_id = serializers.IntegerField(
        source="author.pk", allow_null=True, help_text="Null where the project keeps its readers' names from you."
    )

    class Meta:
        model = Measurement
        fields = ["id", "kind", "plane", "index", "points", "values", "author", "author_id", "created_at"]


class MeasurementListView(ListView):
    @extend_schema(operation_id="measurement_list", responses=MeasurementOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """The measurements of a series, newest first."""
        return self.page(measurements_for(series_get(request.user, series_id), request.user), MeasurementOut)

    @extend_schema(
        operation_id="measurement_create",
        request=MeasurementIn,
        responses={
            200: MeasurementOut,
            201: MeasurementOut,
            **problems(s400="The points do not make a measurement.", s409="The id is that of something else."),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Keep a measurement; lengths and angles are computed from the points. The same id again answers 200."""
        series = series_get(request.user, series_id, Capability.CORRECT_MASK)
        given = checked(MeasurementIn, request.data)
        given["kind"] = MeasurementKind(given["kind"])
        kept, is_new = measurement_create(series=series, actor=request.user, measured=NewMeasurement(**given))
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(MeasurementOut(kept).data, status=answer)


class MeasurementView(APIView):
    @extend_schema(operation_id="measurement_remove", responses={204: None})
    def delete(self, request: Request, measurement_id: str) -> Response:
        """Take one of your own measurements away."""
        measurement = measurement_get(request.user, measurement_id, Capability.CORRECT_MASK)
        measurement_remove(measurement=measurement, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- settings ---------------------------------------------------------------------------------------------------------
class ViewerSettingsView(APIView):
    @extend_schema(
        operation_id="viewer_settings_save",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, **problems(s413="More than settings need.")},
    )
    def put(self, request: Request) -> Response:
        """Remember how you like the viewer."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        refuse_above(request, MAX_SETTINGS)
        values = serializers.DictField().run_validation(request.data)
        return Response(viewer_settings_save(actor=request.user, values=values).values)
