"""REST: the masks of a series with what made them, uploading one, and the pixels and files of one."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability
from cases.access import mask_get, series_get
from cases.api_mapping import MappingField
from cases.approved import approved_masks
from cases.exposures import masks_shown
from cases.imaging.api_slices import SLICE_ANSWERS
from cases.imaging.downloads import FILES, KINDS, PICTURES, TABLES, download
from cases.imaging.slices import slice_response
from cases.label_maps import SentMask, label_map_upload
from cases.models import Annotation
from cases.services import annotation_upload, received
from registry.api import CodeOut, VersionName
from registry.models import SPINE_CT
from registry.structures import task_get
from spineml.tasks.label_sizes import LabelSize, label_sizes
from spineml.tasks.task import MAX_SLUG
from spineml.volumes.render import WINDOWS
from spineplatform.shared.api import FileView, ReceivingView, SentenceField, ValuesField, checked
from spineplatform.shared.api_schema import problems
from spineplatform.shared.errors import UserError

# What the answer of a mask needs.
MADE_BY = ("author", "model_version__owner", "prediction")
# Plain bytes first: generated clients read an answer as the first type that they know.
CONTENT_TYPES = sorted(
    {kind[0] for kind in (*PICTURES.values(), *FILES.values(), *TABLES.values())},
    key=lambda kind: (kind != "application/octet-stream", kind),
)


class MaskChangeOut(serializers.Serializer[Any]):
    added = serializers.IntegerField(help_text="Voxels marked now and not in the parent.")
    removed = serializers.IntegerField(help_text="Voxels marked in the parent and no longer.")
    relabelled = serializers.IntegerField(
        required=False, help_text="Voxels marked in both with different labels; left out where there are none."
    )
    slices = serializers.ListField(child=serializers.IntegerField(), help_text="Where it differs, from 0.")


class MaskLabelOut(serializers.Serializer[LabelSize]):
    """A label that the mask has. Lengths are null without a known spacing; see ``areas_px`` for its slices."""

    value = serializers.IntegerField(source="label.value", help_text="What the files of the mask hold.")
    name = serializers.CharField(source="label.name")
    short = serializers.CharField(source="label.short")
    colour = serializers.CharField(source="label.colour", help_text="As #rrggbb.")
    code = CodeOut(allow_null=True, help_text="What it is; null where the task does not say.")
    modifier = CodeOut(source="label.modifier", allow_null=True, help_text="Its side, for one of a pair.")
    voxels = serializers.IntegerField()
    ml = serializers.FloatField(source="volume_ml", allow_null=True)
    first_slice = serializers.IntegerField(help_text="The lowest slice that has it, from 0.")
    last_slice = serializers.IntegerField(help_text="The highest slice that has it.")
    areas_px = serializers.ListField(
        child=serializers.IntegerField(), help_text="Its pixels on the slices first_slice to last_slice."
    )
    centroid_mm = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        min_length=3,
        max_length=3,
        help_text="Its centre as LPS mm (left, posterior, superior); null also for masks from before it was measured.",
    )


class MaskOut(serializers.ModelSerializer[Annotation]):
    """A mask; ``areas_px[z]`` is the number of marked pixels of slice z. Never changed: a correction is new."""

    author = serializers.CharField(source="author.username", default=None, allow_null=True)
    approved = serializers.SerializerMethodField(help_text="The latest review of its series approves this mask.")
    labels = serializers.SerializerMethodField(help_text="The labels that occur, in the order of the task.")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Annotation
        fields = [
            "id",
            "series",
            "task",
            "source",
            "label",
            "author",
            "approved",
            "parent",
            "change",
            "voxels",
            "volume_ml",
            "areas_px",
            "labels",
            "slices_with_mask",
            "pixel_hash",
            "created_at",
            "url",
        ]

    change = MaskChangeOut(allow_null=True, help_text="What the correction did to its parent; null without one.")
    areas_px = serializers.ListField(child=serializers.IntegerField())
    slices_with_mask = serializers.IntegerField()

    @extend_schema_field(MaskLabelOut(many=True))
    def get_labels(self, mask: Annotation) -> Any:
        """Each task is asked for once in a list."""
        tasks = cast("dict[str, Any]", self.context).setdefault("tasks", {})
        if mask.task_id not in tasks:
            tasks[mask.task_id] = mask.task.definition
        sizes: Any = label_sizes(tasks[mask.task_id], mask.labels)
        return MaskLabelOut(sizes, many=True).data

    def get_approved(self, mask: Annotation) -> bool:
        """Asked once for each series of a list."""
        context = cast("dict[str, Any]", self.context)
        known = context.setdefault("approved", {})
        if mask.series_id not in known:
            known[mask.series_id] = approved_masks([mask.series_id], self.context["request"].user)
        return bool(known[mask.series_id].get((mask.series_id, mask.task_id)) == mask.pk)

    def get_url(self, mask: Annotation) -> str:
        return reverse("api:mask", args=[mask.pk])


class DeviationOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = SentenceField()
    values = ValuesField(source="message")


class PredictionOut(serializers.Serializer[Annotation]):
    """``deviations``: in what the series is far outside of the images that the version learned from."""

    run = serializers.UUIDField(source="prediction.run_id")
    model_version = VersionName()
    seconds = serializers.FloatField(source="prediction.seconds")
    timings = serializers.DictField(
        source="prediction.timings", child=serializers.FloatField(), help_text="Seconds by step, and how many slices."
    )
    deviations = DeviationOut(many=True)


class MaskDetailOut(MaskOut):
    """``prediction`` tells which model version made the mask; null when a person did."""

    prediction = serializers.SerializerMethodField()

    class Meta(MaskOut.Meta):
        fields = [*MaskOut.Meta.fields, "held", "prediction"]

    held = serializers.BooleanField(help_text="It cannot be approved: see its check.")

    @extend_schema_field(PredictionOut(allow_null=True))
    def get_prediction(self, mask: Annotation) -> Any:
        return PredictionOut(mask, context=self.context).data if hasattr(mask, "prediction") else None


class MaskFilesIn(serializers.Serializer[Any]):
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        allow_empty=False,
        help_text="One NIfTI, NRRD, MHA or NPY, or one PNG for each slice, repeating the field; or a zip of these.",
    )
    task = serializers.SlugField(
        required=False, max_length=MAX_SLUG, help_text="Whose labels the mask has; without it spine-ct."
    )
    label = serializers.CharField(  # type: ignore[assignment]  # not the serializer's own label
        required=False, default="", allow_blank=True, max_length=120
    )
    order = serializers.ChoiceField(
        choices=[("from-feet", "from-feet"), ("from-head", "from-head")],
        required=False,
        default="",
        allow_blank=True,
        help_text="Of PNGs: whether the first by number is the lowest slice or the highest. PNGs that are named like "
        "the DICOM files need none; others begin at the lowest, unless the DICOM files begin at the highest.",
    )


class MaskIn(MaskFilesIn):
    every_label = serializers.BooleanField(default=False, help_text="Every value above 0 is spine (label maps).")
    mapping = MappingField(
        required=False,
        help_text='Which label of the task each value of the file is: {"20": 20, "255": null}; null is background. '
        "Without it the names in the file decide, or the values where they are those of the task.",
    )


class MaskListView(ReceivingView):
    @classmethod
    def max_bytes(cls) -> int:
        return int(settings.MASK_MAX_BYTES)

    @extend_schema(operation_id="mask_list", responses=MaskDetailOut(many=True))
    def get(self, request: Request, series_id: str) -> Response:
        """The masks of a series, newest first."""
        masks: QuerySet[Annotation] = series_get(request.user, series_id).annotations.seen_by(request.user)
        masks_shown(masks, request.user)
        return self.page(masks.select_related(*MADE_BY).prefetch_related("suspicions"), MaskDetailOut)

    @extend_schema(
        operation_id="mask_upload",
        request={"multipart/form-data": MaskIn},
        responses={
            201: MaskDetailOut,
            **problems(
                s400="The mask does not fit; see the code. “values-without-label”: send the mapping of the values in "
                "“found” to the address of the label map “pending”, which is kept for a day.",
                s409="The series already has this mask.",
            ),
        },
    )
    def post(self, request: Request, series_id: str) -> Response:
        """Upload a mask on the grid of the series."""
        series = series_get(request.user, series_id, Capability.UPLOAD_MASK)
        given = checked(MaskIn, request.data)
        task = task_get(series.institution_id, given["task"]) if "task" in given else None
        if "mapping" in given or (task and task.slug != SPINE_CT):
            if given["every_label"]:
                raise EveryLabelIsOfSpine
            task = task or task_get(series.institution_id, SPINE_CT)
            mapping = given.get("mapping")
            mask = label_map_upload(
                series=series, actor=request.user, task=task, sent=sent_mask(given), mapping=mapping
            )
        else:
            sent = sent_mask(given)
            mask = annotation_upload(
                series=series,
                actor=request.user,
                files=sent.files,
                label=sent.label,
                every_label=given["every_label"],
                order=sent.order,
            )
        return mask_created(mask, request)


def sent_mask(given: dict[str, Any]) -> SentMask:
    return SentMask(received(given["files"]), given["label"], given["order"])


def mask_created(mask: Annotation, request: Request) -> Response:
    body = MaskDetailOut(mask, context={"request": request}).data
    return Response(body, status=status.HTTP_201_CREATED, headers={"Location": body["url"]})


class EveryLabelIsOfSpine(UserError):
    """“every_label” makes spine of all values. Leave it out where the values are labels of a task."""

    code = "every-label-is-spine"


class MaskView(APIView):
    @extend_schema(operation_id="mask_get", responses=MaskDetailOut)
    def get(self, request: Request, mask_id: str) -> Response:
        """One mask: how large it is, and who or what made it."""
        return Response(MaskDetailOut(mask_get(request.user, mask_id), context={"request": request}).data)


# --- pixels and files -------------------------------------------------------------------------------------------------
class MaskSliceView(FileView):
    @extend_schema(
        operation_id="mask_slice",
        parameters=[OpenApiParameter("If-None-Match", location="header")],
        responses=SLICE_ANSWERS,
    )
    def get(self, request: Request, mask_id: str, z: int) -> HttpResponse:
        """One slice of the mask as labels; z counts from 0 at the feet's end."""
        mask = mask_get(request.user, mask_id)
        return slice_response(request._request, mask.mask, mask.pixel_hash, z)


