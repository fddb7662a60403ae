"""Who may open which door: one row for each method and address, one status for each role.

The statuses are written out, not derived from accounts.access: this table is what the code is held against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.permissions.world import ANONYMOUS, EVERYBODY, MEMBERS, STRANGER, World, file

Expected = dict[str, int]
Maker = Callable[[World], dict[str, Any]]
CLINICIAN, ANNOTATOR, MODEL_ADMIN, ADMIN = MEMBERS


@dataclass(frozen=True)
class Row:
    """``kwargs`` makes the address' arguments, ``data`` the body; ``form`` sends it as a form instead of JSON."""

    method: str
    name: str
    expected: Expected
    kwargs: Maker = lambda world: {}
    data: Maker = lambda world: {}
    form: bool = False
    by_token: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


# --- who gets what ----------------------------------------------------------------------------------------------------
def public(status: int) -> Expected:
    return dict.fromkeys(EVERYBODY, status)


def known(status: int) -> Expected:
    """Whoever is logged in, the stranger for his own institution."""
    return {**public(status), ANONYMOUS: 401}


def members(status: int, *only: str) -> Expected:
    """The home institution's members, or ``only`` some of them; the stranger is not told that there is anything."""
    return {ANONYMOUS: 401, STRANGER: 404, **{role: status if role in (only or MEMBERS) else 403 for role in MEMBERS}}


def own(status: int, *only: str) -> Expected:
    """A list or a new thing, each in their own institution: the stranger holds every role in his."""
    return {**members(status, *only), STRANGER: status}


def page(expected: Expected) -> Expected:
    """Pages send the anonymous to the log-in page."""
    return {**expected, ANONYMOUS: 302}


# --- arguments of the addresses ---------------------------------------------------------------------------------------
def case(world: World) -> dict[str, Any]:
    return {"case_id": world.case.pk}


def series(world: World) -> dict[str, Any]:
    return {"series_id": world.series.pk}


def series_slice(world: World) -> dict[str, Any]:
    return {**series(world), "z": 0}


def mask(world: World) -> dict[str, Any]:
    return {"mask_id": world.mask.pk}


def mask_slice(world: World) -> dict[str, Any]:
    return {**mask(world), "z": 0}


def mask_as(kind: str) -> Maker:
    return lambda world: {**mask(world), "kind": kind}


def upload(world: World) -> dict[str, Any]:
    return {"upload_id": world.upload.pk}


def comparison(world: World) -> dict[str, Any]:
    return {"run_id": world.comparison.pk}


def comparison_slice(world: World) -> dict[str, Any]:
    return {**comparison(world), "z": 0}


def run(kind: str, thing: str) -> Maker:
    return lambda world: {"kind": kind, "run_id": world.things[thing].pk}


def version(world: World) -> dict[str, Any]:
    return {"version_id": world.candidate.pk}


def clinician(world: World) -> dict[str, Any]:
    return {"user_id": world.people[CLINICIAN].pk}


def measured(world: World) -> dict[str, Any]:
    return {"measurement_id": world.measurement.pk}


# --- bodies -----------------------------------------------------------------------------------------------------------
def log_in(world: World) -> dict[str, Any]:
    from tests.factories import PASSWORD

    return {"username": CLINICIAN, "password": PASSWORD}


def new_person(world: World) -> dict[str, Any]:
    return {"username": "newcomer", "roles": ["clinician"]}


def ct(world: World) -> dict[str, Any]:
    return {"files": [file()]}


def no_mask(world: World) -> dict[str, Any]:
    return {"files": [file(b"not a mask", "mask.png")]}


def pending_mask(world: World) -> dict[str, Any]:
    return {"pending_id": world.pending.pk}


def pending_mask_value(world: World) -> dict[str, Any]:
    return {**pending_mask(world), "value": 40}


def mapping(world: World) -> dict[str, Any]:
    return {"mapping": {"40": 20}}


def own_pending(status: int) -> Expected:
    """The annotator's own; a clinician's role does not include it, and others are not told that there is anything."""
    return {**dict.fromkeys((*MEMBERS, STRANGER), 404), ANONYMOUS: 401, ANNOTATOR: status}


