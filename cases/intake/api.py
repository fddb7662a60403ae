"""REST: send files, and see what became of each."""

from __future__ import annotations

import math
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import Capability, require_anywhere, resolve_institution
from cases.access import upload_get
from cases.api_mapping import MappingField
from cases.intake.uploads import PairOptions, PatientRule, SplitWish, UploadOptions, incoming, upload_create
from cases.models import Case, FileVerdict, Upload
from spineml.tasks.task import MAX_SLUG
from spineplatform.shared.api import MessageOut, ReceivingView, SentenceField, ValuesField, checked
from spineplatform.shared.api_runs import RunOut
from spineplatform.shared.api_schema import problems

LONGEST_SPACING_MM = 100.0
PATIENT_RULES = [(rule.value, rule.value) for rule in PatientRule]
SPLIT_WISHES = [(wish.value, wish.value or "later") for wish in SplitWish]


class SpacingField(serializers.CharField):
    """``"0.7"`` or ``"0.7,0.8"`` in mm, as ``(y, x)``."""

    def to_internal_value(self, data: Any) -> tuple[float, float]:  # type: ignore[override]
        parts = super().to_internal_value(data).split(",")
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 2) or not all(_is_spacing(number) for number in numbers):
            raise serializers.ValidationError(
                _("Give one length in mm, or two as “rows,columns”, such as 0.7 or 0.7,0.8.")
            )
        return numbers[0], numbers[-1]


def _is_spacing(value: float) -> bool:
    return math.isfinite(value) and 0 < value <= LONGEST_SPACING_MM


MOST_TASKS = 20


class UploadIn(serializers.Serializer[Any]):
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        allow_empty=False,
        help_text="DICOM, NIfTI, NRRD, MHA, PNG, JPEG, TIFF, NPY, or zips of them; repeat the field for each file.",
    )
    paths = serializers.ListField(
        child=serializers.CharField(max_length=500),
        required=False,
        help_text="The path of each file in its folder, in the order of the files.",
    )
    institution = serializers.UUIDField(required=False, help_text="Needed when you may upload in several.")
    title = serializers.CharField(required=False, default="", allow_blank=True, max_length=120)
    segment = serializers.BooleanField(default=True, help_text="Segment automatically after import.")
    segment_with = serializers.ListField(
        child=serializers.SlugField(max_length=MAX_SLUG),
        required=False,
        max_length=MOST_TASKS,
        help_text="Tasks to segment with, repeating the field; without any those that the institution has chosen.",
    )
    stack_images = serializers.BooleanField(default=True, help_text="Image files in one folder form one series.")
    pixel_spacing_mm = SpacingField(required=False, help_text="For files without spacing: “0.7” or “0.7,0.8” (y,x).")
    slice_spacing_mm = serializers.FloatField(required=False, min_value=0.001, max_value=LONGEST_SPACING_MM)

    pairs = serializers.BooleanField(
        default=False,
        help_text="The files are images with their masks: images/7.png and masks/7.png, 7.png and 7_mask.png, or as in "
        "VerSe, nnU-Net, the Medical Segmentation Decathlon or TotalSegmentator.",
    )
    patients = serializers.ChoiceField(
        choices=PATIENT_RULES,
        default=PatientRule.EACH.value,
        help_text="For image-mask pairs: one patient per image, by name prefix, or by a CSV (name, patient, split).",
    )
    separator = serializers.CharField(default="_", max_length=5, help_text="Where the prefix ends.")
    split = serializers.ChoiceField(
        choices=SPLIT_WISHES,
        default=SplitWish.LATER.value,
        allow_blank=True,
        help_text="The split of the patients of pairs, or “draw”. For model admins.",
    )
    approve = serializers.BooleanField(
        default=False, help_text="Sign the masks of pairs for training. For model admins."
    )
    every_label = serializers.BooleanField(
        default=False,
        help_text="Treat all non-zero labels of the masks of pairs as spine. Automatic for VerSe file names.",
    )
    task = serializers.SlugField(
        required=False, default="", allow_blank=True, max_length=MAX_SLUG, help_text="Of the masks; else spine-ct."
    )
    mapping = MappingField(
        required=False,
        help_text="The label of the task for values of these masks, null for background. Others are known by what the "
        "files say of them, or are values of the task itself.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        pairs = PairOptions(
            patients=PatientRule(attrs.pop("patients")),
            separator=attrs.pop("separator"),
            split=SplitWish(attrs.pop("split")),
            approve=attrs.pop("approve"),
            every_label=attrs.pop("every_label"),
            task=attrs.pop("task"),
            mapping=attrs.pop("mapping", {}),
        )
        attrs["pairs"] = pairs if attrs["pairs"] else None
        attrs["tasks"] = tuple(dict.fromkeys(attrs.pop("segment_with", ())))
        if attrs.get("paths") and len(attrs["paths"]) != len(attrs["files"]):
            raise serializers.ValidationError({"paths": _("Send one path for each file, in the same order, or none.")})
        return attrs