class PictureIn(serializers.Serializer[Any]):
    z = serializers.IntegerField(required=False, min_value=0, help_text="Slice; else the one with the largest area.")
    window = serializers.ChoiceField(choices=sorted(WINDOWS), required=False)
    opacity = serializers.FloatField(required=False, min_value=0, max_value=1)
    legend = serializers.BooleanField(required=False, help_text="Of an overlay: with names and colours beside it.")
    label = serializers.IntegerField(  # type: ignore[assignment]  # not the serializer's own label
        required=False,
        min_value=1,
        max_value=255,
        help_text="The value of one label, to take away it alone. Not for mask.seg.nrrd, labels.zip, .csv and .json.",
    )


class MaskDownloadView(FileView):
    @extend_schema(
        operation_id="mask_download",
        parameters=[OpenApiParameter("kind", str, "path", enum=KINDS), PictureIn],
        responses={
            **{
                (200, content_type): OpenApiResponse(OpenApiTypes.BINARY, "The file.") for content_type in CONTENT_TYPES
            },
            **problems(s400="A parameter is not understood.", s404="No such mask, kind or slice."),
        },
    )
    def get(self, request: Request, mask_id: str, kind: str) -> HttpResponseBase:
        """The mask to take away, on the CT's grid.

        Overlay and mask pictures; a zip of PNG, NIfTI, NPY and NRRD with named segments (as 3D Slicer writes them) of
        the whole mask; a zip with one NIfTI for each label; the labels with codes and sizes as CSV or JSON. A mask of a
        task with one label has 0 and 255 in PNG and 0 and 1 elsewhere, others the values of their labels (in PNG as the
        index of a palette in their colours).
        """
        return download(request._request, mask_get(request.user, mask_id), kind)
