"""Messages reach each reader in their language; text of strangers reaches everybody as it is, and at once."""

from __future__ import annotations

import time
import uuid

import pytest
from django.db import connection, models
from django.db.migrations.state import ModelState, ProjectState
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape

from cases.models import Verdict
from spineml.message import Message, message, sentences, shortened
from spineplatform.shared.answers import problem_body
from spineplatform.shared.api_runs import RunOut
from spineplatform.shared.message_fields import MessageField, PeoplesTextToMessage, TextToMessage
from spineplatform.shared.messages import language_of, sentence
from spineplatform.shared.runs import RunState
from tests import factories
from tests.korean import HANGUL, english_left


@pytest.mark.parametrize(
    ("cookies", "wish", "expected"),
    [
        ({"django_language": "ko"}, b"en", "ko"),
        ({"django_language": "xx"}, b"ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ({}, b"de,en;q=0.5", "en"),
        ({}, b"", "en"),
    ],
)
def test_a_websocket_speaks_the_chosen_language_or_the_browsers(
    cookies: dict[str, str], wish: bytes, expected: str
) -> None:
    assert language_of({"cookies": cookies, "headers": [(b"accept-language", wish)]}) == expected


@pytest.mark.django_db
def test_the_language_is_chosen_once_and_stays(client: Client) -> None:
    answer = client.post(reverse("set_language"), {"language": "ko", "next": reverse("login")})
    assert answer["Location"] == reverse("login")
    page = client.get(reverse("login")).content.decode()
    assert '<html lang="ko"' in page
    assert reverse("javascript_catalogue") in page


@pytest.mark.django_db
def test_the_api_answers_in_the_language_that_is_asked_for() -> None:
    client = Client(headers={"accept-language": "ko"})
    client.force_login(factories.user(), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("api:case", args=["00000000-0000-0000-0000-000000000000"])).json()
    assert answer["code"] == "not-found"
    assert answer["detail"] != "Not found, or you do not have access."


# --- text of strangers ------------------------------------------------------------------------------------------------
KOREAN = {"accept-language": "ko"}
PATIENCE_SECONDS = 0.5  # of this thread; recognising 50 kB as a sentence took 30 s, and this takes milliseconds


@pytest.mark.django_db
@pytest.mark.parametrize("size", [50_000, 200_000])
def test_a_long_content_type_is_refused_at_once_and_in_few_words(client: Client, size: int) -> None:
    client.get("/api/v1/", headers=KOREAN)  # the first request loads what all need
    began = time.thread_time()
    answer = client.post("/api/v1/auth/token/", b"{}", content_type="x" * size, headers=KOREAN)
    assert time.thread_time() - began < PATIENCE_SECONDS
    assert answer.status_code == 415
    assert len(answer.json()["detail"]) < 600


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["a" * 20_000, "{" * 20_000, "The mask has " * 2_000, "{state} {known}"])
def test_a_long_filter_is_refused_at_once_and_in_few_words(client: Client, text: str) -> None:
    client.force_login(factories.user("clinician"))
    client.get("/api/v1/cases/", headers=KOREAN)
    began = time.thread_time()
    answer = client.get("/api/v1/cases/", {"state": text}, headers=KOREAN)
    assert time.thread_time() - began < PATIENCE_SECONDS
    assert answer.status_code == 400
    problem = answer.json()
    assert len(problem["detail"]) < 600
    assert all(len(words) < 600 for words in problem["errors"]["state"])


def test_text_of_strangers_in_a_message_is_cut() -> None:
    told = message("There are no runs of the kind “{kind}”. Known: {known}.", kind="x" * 9_000, known="import")
    with translation.override("ko"):
        body = problem_body(status=404, code="not-found", detail=told)
    assert HANGUL.search(body["detail"])
    assert len(body["detail"]) < 300
    assert body["values"]["kind"] == shortened("x" * 9_000)


@pytest.mark.django_db
def test_a_problem_has_its_code_its_values_and_a_sentence_in_the_language_asked_for(client: Client) -> None:
    client.force_login(factories.user("clinician"))
    korean, english = (
        client.get(f"/api/v1/runs/Model/{uuid.uuid4()}/", headers={"accept-language": language}).json()
        for language in ("ko", "en")
    )
    assert english["detail"].startswith("There are no runs of the kind “Model”.")
    assert HANGUL.search(korean["detail"])
    assert "“Model”" in korean["detail"]
    assert korean["code"] == english["code"]
    assert korean["values"] == english["values"]
    assert korean["values"]["kind"] == "Model"


@pytest.mark.django_db
def test_a_page_that_is_refused_says_why_in_the_language_of_the_reader(client: Client) -> None:
    client.force_login(factories.user("clinician"))
    refused = client.get(reverse("accounts:people"), headers=KOREAN)
    assert refused.status_code == 403
    page = refused.content.decode()
    assert "계정 생성과 역할 부여" in page
    assert "Your role does not allow" not in page


