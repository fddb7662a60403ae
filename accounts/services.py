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

from accounts.access import Capability, institutions_with, require
from accounts.models import Institution, Membership, Role, User
from spineml.message import sentences
from spineplatform.shared import audit
from spineplatform.shared.errors import Conflict, NotFound, UserError


class UsernameTaken(Conflict):
    """This user name or e-mail address is already in use. Choose another."""

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
    """This would leave the institution without an administrator. Give the role to someone else first."""

    code = "last-administrator"


class AccountDeactivated(Conflict):
    """This account is deactivated. Reactivate it before you give it a role."""

    code = "account-deactivated"


class OwnAccount(Conflict):
    """This is your own account. Another administrator can deactivate it."""

    code = "own-account"


class AccountUsedElsewhere(Conflict):
    """This account is also used outside the institutions that you manage. Remove its roles at yours instead."""

    code = "used-elsewhere"


def roles_set(*, institution: Institution, user: User, roles: Iterable[Role], actor: User | None = None) -> None:
    """Make ``roles`` the person's roles in this institution; an empty list takes all rights there away.

    Raises:
        LastAdministrator: nobody would be left to manage people.
        AccountDeactivated: a role would be added to an account that cannot be used.
    """
    if actor is not None:
        require(actor, institution.pk, Capability.MANAGE_PEOPLE)
    wanted = {Role(role) for role in roles}
    with transaction.atomic():
        Institution.objects.select_for_update(no_key=True).get(pk=institution.pk)
        now = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        held = set(institution.memberships.filter(user=user).values_list("role", flat=True))
        if wanted - held and not now.is_active:
            raise AccountDeactivated
        if Role.INSTITUTION_ADMIN in held - wanted:
            _ensure_administrator(institution, besides=user)
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


def _ensure_administrator(institution: Institution, *, besides: User) -> None:
    """Raises LastAdministrator unless somebody else can manage the people there."""
    admins = institution.memberships.filter(role=Role.INSTITUTION_ADMIN, user__is_active=True)
    if not admins.exclude(user=besides).exists():
        raise LastAdministrator


def account_set_active(*, user: User, is_active: bool, actor: User) -> None:
    """Deactivate an account, which ends its sessions and tokens, or make it usable again; its roles stay.

    Raises:
        OwnAccount: nobody locks themselves out.
        NotFound: ``actor`` manages people at none of the institutions that it belongs to.
        AccountUsedElsewhere: it has a role where ``actor`` manages nobody, or runs the platform.
        LastAdministrator: nobody would be left to manage people.
    """
    with transaction.atomic():
        managed = institutions_with(actor, Capability.MANAGE_PEOPLE)
        # In one order, so that two administrators who deactivate each other do so one after the other.
        places = Institution.objects.select_for_update(no_key=True).filter(
            pk__in=user.memberships.values("institution")
        )
        held = list(places.order_by("pk"))
        now = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not managed.filter(people=user).exists():
            raise NotFound
        if now.pk == actor.pk:
            raise OwnAccount
        if now.is_superuser or user.memberships.exclude(institution__in=managed).exists():
            raise AccountUsedElsewhere
        if now.is_active == is_active:
            return
        if not is_active:
            for institution in held:
                if institution.memberships.filter(user=user, role=Role.INSTITUTION_ADMIN).exists():
                    _ensure_administrator(institution, besides=user)
        now.is_active = is_active
        now.save(update_fields=["is_active"])  # deactivating ends the tokens (see receivers)
        home, *more = managed.filter(people=user)
        audit.record(
            actor=actor,
            action="user.reactivated" if is_active else "user.deactivated",
            object_id=user.pk,
            institution_id=None if more else home.pk,
        )


@dataclass(frozen=True)
class NewToken:
    """An API token as its owner sees it once; only its hash is stored."""

    token: str
    expiry: datetime | None


class SignInAgain(Conflict):
    """Your password was changed or your account was deactivated just now. Log in again."""

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