class VerdictOut(serializers.ModelSerializer[FileVerdict]):
    """``reason`` says everything; ``messages`` are its sentences, each with its text and values.

    ``series`` is the first of ``all_series``: a file may hold several.
    """

    reason = SentenceField()
    values = ValuesField(source="reason")
    messages = MessageOut(source="reason.sentences", many=True)

    class Meta:
        model = FileVerdict
        fields = ["name", "status", "code", "reason", "values", "messages", "series", "all_series"]


class UploadOut(serializers.ModelSerializer[Upload]):
    run = RunOut()
    url = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url")
    known = SentenceField(
        read_only=True, help_text="Which files were imported before, into which cases, and what differs; empty: none."
    )

    class Meta:
        model = Upload
        fields = ["id", "title", "institution", "options", "total_bytes", "created_at", "run", "url", "page", "known"]

    def get_url(self, upload: Upload) -> str:
        return reverse("api:upload", args=[upload.pk])


class UploadDetailOut(UploadOut):
    verdicts = serializers.SerializerMethodField()
    cases = serializers.SerializerMethodField(help_text="The cases that the files are in now.")

    class Meta(UploadOut.Meta):
        fields = [*UploadOut.Meta.fields, "verdicts", "cases"]

    @extend_schema_field(VerdictOut(many=True))
    def get_verdicts(self, upload: Upload) -> Any:
        return VerdictOut(upload.verdicts.prefetch_related("all_series"), many=True).data

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_cases(self, upload: Upload) -> list[str]:
        verdicts = upload.verdicts.all()
        made = Q(series__in=verdicts.values("series")) | Q(series__in=verdicts.values("all_series"))
        return [str(case) for case in Case.objects.filter(made).order_by("pk").values_list("pk", flat=True).distinct()]


class UploadListView(ReceivingView):
    @extend_schema(operation_id="upload_list", responses=UploadOut(many=True))
    def get(self, request: Request) -> Response:
        """The uploads you may see, newest first."""
        require_anywhere(request.user, Capability.VIEW_CASES)
        return self.page(Upload.objects.visible_to(request.user).select_related("run"), UploadOut)

    @extend_schema(
        operation_id="upload_create",
        request={"multipart/form-data": UploadIn},
        responses={
            200: UploadDetailOut,
            201: UploadDetailOut,
            **problems(
                s400="No file, or only empty ones, or a wrong field.",
                s409="No model version is active for a task that was named.",
                s413="Too many files, or too large.",
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Send CT files. The same files with the same options answer 200 with the upload that is already there.

        ``known`` says at once which of the files were imported before.
        """
        require_anywhere(request.user, Capability.UPLOAD_CT)
        given = checked(UploadIn, request.data)
        institution = resolve_institution(request.user, given.pop("institution", None), Capability.UPLOAD_CT)
        files = incoming(given.pop("files"), given.pop("paths", []))
        upload, is_new = upload_create(
            institution=institution, actor=request.user, files=files, options=UploadOptions(**given)
        )
        answer = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        body = UploadDetailOut(upload).data
        return Response(body, status=answer, headers={"Location": body["url"]})


class UploadView(APIView):
    @extend_schema(operation_id="upload_get", responses=UploadDetailOut)
    def get(self, request: Request, upload_id: str) -> Response:
        """One upload with the verdict on every file."""
        return Response(UploadDetailOut(upload_get(request.user, upload_id)).data)
