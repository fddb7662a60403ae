"""The same for the pages: one row for each method and address, one status for each role."""

from __future__ import annotations

from typing import Any

from tests.permissions.table import (
    ADMIN,
    ANNOTATOR,
    CLINICIAN,
    MODEL_ADMIN,
    Expected,
    Maker,
    Row,
    both_evaluations,
    both_masks,
    case,
    clinician,
    comparison,
    evaluation,
    evaluation_csv,
    evaluation_plot,
    known,
    log_in,
    members,
    no_mask,
    override,
    own,
    own_pending,
    page,
    pending_mask,
    public,
    series,
    to_evaluate,
    upload,
    version,
)
from tests.permissions.world import ANONYMOUS, World


def own_account(status: int) -> Expected:
    return page(known(status))


def _mask(world: World) -> dict[str, Any]:
    return {"annotation_id": world.mask.pk}


def mask_file(world: World) -> dict[str, Any]:
    return {**_mask(world), "kind": "mask.npy"}


def run(thing: str) -> Maker:
    return lambda world: {"run_id": world.things[thing].pk}


def roles_of_clinician(world: World) -> dict[str, Any]:
    return {"institution_id": world.home.pk, "user_id": world.people[CLINICIAN].pk}


PAGES = [
    # --- the own account
    Row("GET", "home", public(302)),
    Row("GET", "health", public(200)),
    Row("GET", "ready", public(200)),
    Row("GET", "login", {**own_account(302), ANONYMOUS: 200}),
    Row("POST", "login", public(302), data=log_in, form=True),
    Row("POST", "logout", public(302)),
    Row("GET", "password_change", own_account(200)),
    Row("POST", "password_change", own_account(200), form=True),
    Row("GET", "password_change_done", own_account(200)),
    Row("POST", "set_language", public(302), data=lambda world: {"language": "ko"}, form=True),
    Row("GET", "javascript_catalogue", public(200)),
    Row("GET", "password_reset", public(200)),
    Row("GET", "password_reset_done", public(200)),
    Row("GET", "password_reset_confirm", public(200), lambda world: {"uidb64": "MQ", "token": "wrong"}),
    Row("GET", "password_reset_complete", public(200)),
    Row("GET", "accounts:profile", own_account(200)),
    Row("POST", "accounts:profile", own_account(200), form=True),
    # --- people
    Row("GET", "accounts:people", page(own(200, ADMIN))),
    Row("POST", "accounts:people", page(own(400, ADMIN)), data=lambda world: {"username": ""}, form=True),
    Row(
        "POST",
        "accounts:roles",
        page(members(302, ADMIN)),
        roles_of_clinician,
        data=lambda world: {"roles": ["annotator"]},
        form=True,
    ),
    Row("POST", "accounts:account", page(members(302, ADMIN)), clinician, lambda world: {"action": "deactivate"}, True),
    # --- cases
    Row("GET", "cases:list", own_account(200)),
    Row("GET", "worklist:now", own_account(200)),
    Row("GET", "cases:upload", page(own(200, CLINICIAN, ANNOTATOR, MODEL_ADMIN))),
    Row("POST", "cases:upload", page(own(400, CLINICIAN, ANNOTATOR, MODEL_ADMIN)), form=True),
    Row("GET", "cases:upload_detail", page(members(200)), upload),
    Row("POST", "cases:import_cancel", page(members(302, CLINICIAN, ANNOTATOR, MODEL_ADMIN)), run("import_run")),
    Row("POST", "cases:import_retry", page(members(302, CLINICIAN, ANNOTATOR, MODEL_ADMIN)), run("failed_import")),
    Row("GET", "cases:detail", page(members(200)), case),
    Row("GET", "cases:series", page(members(302)), series),
    Row("GET", "cases:mask_upload", page(members(200, ANNOTATOR, MODEL_ADMIN)), series),
    Row("POST", "cases:mask_upload", page(members(400, ANNOTATOR, MODEL_ADMIN)), series, data=no_mask, form=True),
    Row("GET", "cases:mask_mapping", page(own_pending(200)), pending_mask),
    # 400: let through, and told what is missing.
    Row("POST", "cases:mask_mapping", page(own_pending(400)), pending_mask),
    Row("GET", "cases:mask_download", page(members(200)), mask_file),
    Row("GET", "viewer:read", page(members(200)), series),
    Row("GET", "viewer:measurements_csv", page(members(200)), series),
    # --- results
    Row("GET", "inference:view", page(members(200)), series),
    Row("POST", "inference:start", page(members(302, CLINICIAN, ANNOTATOR, MODEL_ADMIN)), series, form=True),
    Row("POST", "inference:compare", page(members(302)), series, data=both_masks, form=True),
    Row("POST", "inference:cancel", page(members(302, CLINICIAN, ANNOTATOR, MODEL_ADMIN)), run("run")),
    Row("POST", "inference:retry", page(members(302, CLINICIAN, ANNOTATOR, MODEL_ADMIN)), run("failed_run")),
    Row("GET", "inference:comparison", page(members(200)), comparison),
    Row("GET", "inference:comparison_csv", page(members(200)), comparison),
    # --- model versions
    Row("GET", "training:versions", own_account(200)),
    Row("GET", "training:download", page(members(200, MODEL_ADMIN)), version),
    Row("POST", "training:activate", page(members(302, MODEL_ADMIN)), version),
    Row("GET", "training:promote", page(members(200)), version),
    Row("POST", "training:promote", page(members(302, MODEL_ADMIN)), version, data=override, form=True),
    Row("POST", "training:promote_evaluate", page(members(302, MODEL_ADMIN)), version),
    Row("POST", "training:rollback", page(own(302, MODEL_ADMIN))),
    # --- evaluations belong to the institutions of their data set
    Row("GET", "training:evaluations", own_account(200)),
    Row("POST", "training:evaluations", page(members(302, MODEL_ADMIN)), data=to_evaluate, form=True),
    Row("GET", "training:evaluation", page(members(200)), evaluation),
    Row("POST", "training:evaluation_cancel", page(members(302, MODEL_ADMIN)), run("waiting_evaluation")),
    Row("POST", "training:evaluation_retry", page(members(302, MODEL_ADMIN)), run("failed_evaluation")),
    Row("GET", "training:evaluation_plot", page(members(200)), evaluation_plot),
    Row("GET", "training:evaluation_csv", page(members(200)), evaluation_csv),
    Row("GET", "training:evaluation_report", page(members(200)), evaluation),
    Row("GET", "training:evaluations_compare", page(members(200)), data=both_evaluations),
    Row(
        "GET",
        "training:evaluations_compare_plot",
        page(members(200)),
        lambda world: {"kind": "png"},
        data=both_evaluations,
    ),
]
