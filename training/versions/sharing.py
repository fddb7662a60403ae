"""Offering a version to another institution, and taking the offer back."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Institution
from cases.models import NoticeKind
from registry.access import version_kept_by
from registry.models import ActiveVersion, ModelVersion, VersionShare
from registry.services import VersionRetired, versions_lock
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, NotFound, UserError
from training.promotions.notifications import notify_model_admins


class NoSuchInstitution(UserError):
    """There is no institution of this name. Enter its exact name."""

    code = "no-such-institution"


class NothingToShare(Conflict):
    """That institution may already use this version: it belongs to the platform or to that institution."""

    code = "nothing-to-share"


def shares_of(version: ModelVersion) -> QuerySet[VersionShare]:
    """With whom the version is shared; ``is_active`` where it segments there."""
    there = ActiveVersion.objects.filter(version=version, institution=OuterRef("institution"))
    return version.shares.select_related("institution", "shared_by").annotate(is_active=Exists(there))


def version_share(*, version: ModelVersion, name: str, actor: Any) -> VersionShare:
    """Let the institution called ``name`` use the version: its people see the card and the figures, may evaluate it on
    their data and make it active; not its file, notes, training or evaluations. Twice does no harm.

    Raises:
        Forbidden: ``actor`` does not manage models at the institution that made it.
        NoSuchInstitution, NothingToShare, VersionRetired: there is nobody to share with, or nothing to share.
    """
    version_kept_by(actor, version)
    institution = Institution.objects.filter(name__iexact=name.strip()).first()
    if institution is None:
        raise NoSuchInstitution
    if version.owner_id in (None, institution.pk):
        raise NothingToShare
    with transaction.atomic():
        versions_lock()
        version.refresh_from_db()
        if version.retired:
            raise VersionRetired
        share, created = VersionShare.objects.get_or_create(
            version=version, institution=institution, defaults={"shared_by": actor}
        )
        if created:
            _record(actor, "shared", share)
            notify_model_admins(NoticeKind.MODEL_SHARED, version, [institution], actor=actor)
    return share


def version_unshare(*, version: ModelVersion, institution_id: uuid.UUID, actor: Any) -> None:
    """Take the offer back. Where the version is active it goes on segmenting until another one is chosen there, and the
    model admins there are told.

    Raises:
        Forbidden: ``actor`` does not manage models at the institution that made it.
        NotFound: it is not shared with that institution.
    """
    version_kept_by(actor, version)
    with transaction.atomic():
        versions_lock()
        share = version.shares.filter(institution=institution_id).first()
        if share is None:
            raise NotFound
        _record(actor, "unshared", share)
        share.delete()
        if ActiveVersion.objects.filter(version=version, institution=share.institution).exists():
            notify_model_admins(NoticeKind.MODEL_UNSHARED, version, [share.institution], actor=actor)


def _record(actor: Any, deed: str, share: VersionShare) -> None:
    """In the trail of the owner."""
    audit.record(
        actor=actor,
        action=f"model.{deed}",
        object_id=share.version_id,
        institution_id=share.version.owner_id,
        number=share.version.number,
        shared_with=str(share.institution_id),
    )
