"""Who came and went, on record; and what ends with a password, an account, or the last role, however it ends."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.models import Membership, User
from accounts.services import tokens_end
from spineplatform.shared import audit


@receiver(user_logged_in, dispatch_uid="accounts.logged_in")
def _logged_in(sender: Any, user: Any, **kwargs: Any) -> None:
    audit.record(actor=user, action="user.logged-in", object_id=user.pk)


@receiver(user_logged_out, dispatch_uid="accounts.logged_out")
def _logged_out(sender: Any, user: Any, request: Any = None, **kwargs: Any) -> None:
    if request is not None:
        request.logged_out = True  # the browser is asked to forget, see spineplatform.shared.caching
    if user is not None:  # a session that had already ended
        audit.record(actor=user, action="user.logged-out", object_id=user.pk)


@receiver(post_save, sender=User, dispatch_uid="accounts.user_saved")
def _user_saved(sender: Any, instance: User, created: bool, **kwargs: Any) -> None:
    """Also from the admin pages and ``manage.py changepassword``: ``_password`` is set while a new one is saved."""
    if created:
        return
    if instance._password is not None or instance.password_taken_away:  # type: ignore[attr-defined]
        tokens_end(user=instance, reason="password")
    elif not instance.is_active:
        tokens_end(user=instance, reason="deactivated")


@receiver(post_save, sender=Membership, dispatch_uid="accounts.membership_saved")
def _membership_saved(sender: Any, instance: Membership, created: bool, **kwargs: Any) -> None:
    if created:
        instance.user.institutions.add(instance.institution)


@receiver(post_delete, sender=Membership, dispatch_uid="accounts.membership_deleted")
def _membership_deleted(sender: Any, instance: Membership, **kwargs: Any) -> None:
    user = User.objects.filter(pk=instance.user_id, is_superuser=False, memberships__isnull=True).first()
    if user is not None:
        tokens_end(user=user, reason="last role")
