"""Odd requests to every operation of the REST API, made from its OpenAPI document: no failure of ours, and no answer
that the document does not promise. `scripts/api_fuzz.py` does it for minutes, a test for a fixed number.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from knox.models import AuthToken
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Role
from cases.models import Verdict
from tests import factories
from tests.permissions import world as worlds

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ROLES = (Role.CLINICIAN.value, Role.MODEL_ADMIN.value, Role.INSTITUTION_ADMIN.value)
# They end the log-in with which the others are tried.
LEFT_OUT = {"token_revoke", "user_roles_set"}
SECONDS = 30


@dataclass
class Known:
    """What a world holds: ids by the name of the parameter, and a token of each role."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


def known() -> Known:
    """Make the world of the permission tests in the current database."""
    world = worlds.make()
    things: dict[str, list[str]] = {}
    for name in ("unused_set", "judged_on"):  # whose files do not exist
        del world.things[name]
    for name, thing in world.things.items():
        if hasattr(thing, "pk"):
            for parameter in PARAMETERS.get(type(thing).__name__, ()):
                things.setdefault(parameter, []).append(str(thing.pk))
            things.setdefault("run_id", []).append(str(thing.pk)) if "run" in name or "training" in name else None
    for status in Verdict:
        factories.verdict(world.upload, name=f"{status}.dcm", status=status, series=world.series)
    factories.verdict(world.upload, name="none.dcm")
    things["user_id"] = [str(world.second_reader.pk)]
    things["kind"] = ["import", "inference", "comparison", "agreement", "report", "dataset", "evaluation", "training"]
    tokens = {role: AuthToken.objects.create(user=world.people[role])[1] for role in ROLES}
    return Known(things, tokens)


PARAMETERS = {
    "Case": ("case_id",),
    "Series": ("series_id",),
    "Annotation": ("mask_id",),
    "Upload": ("upload_id",),
    "ModelVersion": ("version_id",),
    "Measurement": ("measurement_id",),
    "ReadingProject": ("project_id",),
    "ReadingItem": ("item_id",),
    "ReaderGroup": ("group_id",),
    "SavedFilter": ("filter_id",),
    "Dataset": ("dataset_id",),
    "Evaluation": ("evaluation_id", "run_id"),
    "Training": ("training_id", "run_id"),
    "ComparisonRun": ("run_id", "comparison_id"),
    "ReportRun": ("run_id", "report_id"),
    "Report": ("run_id", "report_id"),
    "InferenceRun": ("run_id",),
    "ImportRun": ("run_id",),
    "AgreementRun": ("run_id",),
    "DatasetRun": ("run_id",),
}


@dataclass
class Outcome:
    """How many requests there were, their statuses, and what went wrong, once for each kind."""

    statuses: Counter[int] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)


def fuzz(address: str, known: Known, *, examples: int, number: int = 1, until: float = float("inf")) -> Outcome:
    """Send ``examples`` requests for each operation and role, by the seed ``number``; stops at the time ``until``."""
    document = requests.get(f"{address}/api/schema/?format=json", timeout=SECONDS).json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=address)
    outcome = Outcome()
    for operation in operations(schema):
        for role in ROLES:
            if time.monotonic() > until:
                return outcome
            _try(operation, known, role, outcome, (examples, number))
    return outcome


def operations(schema: Any) -> Iterator[Any]:
    every = [result.ok() for result in schema.get_all_operations()]
    yield from (one for one in every if one.definition.raw.get("operationId") not in LEFT_OUT)


def _try(operation: Any, known: Known, role: str, outcome: Outcome, how: tuple[int, int]) -> None:
    examples, number = how
    chance = random.Random(number)
    health = list(HealthCheck)

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=health
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        for name in case.path_parameters or {}:
            if known.ids.get(name) and chance.random() < 0.8:
                case.path_parameters[name] = chance.choice(known.ids[name])
        _send(case, f"Token {known.tokens[role]}", outcome, f"{operation.label} as {role}")

    send()


def _send(case: Any, token: str, outcome: Outcome, name: str) -> None:
    try:
        response = case.call(headers={**(case.headers or {}), "Authorization": token}, timeout=SECONDS)
    except (UnicodeError, requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL):
        return  # what the client itself refuses to send
    outcome.statuses[response.status_code] += 1
    if response.status_code == 503:
        time.sleep(0.2)
        return
    try:
        case.validate_response(response, checks=CHECKS)
    except (Failure, FailureGroup) as failed:
        each = failed.exceptions if isinstance(failed, FailureGroup) else [failed]
        for one in each:
            words = f"{response.status_code} {case.as_curl_command()[:600]}\n{str(one)[:1200]}\n{response.text[:400]}"
            outcome.problems.setdefault(f"{type(one).__name__}: {name} {response.status_code}", words)
