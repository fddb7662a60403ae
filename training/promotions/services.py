"""Writes about promotions: through the gate, past it with a reason, or back."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.access import Capability, require
from accounts.models import Institution
from cases.models import NoticeKind
from registry.access import platform_required
from registry.models import SPINE_CT, ModelVersion, Promotion, PromotionKind
from registry.selectors import version_active_or_none
from registry.services import VersionRetired, version_activate, versions_lock
from spineml.message import Message, message, sentences
from spineml.metrics.bootstrap import few_patients_warning
from spineml.metrics.promotion_gate import GateResult, Refusal
from spineplatform.shared.errors import Conflict, UserError
from training.models import Dataset
from training.promotions.flaws import check_marks_something, flaw_find
from training.promotions.notifications import following_default, notify_model_admins
from training.promotions.selectors import GateView, gate_view, is_offered, rollback_target


class GateRefused(Conflict):
    """The candidate does not pass the promotion gate. See the results for the reason; a model admin may override with
    a written reason."""

    code = "gate-refused"


class NoTestPatients(Conflict):
    """No frozen data set has test patients, so the candidate cannot be compared. Freeze one, evaluate both versions on
    it, and promote again; a model admin may override with a written reason."""

    code = "no-test-patients"


class EvaluationMissing(Conflict):
    """Not yet evaluated on the test patients."""

    code = "evaluation-missing"


class NothingBefore(Conflict):
    """There is no earlier version to roll back to."""

    code = "nothing-before"


class VersionNotOffered(Conflict):
    """This version neither belongs to the institution nor is still shared with it. Choose another."""

    code = "version-not-offered"


class OnlyPlatformVersions(Conflict):
    """The platform default must be a version of the platform. Choose one of those."""

    code = "only-platform-versions"


class OverrideReasonNeeded(UserError):
    """Changing the version of every institution that has not chosen one needs a written reason."""

    code = "reason-needed"


def version_promote(
    *, version: ModelVersion, actor: Any, institution: Institution, dataset: Dataset | None = None, reason: str = ""
) -> Promotion | None:
    """Make ``version`` the one that segments at ``institution``, if the gate lets it pass or ``reason`` overrides it.

    Free of the gate are the first version and one that was active there before (a roll-back). None: it is active
    already. Nothing changes at other institutions. An override is told to the model admins of the institution.

    Raises:
        GateRefused, NoTestPatients, EvaluationMissing: with the figures, and without a reason to override.
        VersionRetired, VersionNotOffered, VersionUnusable: it must not be used there.
    """
    require(actor, institution.pk, Capability.MANAGE_MODELS)
    reason = reason.strip()
    flaw_find(version)
    with transaction.atomic():
        versions_lock()  # what is active stays so until this is decided
        version.refresh_from_db()
        view = gate_view(version, institution, dataset)
        if view.active == version:
            return None
        _check_usable(version, institution, was_active=view.was_active)
        if not view.passed and not reason:
            raise refusal_of(view)
        promotion = version_activate(
            version=version,
            institution=institution,
            actor=actor,
            kind=_kind(view),
            gate=None if view.is_free else view.as_json(),
            reason=reason,
        )
        if promotion is not None and promotion.kind == PromotionKind.OVERRIDE:
            notify_model_admins(NoticeKind.MODEL_PROMOTED, version, [institution], actor=actor, text=reason)
        return promotion


def _check_usable(version: ModelVersion, institution: Institution | None, *, was_active: bool) -> None:
    if version.retired:
        raise VersionRetired
    if not is_offered(version, institution):
        raise VersionNotOffered
    check_marks_something(version, institution, was_active=was_active)


def version_rollback(
    *, actor: Any, institution: Institution, task: str = SPINE_CT, reason: str = ""
) -> Promotion | None:
    """Make the version active again that was so at ``institution`` before the present one was promoted.

    Raises:
        NothingBefore: the present one is the first.
        VersionRetired, VersionNotOffered: that version must not be used there any more.
    """
    require(actor, institution.pk, Capability.MANAGE_MODELS)
    with transaction.atomic():
        versions_lock()
        target = rollback_target(institution, task)
        if target is None:
            raise NothingBefore
        _check_usable(target, institution, was_active=True)
        return version_activate(
            version=target,
            institution=institution,
            actor=actor,
            kind=PromotionKind.ROLLBACK,
            reason=reason.strip(),
        )


def default_choose(*, version: ModelVersion, actor: Any, reason: str) -> Promotion | None:
    """Make a version of the platform the default: it segments at every institution that has not chosen one of its own.

    None: it is the default already.

    Raises:
        Forbidden: ``actor`` does not run the platform.
        OnlyPlatformVersions, VersionRetired, VersionUnusable, OverrideReasonNeeded: it cannot be, or nobody says why.
    """
    platform_required(actor)
    if version.owner_id is not None:
        raise OnlyPlatformVersions
    if not reason.strip():
        raise OverrideReasonNeeded
    flaw_find(version)
    with transaction.atomic():
        versions_lock()
        version.refresh_from_db()
        _check_usable(version, None, was_active=False)
        active = version_active_or_none(None, version.task_id)
        if active == version:
            return None
        kind = PromotionKind.OVERRIDE if active else PromotionKind.FIRST
        reason = reason.strip()
        promotion = version_activate(version=version, institution=None, actor=actor, kind=kind, reason=reason)
        following = following_default(version.task_id)
        notify_model_admins(NoticeKind.MODEL_DEFAULT, version, following, actor=actor, text=reason)
        return promotion


def _kind(view: GateView) -> PromotionKind:
    if view.active is None:
        return PromotionKind.FIRST
    if view.was_active:
        return PromotionKind.ROLLBACK
    return PromotionKind.GATED if view.passed else PromotionKind.OVERRIDE


def refusal_of(view: GateView) -> Conflict:
    """What stands in the way, with the figures as far as there are any."""
    if view.dataset is None:
        return NoTestPatients()
    if view.result is None:
        names = [version.name_at(view.institution.pk) for version in view.missing]
        return EvaluationMissing(
            message(
                "Evaluate {names} on the test patients of “{dataset}” first, then promote again.",
                names=names,
                dataset=view.dataset,
            ),
            dataset=str(view.dataset.pk),
            missing=[str(version.pk) for version in view.missing],
        )
    return GateRefused(_sentence(view.result), gate=view.as_json())


def _sentence(result: GateResult) -> Message:
    """Every reason with its figures."""
    return sentences([*(_reason(refusal, result) for refusal in result.refusals), _WAY_OUT])


GROUP_KINDS = {
    "institution": message("institution"),
    "maker": message("manufacturer"),
    "region": message("region"),
    "label": message("label"),
}
_WAY_OUT = message("A model admin may override this with a written reason.")


def _reason(refusal: Refusal, result: GateResult) -> Message:
    margins = result.settings
    if refusal == Refusal.TOO_FEW_PATIENTS:
        counts = {"patients": result.patients, "needed": margins.least_patients}
        if not result.seen_patients:
            return message("Only {patients} unseen test patients; {needed} are required.", **counts)
        return message(
            "Only {patients} unseen test patients ({seen} were used for training); {needed} are required.",
            seen=result.seen_patients,
            **counts,
        )
    if refusal == Refusal.WORSE and result.difference and result.difference.interval:
        low = result.difference.interval.low
        worse = message(
            "The mean Dice of the patients changes by {mean}; the lower end of its 95 % interval, {low}, is "
            "below the margin of {margin}.",
            mean=f"{result.difference.mean:+.4f}",
            low=f"{low:+.4f}",
            margin=f"{-margins.margin:+.4f}",
        )
        warning = few_patients_warning(result.patients)
        return sentences([worse, warning]) if warning else worse
    names = [
        message(
            "{kind} {name} ({change})",
            kind=GROUP_KINDS.get(group.kind, group.kind),
            name=group.name,
            change=f"{group.change:+.4f}",
        )
        for group in result.fallen
    ]
    return message(
        "The mean Dice falls by more than {margin} for: {names}.", margin=f"{margins.group_margin:.4f}", names=names
    )
