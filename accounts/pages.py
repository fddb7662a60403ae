"""Pages of this app: people and the own profile."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from knox.models import AuthToken

from accounts.access import Capability, institution_get, institutions_with, member_get, require_anywhere
from accounts.forms import PersonForm, RolesForm
from accounts.models import Role
from accounts.requests import SignedInRequest
from accounts.selectors import people
from accounts.services import password_generate, roles_set, token_create, tokens_revoke, user_create
from spineplatform.shared.errors import UserError


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
                form.add_error("username", error.message)
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
            messages.error(request, error.message)
    return redirect("accounts:people")


@login_required
@require_http_methods(["GET", "POST"])
def profile_page(request: SignedInRequest) -> HttpResponse:
    """Context: ``memberships``, ``tokens`` (count), ``token`` (shown once after it was made)."""
    token = ""
    if request.method == "POST":
        if request.POST.get("action") == "revoke":
            tokens_revoke(user=request.user)
            messages.success(request, _("All API tokens were revoked."))
            return redirect("accounts:profile")
        token = token_create(user=request.user)
    context = {
        "memberships": request.user.memberships.select_related("institution"),
        "tokens": AuthToken.objects.filter(user=request.user).count(),
        "token": token,
    }
    return render(request, "accounts/profile.html", context)
