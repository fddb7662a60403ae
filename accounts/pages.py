"""Pages of this app: people and the own profile."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Capability, institution_get, institutions_with, member_get, person_get, require_anywhere
from accounts.forms import PersonForm, RolesForm
from accounts.models import Role
from accounts.requests import SignedInRequest
from accounts.selectors import people, tokens_working
from accounts.services import (
    account_set_active,
    password_generate,
    password_was_changed,
    password_was_reset,
    roles_set,
    token_create,
    token_revoke_named,
    tokens_revoke,
    user_create,
)
from spineplatform.shared.errors import UserError
from spineplatform.shared.messages import sentence


@login_required
@require_safe
def home_page(request: SignedInRequest) -> HttpResponse:
    """On to the cases; whoever has no role anywhere is told what to do. Context: ``belongs_to`` (institutions)."""
    if institutions_with(request.user, Capability.VIEW_CASES).exists():
        return redirect("cases:list")
    return render(request, "accounts/no_roles.html", {"belongs_to": request.user.institutions.all()})


@never_cache  # it shows a password
@login_required
@require_http_methods(["GET", "POST"])
def people_page(request: SignedInRequest) -> HttpResponse:
    """Context: ``people`` (Persons), ``form`` (PersonForm), ``roles`` (Role), ``created`` and ``password`` once."""
    require_anywhere(request.user, Capability.MANAGE_PEOPLE)
    institutions = institutions_with(request.user, Capability.MANAGE_PEOPLE)
    form = PersonForm(request.POST or None, institutions=institutions)
    created, password, status = None, "", 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            password = password_generate()
            try:
                created = user_create(
                    institution=form.cleaned_data["institution"],
                    person=form.new_person(password),
                    roles=[Role(role) for role in form.cleaned_data["roles"]],
                    actor=request.user,
                )
                form, status = PersonForm(institutions=institutions), 200
            except UserError as error:
                form.add_error("username", sentence(error.message))
    context = {"people": people(request.user), "form": form, "roles": Role, "created": created, "password": password}
    return render(request, "accounts/people.html", context, status=status)


@login_required
@require_POST
def roles_page(request: SignedInRequest, institution_id: str, user_id: int) -> HttpResponse:
    institution = institution_get(request.user, institution_id, Capability.MANAGE_PEOPLE)
    person = member_get(institution, user_id)
    form = RolesForm(request.POST)
    if form.is_valid():
        try:
            roles_set(
                institution=institution,
                user=person,
                roles=[Role(role) for role in form.cleaned_data["roles"]],
                actor=request.user,
            )
            messages.success(request, _("The roles of %(name)s were saved.") % {"name": person.display_name()})
        except UserError as error:
            messages.error(request, sentence(error.message))
    return redirect("accounts:people")


@login_required
@require_POST
def account_page(request: SignedInRequest, user_id: int) -> HttpResponse:
    """Deactivate an account or make it usable again, as ``action`` says."""
    person = person_get(request.user, user_id)
    action = request.POST.get("action")
    if action not in ("deactivate", "reactivate"):
        raise UserError
    is_active = action == "reactivate"
    done = _("The account of %(name)s was reactivated.") if is_active else _("The account of %(name)s was deactivated.")
    try:
        account_set_active(user=person, is_active=is_active, actor=request.user)
        messages.success(request, done % {"name": person.display_name()})
    except UserError as error:
        messages.error(request, sentence(error.message))
    return redirect("accounts:people")


class PasswordChange(views.PasswordChangeView):
    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        password_was_changed(user=form.user)
        return response


class PasswordResetConfirm(views.PasswordResetConfirmView):
    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        password_was_reset(user=form.user)
        return response


@never_cache  # it shows a token
@login_required
@require_http_methods(["GET", "POST"])
def profile_page(request: SignedInRequest) -> HttpResponse:
    """Context: ``memberships``, ``tokens`` (that work), ``token`` (NewToken, shown once after it was made)."""
    token = None
    if request.method == "POST":
        if request.POST.get("action") == "revoke":
            _revoke(request)
            return redirect("accounts:profile")
        token = token_create(user=request.user)
    context = {
        "memberships": request.user.memberships.select_related("institution"),
        "tokens": tokens_working(request.user),
        "token": token,
    }
    return render(request, "accounts/profile.html", context)


def _revoke(request: SignedInRequest) -> None:
    """All tokens, or the one that is named."""
    start = request.POST.get("token", "")
    if start:
        token_revoke_named(user=request.user, start=start)
        messages.success(request, _("The API token was revoked."))
    else:
        tokens_revoke(user=request.user)
        messages.success(request, _("All API tokens were revoked."))