def no_model(world: World) -> dict[str, Any]:
    return {"file": file(b"not HDF5", "model.h5")}


def both_masks(world: World) -> dict[str, Any]:
    return {"reference": str(world.mask.pk), "predicted": str(world.predicted.pk)}


def evaluation(world: World) -> dict[str, Any]:
    return {"run_id": world.evaluation.pk}


def evaluation_plot(world: World) -> dict[str, Any]:
    return {**evaluation(world), "name": "boxes", "kind": "svg"}


def evaluation_csv(world: World) -> dict[str, Any]:
    return {**evaluation(world), "scope": "images"}


def both_evaluations(world: World) -> dict[str, Any]:
    return {"run": [str(world.evaluation.pk), str(world.other_evaluation.pk)]}


def to_evaluate(world: World) -> dict[str, Any]:
    return {"version": str(world.candidate.pk), "dataset": str(world.judged_on.pk), "split": "test"}


def override(world: World) -> dict[str, Any]:
    return {"reason": "The gate has too few patients."}


API = [
    Row("POST", "api:token", public(201), data=log_in),
    Row("DELETE", "api:token", known(204), by_token=True),
    Row("GET", "api:tokens", known(200)),
    Row("DELETE", "api:token-named", known(404), lambda world: {"start": "none-of-theirs"}),
    Row("GET", "api:me", known(200)),
    Row("GET", "api:institutions", known(200)),
    Row("GET", "api:users", own(200, ADMIN)),
    Row("POST", "api:users", own(201, ADMIN), data=new_person),
    Row("PATCH", "api:user-roles", members(200, ADMIN), clinician, data=lambda world: {"roles": ["annotator"]}),
    Row("PATCH", "api:user", members(200, ADMIN), clinician, data=lambda world: {"is_active": False}),
    Row("GET", "api:uploads", known(200)),
    Row("POST", "api:uploads", own(201, CLINICIAN, ANNOTATOR, MODEL_ADMIN), data=ct, form=True),
    Row("GET", "api:upload", members(200), upload),
    Row("GET", "api:cases", known(200)),
    Row("GET", "api:case", members(200), case),
    Row("GET", "api:series", members(200), series),
    Row("GET", "api:series-slice", members(200), series_slice),
    Row("GET", "api:masks", members(200), series),
    # 400: let through, and told that this is no mask.
    Row("POST", "api:pending-masks", members(400, ANNOTATOR, MODEL_ADMIN), series, data=no_mask, form=True),
    # The annotator's own label map that waits for its mapping: nobody else's.
    Row("GET", "api:pending-mask", own_pending(200), pending_mask),
    Row("POST", "api:pending-mask", own_pending(201), pending_mask, data=mapping),
    Row("DELETE", "api:pending-mask", own_pending(204), pending_mask),
    Row("GET", "api:pending-mask-picture", own_pending(200), pending_mask_value),
    # 400: let through, and told that this is no mask.
    Row("POST", "api:masks", members(400, ANNOTATOR, MODEL_ADMIN), series, data=no_mask, form=True),
    Row("POST", "api:segment", members(202, CLINICIAN, ANNOTATOR, MODEL_ADMIN), series),
    Row("POST", "api:comparisons", members(200), series, data=both_masks),
    Row("GET", "api:mask", members(200), mask),
    Row("GET", "api:mask-slice", members(200), mask_slice),
    Row("GET", "api:series-slices", members(400), series),  # let through, and told that “first” is missing
    Row("GET", "api:mask-slices", members(400), mask),
    # --- the reading room
    Row("GET", "api:reading", members(200), series),
    Row("POST", "api:corrections", members(400, CLINICIAN, ANNOTATOR), series),
    Row("PUT", "api:draft", members(400, CLINICIAN, ANNOTATOR), series),
    Row("DELETE", "api:draft", members(204, CLINICIAN, ANNOTATOR), series),
    Row("GET", "api:measurements", members(200), series),
    Row("POST", "api:measurements", members(400, CLINICIAN, ANNOTATOR), series),
    Row("DELETE", "api:measurement", {**members(403, CLINICIAN), ANNOTATOR: 204}, measured),
    Row("PUT", "api:viewer-settings", known(200)),
    Row("GET", "api:mask-download", members(200), mask_as("overlay.jpg")),
    Row("GET", "api:mask-download", members(200), mask_as("overlay.png")),
    Row("GET", "api:mask-download", members(200), mask_as("mask.png")),
    Row("GET", "api:mask-download", members(200), mask_as("mask.zip")),
    Row("GET", "api:mask-download", members(200), mask_as("mask.nii.gz")),
    Row("GET", "api:mask-download", members(200), mask_as("mask.npy")),
    Row("GET", "api:mask-download", members(200), mask_as("mask.seg.nrrd")),
    Row("GET", "api:mask-download", members(200), mask_as("labels.zip")),
    Row("GET", "api:mask-download", members(200), mask_as("labels.csv")),
    Row("GET", "api:mask-download", members(200), mask_as("labels.json")),
    Row("GET", "api:comparison", members(200), comparison),
    Row("GET", "api:comparison-csv", members(200), comparison),
    Row("GET", "api:comparison-slice", members(200), comparison_slice),
    Row("GET", "api:inference-runs", known(200)),
    Row("GET", "api:run", members(200), run("import", "import_run")),
    Row("GET", "api:run", members(200), run("inference", "run")),
    Row("GET", "api:run", members(200), run("comparison", "comparison")),
    Row("POST", "api:run-cancel", members(200, CLINICIAN, ANNOTATOR, MODEL_ADMIN), run("import", "import_run")),
    Row("POST", "api:run-cancel", members(200, CLINICIAN, ANNOTATOR, MODEL_ADMIN), run("inference", "run")),
    Row("POST", "api:run-cancel", members(200), run("comparison", "waiting_comparison")),
    Row("POST", "api:run-retry", members(200, CLINICIAN, ANNOTATOR, MODEL_ADMIN), run("import", "failed_import")),
    Row("POST", "api:run-retry", members(200, CLINICIAN, ANNOTATOR, MODEL_ADMIN), run("inference", "failed_run")),
    # 409: let through, and told that it has succeeded.
    Row("POST", "api:run-retry", members(409), run("comparison", "comparison")),
    Row("GET", "api:models", known(200)),
    Row("POST", "api:models", own(400, MODEL_ADMIN), data=no_model, form=True),
    Row("GET", "api:model", members(200), version),
    Row("GET", "api:model-download", members(200, MODEL_ADMIN), version),
    # 409: let through, and refused by the gate.
    Row("POST", "api:model-activate", members(409, MODEL_ADMIN), version),
    Row("GET", "api:model-gate", members(200), version),
    Row("POST", "api:model-promote", members(200, MODEL_ADMIN), version, data=override),
    # 409: there is nothing before the active version.
    Row("POST", "api:model-rollback", own(409, MODEL_ADMIN)),
    Row("GET", "api:promotions", known(200)),
    Row("GET", "api:evaluations", known(200)),
    Row("POST", "api:evaluations", members(200, MODEL_ADMIN), data=to_evaluate),
    Row("GET", "api:evaluation", members(200), evaluation),
    Row("GET", "api:evaluation-plot", members(200), evaluation_plot),
    Row("GET", "api:evaluation-csv", members(200), evaluation_csv),
    Row("GET", "api:evaluation-report", members(200), evaluation),
    Row("GET", "api:evaluation-compare", members(200), data=both_evaluations),
    Row(
        "GET",
        "api:evaluation-compare-plot",
        members(200),
        lambda world: {"kind": "svg"},
        data=both_evaluations,
    ),
    Row("GET", "api:run", members(200), run("evaluation", "evaluation")),
    Row("POST", "api:run-cancel", members(200, MODEL_ADMIN), run("evaluation", "waiting_evaluation")),
    Row("POST", "api:run-retry", members(200, MODEL_ADMIN), run("evaluation", "failed_evaluation")),
    Row("GET", "schema", public(200)),
    Row("GET", "api-docs", public(200)),
]
