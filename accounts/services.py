"""Every write of this app."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from axes.utils import reset as forget_failures
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from knox.models import AuthToken

from accounts.access import Capability, require
from accounts.models import Institution, Membership, Role, User
from spineml.message import sentences
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, NotFound, UserError


class UsernameTaken(Conflict):
    """Somebody already has this user name or e-mail address. Choose another."""

    code = "username-taken"


class WeakPassword(UserError):
    """The password is too weak."""

    code = "weak-password"


def password_generate() -> str:
    """A password that a person can type once: about 95 bits."""
    return secrets.token_urlsafe(12)


def institution_create(*, name: str, actor: User | None = None) -> Institution:
    with transaction.atomic():
        institution = Institution.objects.create(name=name)
        audit.record(actor=actor, action="institution.created", object_id=institution.pk, institution_id=institution.pk)
    return institution


@dataclass(frozen=True)
class NewPerson:
    """What an account is made of."""

    username: str
    password: str
    email: str = ""
    full_name: str = ""

    def as_user(self) -> User:
        first, _, last = self.full_name.strip().partition(" ")
        username = User.normalize_username(self.username)  # as the log-in form does
        return User(username=username, email=self.email, first_name=first, last_name=last)


def user_create(
    *, institution: Institution, person: NewPerson, roles: Iterable[Role], actor: User | None = None
) -> User:
    """Create an account with its roles in one institution. ``actor`` None means the platform itself (demo, command).

    Raises:
        Forbidden, NotFound: ``actor`` may not manage people there.
        UsernameTaken: the name or e-mail is in use.
        WeakPassword: with the validators' sentences.
    """
    if actor is not None:
        require(actor, institution.pk, Capability.MANAGE_PEOPLE)
    user = person.as_user()
    try:
        validate_password(person.password, user)
    except ValidationError as error:
        raise WeakPassword(sentences(error.messages)) from None
    user.set_password(person.password)
    try:
        with transaction.atomic():
            user.save()
            roles_set(institution=institution, user=user, roles=roles, actor=actor)
            audit.record(
                actor=actor,
                action="user.created",
                object_id=user.pk,
                institution_id=institution.pk,
                username=person.username,
            )
    except IntegrityError:
        raise UsernameTaken from None
    return user


class LastAdministrator(Conflict):
    """This would leave the institution without an administrator. Give the role to somebody else first."""

    code = "last-administrator"


def roles_set(*, institution: Institution, user: User, roles: Iterable[Role], actor: User | None = None) -> None:
    """Make ``roles`` the person's roles in this institution; an empty list takes all rights there away.

    Raises:
        LastAdministrator: nobody would be left to manage people.
    """
    if actor is not None:
        require(actor, institution.pk, Capability.MANAGE_PEOPLE)
    wanted = {Role(role) for role in roles}
    with transaction.atomic():
        Institution.objects.select_for_update(no_key=True).get(pk=institution.pk)
        others = institution.memberships.filter(role=Role.INSTITUTION_ADMIN).exclude(user=user)
        was_admin = institution.memberships.filter(role=Role.INSTITUTION_ADMIN, user=user).exists()
        if was_admin and Role.INSTITUTION_ADMIN not in wanted and not others.exists():
            raise LastAdministrator
        for role in wanted:
            Membership.objects.get_or_create(user=user, institution=institution, role=role)
        institution.memberships.filter(user=user).exclude(role__in=wanted).delete()  # the last one ends the tokens
        audit.record(
            actor=actor,
            action="roles.set",
            object_id=user.pk,
            institution_id=institution.pk,
            roles=sorted(role.value for role in wanted),
        )


@dataclass(frozen=True)
class NewToken:
    """An API token as its owner sees it once; only its hash is stored."""

    token: str
    expiry: datetime | None


class SignInAgain(Conflict):
    """Your password was changed or your account was closed at this moment. Log in again."""

    code = "sign-in-again"


def token_create(*, user: User) -> NewToken:
    """Make an API token that works for as long as the settings say, and no longer than the password.

    Raises:
        SignInAgain: the password that ``user`` logged in with is no longer the password.
    """
    with transaction.atomic():
        now = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if now.password != user.password or not now.is_active:
            raise SignInAgain
        row, token = AuthToken.objects.create(user=user)
        audit.record(actor=user, action="token.created", object_id=user.pk)
    return NewToken(str(token), row.expiry)


def token_revoke(*, token: AuthToken, user: User) -> None:
    """Make this one API token of the person worthless."""
    with transaction.atomic():
        token.delete()
        audit.record(actor=user, action="token.revoked", object_id=user.pk)


def token_revoke_named(*, user: User, start: str) -> None:
    """Make the person's API token that begins with ``start``, as the list names it, worthless.

    Raises:
        NotFound: the person has none.
    """
    token = AuthToken.objects.filter(user=user, token_key=start).first()
    if token is None:
        raise NotFound
    token_revoke(token=token, user=user)


def tokens_revoke(*, user: User) -> None:
    """Make every API token of this person worthless."""
    with transaction.atomic():
        AuthToken.objects.filter(user=user).delete()
        audit.record(actor=user, action="tokens.revoked", object_id=user.pk)


def tokens_end(*, user: User, reason: str) -> None:
    """End what was opened with a password or right that is gone; ``reason`` is recorded when there was anything."""
    with transaction.atomic():
        ended, _ = AuthToken.objects.filter(user=user).delete()
        if ended:
            audit.record(actor=None, action="tokens.ended", object_id=user.pk, reason=reason)


def password_was_changed(*, user: User) -> None:
    """Called when a person has chosen a new password. Django has ended the other sessions."""
    audit.record(actor=user, action="password.changed", object_id=user.pk)


def password_was_reset(*, user: User) -> None:
    """Called when a person has chosen a new password by the link from the mail: the old one may be in other hands.

    Unlocks the account. What was opened with the old one has ended: sessions by Django, tokens by ``receivers``.
    """
    with transaction.atomic():
        forget_failures(username=user.get_username())
        audit.record(actor=user, action="password.reset", object_id=user.pk)
