"""A misspelt field of a body is refused and named, wherever it stands; the schema says so, too."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.models import Role
from spineplatform.shared.api import checked
from tests import factories
from tests.api_client import api, problem


class PartIn(serializers.Serializer[Any]):
    z = serializers.IntegerField()
    shown = serializers.IntegerField(read_only=True)


class WholeIn(serializers.Serializer[Any]):
    title = serializers.CharField(required=False)
    part = PartIn(required=False)
    parts = PartIn(many=True, required=False)
    any_names = serializers.DictField(required=False)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"titel": "x"}, {"titel"}),
        ({"part": {"z": 1, "Z": 2}}, {"part"}),
        ({"part": {"z": 1, "shown": 2}}, {"part"}),
        ({"parts": [{"z": 1}, {"z": 1, "y": 2}]}, {"parts"}),
        ({str(number): 1 for number in range(1000)}, {str(number) for number in range(20)}),
    ],
)
def test_an_unknown_field_is_refused_at_any_depth(body: dict[str, Any], named: set[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        checked(WholeIn, body)
    assert isinstance(refused.value.detail, dict)
    assert set(refused.value.detail) == named


@pytest.mark.parametrize("body", [{}, {"title": "x", "any_names": {"of": "any name"}}, {"parts": [{"z": 1}]}])
def test_known_fields_are_taken(body: dict[str, Any]) -> None:
    assert checked(WholeIn, body) == body


@pytest.mark.parametrize("body", [[], "text", 7, {"part": []}, {"parts": {"z": 1}}, {"parts": [7]}])
def test_a_body_of_another_shape_is_refused_as_before(body: Any) -> None:
    with pytest.raises(ValidationError):
        checked(WholeIn, body)


@pytest.mark.django_db
def test_the_answer_names_the_field_and_those_that_there_are() -> None:
    admin = factories.user(Role.INSTITUTION_ADMIN)
    answer = api(admin).post(
        "/api/v1/users/", {"username": "newcomer", "roles": ["clinician"], "e_mail": "a@example.org"}
    )
    assert problem(answer) == (400, "invalid")
    assert answer.json()["errors"] == {
        "e_mail": [
            "There is no such field here. The fields are: institution, username, roles, password, email, full_name."
        ]
    }


@pytest.mark.django_db
def test_a_misspelt_field_of_an_upload_is_refused_and_the_token_of_a_form_is_not() -> None:
    client = api(factories.user(Role.CLINICIAN))
    for field, status in (("titel", 400), ("csrfmiddlewaretoken", 201)):
        body = {"files": [SimpleUploadedFile("file.dcm", b"not a CT")], field: "x"}
        assert client.post("/api/v1/uploads/", body, format="multipart").status_code == status


def test_the_schema_closes_every_body_that_has_fields() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    schemas = schema["components"]["schemas"]
    assert schemas["NewUserInRequest"]["additionalProperties"] is False
    bodies = {name: one for name, one in schemas.items() if name.endswith("Request") and one.get("properties")}
    assert [name for name, one in bodies.items() if "additionalProperties" not in one] == []
    assert "additionalProperties" not in schemas["UserOut"]