@pytest.mark.django_db
def test_a_failed_run_is_korean_where_its_series_is_listed(client: Client) -> None:
    run = factories.inference_run(state=RunState.FAILED, error_message=message("Segmenting"))
    client.force_login(factories.user("clinician", institution=run.series.institution))
    for address in (run.series.case.get_absolute_url(), reverse("inference:view", args=[run.series.pk])):
        page = client.get(address, headers=KOREAN).content.decode()
        assert sentence_in("ko", run.error_message) in page, address
        assert ">Segmenting" not in page


def sentence_in(language: str, told: str) -> str:
    with translation.override(language):
        return sentence(told)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Model", "Patient", "Note", "{title}", "The file is empty. Send it again."])
def test_a_case_keeps_its_name_on_every_page_and_in_every_verdict(client: Client, name: str) -> None:
    reader = factories.user("clinician")
    place = reader.memberships.get().institution
    case = factories.case(institution=place, title=name)
    series = factories.series(of=case)
    upload = factories.upload(institution=place, created_by=reader)
    reason = message(
        "The same images are already in the case “{title}”, so they were not imported again.", title=case.title
    )
    factories.verdict(upload, "a.dcm", Verdict.SKIPPED, code="duplicate", reason=reason)
    factories.import_run(of=upload, state=RunState.SUCCEEDED)
    client.force_login(reader)
    pages = [reverse("cases:list"), case.get_absolute_url(), reverse("inference:view", args=[series.pk])]
    for address in (*pages, upload.get_absolute_url()):
        page = client.get(address, headers=KOREAN)
        assert escape(name) in page.content.decode(), address
    told = client.get(reverse("api:upload", args=[upload.pk]), headers=KOREAN).json()["verdicts"][0]
    assert f"“{name}”" in told["reason"]
    assert HANGUL.search(told["reason"].replace(name, ""))
    assert told["values"] == {"title": name}


# --- what is stored ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_failed_run_is_told_in_the_language_of_whoever_looks() -> None:
    error = message("The worker stopped answering {attempts} times. Retry, or tell your administrator.", attempts=3)
    run = factories.inference_run(
        state=RunState.FAILED, error_code="worker-lost", error_message=error, progress_message=message("Segmenting")
    )
    run.refresh_from_db()
    assert (run.error_message, run.error_message.values) == (error, {"attempts": 3})
    with translation.override("ko"):
        told = RunOut(run).data
    assert (told["error_code"], told["error_values"]) == ("worker-lost", {"attempts": 3})
    for words in (told["error"], told["message"]):
        assert HANGUL.search(words)
    assert "3" in told["error"]
    with translation.override("en"):
        assert RunOut(run).data["error"] == error


@pytest.mark.django_db
def test_a_verdict_of_several_sentences_is_told_sentence_by_sentence(client: Client) -> None:
    reader = factories.user("clinician")
    upload = factories.upload(institution=reader.memberships.get().institution, created_by=reader)
    missing = message(
        "{count} slices are missing: {places}. They are shown empty; upload the complete series if possible.",
        count=3,
        places=[message("{count} after slice {slice} (at {place} mm)", count=3, slice=4, place="9.5")],
    )
    reason = sentences([message("The file is empty. Send it again."), missing])
    factories.verdict(upload, "a.dcm", reason=reason)
    factories.import_run(of=upload, state=RunState.SUCCEEDED)
    client.force_login(reader)
    told = client.get(reverse("api:upload", args=[upload.pk]), headers=KOREAN).json()["verdicts"][0]
    assert [one["values"].get("count") for one in told["messages"]] == [None, 3]
    for words in (*(one["message"] for one in told["messages"]), told["reason"]):
        assert english_left(words) == []
    page = client.get(upload.get_absolute_url(), headers=KOREAN).content.decode()
    assert told["messages"][1]["message"] in page
    assert "slices are missing" not in page


@pytest.mark.django_db
@pytest.mark.parametrize("operation", [TextToMessage, PeoplesTextToMessage])
def test_the_sentences_of_older_rows_become_messages_and_can_be_read(operation: type[TextToMessage]) -> None:
    before, after = ProjectState(), ProjectState()
    for state, field in ((before, models.TextField(blank=True)), (after, MessageField())):
        fields = [("id", models.AutoField(primary_key=True)), ("text", field)]
        state.add_model(ModelState("shared", "Scratch", fields, {"db_table": "scratch_of_messages"}))
    old, new = (state.apps.get_model("shared", "Scratch") for state in (before, after))
    step = operation(model_name="scratch", name="text", field=MessageField())
    with connection.schema_editor() as editor:
        editor.create_model(old)
        for text in ("The file is empty. Send it again.", "", "It is {so}"):
            old._default_manager.create(text=text)
        step.database_forwards("shared", editor, before, after)
        kept = list(new._default_manager.order_by("id").values_list("text", flat=True))
        assert kept == ["The file is empty. Send it again.", "", "It is {so}"]
        assert all(isinstance(one, Message) for one in kept)
        with translation.override("ko"):
            assert bool(HANGUL.search(sentence(kept[0]))) == (operation is TextToMessage)
        step.database_backwards("shared", editor, after, before)
        assert old._default_manager.order_by("id").last().text in {"It is {so}", "{text}"}
        editor.delete_model(old)
