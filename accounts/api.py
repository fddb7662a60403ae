"""REST: tokens, the own standing, institutions, and the people of an institution."""

from __future__ import annotations

from typing import Any

from axes.helpers import get_cool_off
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from knox.models import AuthToken
from rest_framework import exceptions, serializers, status
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.access import (
    Capability,
    institutions_with,
    member_get,
    person_get,
    require_anywhere,
    resolve_institution,
)
from accounts.models import Institution, Membership, Role, User
from accounts.selectors import standings, tokens_working, users_managed
from accounts.services import (
    NewPerson,
    account_set_active,
    password_generate,
    roles_set,
    token_create,
    token_revoke,
    token_revoke_named,
    user_create,
)
from spineplatform.shared.api import ListView, NewestFirstPagination, checked
from spineplatform.shared.api_schema import problems
from spineplatform.shared.incoming import TokenAuthentication
from spineplatform.shared.limits import TokenThrottle, name_at_address, seconds_to_wait

CAPABILITIES = [(capability.name.lower(), capability.value) for capability in Capability]


def person(request: Request) -> User:
    """Whoever is logged in.

    Raises:
        NotAuthenticated: nobody is.
    """
    if not isinstance(request.user, User):
        raise exceptions.NotAuthenticated
    return request.user


class NewestTokenFirst(NewestFirstPagination):
    ordering = ("-created", "-digest")


# --- auth/token -------------------------------------------------------------------------------------------------------
class LoginIn(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)


class TokenOut(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Send it as “Authorization: Token …”. It is shown this once.")
    expiry = serializers.DateTimeField(allow_null=True, help_text="When it stops working.")


class TokenView(APIView):
    """Log in for programs."""

    authentication_classes = (TokenAuthentication,)

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny()] if self.request.method == "POST" else [IsAuthenticated()]

    def get_throttles(self) -> list[BaseThrottle]:
        return [TokenThrottle()] if self.request.method == "POST" else []

    @extend_schema(
        operation_id="token_create",
        auth=[],
        request=LoginIn,
        responses={
            201: TokenOut,
            **problems(s401="User name or password is wrong.", s429="Too many attempts: wait as Retry-After says."),
        },
    )
    def post(self, request: Request) -> Response:
        """Exchange a user name and a password for a token."""
        given = checked(LoginIn, request.data)
        if seconds := seconds_to_wait("log-in-name", name_at_address(request, given["username"])):
            raise exceptions.Throttled(seconds)
        user = _log_in(request, **given)
        return Response(TokenOut(token_create(user=user)).data, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="token_revoke", request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Make the token of this request worthless."""
        token_revoke(token=request.auth, user=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _log_in(request: Request, username: str, password: str) -> User:
    """Through Django's own door, so that failures are counted and a locked account stays locked.

    Raises:
        AuthenticationFailed: wrong, or no such account.
        Throttled: locked after too many failures.
    """
    plain = request._request
    user = authenticate(plain, username=username, password=password)
    if getattr(plain, "axes_locked_out", False):
        # Else the middleware would answer with its page.
        plain.axes_locked_out = False  # type: ignore[attr-defined]
        wait = get_cool_off(plain)
        raise exceptions.Throttled(
            wait=wait.total_seconds() if wait else None, detail=str(_("Too many failed attempts: log-in is locked."))
        )
    if not isinstance(user, User):
        raise exceptions.AuthenticationFailed(_("The user name or the password is wrong."), code="wrong-credentials")
    user_logged_in.send(sender=User, request=plain, user=user)
    return user


class TokenListedOut(serializers.ModelSerializer[AuthToken]):
    start = serializers.CharField(source="token_key", help_text="The first characters of the token, which name it.")

    class Meta:
        model = AuthToken
        fields = ["start", "created", "expiry"]


class TokenListView(ListView):
    pagination_class = NewestTokenFirst

    @extend_schema(operation_id="token_list", responses=TokenListedOut(many=True))
    def get(self, request: Request) -> Response:
        """Your tokens that work. They end with your password, with your account, and with your last role."""
        return self.page(tokens_working(request.user), TokenListedOut)


class TokenNamedView(APIView):
    @extend_schema(operation_id="token_revoke_one", request=None, responses={204: None})
    def delete(self, request: Request, start: str) -> Response:
        """Make one of your tokens worthless."""
        token_revoke_named(user=person(request), start=start)
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- me ---------------------------------------------------------------------------------------------------------------
class InstitutionOut(serializers.ModelSerializer[Institution]):
    class Meta:
        model = Institution
        fields = ["id", "name"]


class StandingOut(serializers.Serializer[Any]):
    institution = InstitutionOut()
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices))
    capabilities = serializers.ListField(child=serializers.ChoiceField(choices=CAPABILITIES))


class MeOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    full_name = serializers.CharField(source="get_full_name")
    email = serializers.CharField()
    institutions = serializers.SerializerMethodField()

    @extend_schema_field(StandingOut(many=True))
    def get_institutions(self, user: User) -> Any:
        return StandingOut(standings(user), many=True).data


class MeView(APIView):
    @extend_schema(operation_id="me", responses=MeOut)
    def get(self, request: Request) -> Response:
        """Who you are, and what you may do where."""
        return Response(MeOut(request.user).data)


# --- institutions -----------------------------------------------------------------------------------------------------
class InstitutionListView(ListView):
    @extend_schema(operation_id="institution_list", responses=InstitutionOut(many=True))
    def get(self, request: Request) -> Response:
        """The institutions you belong to."""
        return self.page(institutions_with(request.user, Capability.VIEW_CASES), InstitutionOut)


# --- users ------------------------------------------------------------------------------------------------------------
class MembershipOut(serializers.ModelSerializer[Membership]):
    institution = InstitutionOut()

    class Meta:
        model = Membership
        fields = ["institution", "role"]


class UserOut(serializers.ModelSerializer[User]):
    full_name = serializers.CharField(source="get_full_name")
    institutions = InstitutionOut(many=True, help_text="Where the person has, or had, a role; of those you manage.")
    memberships = MembershipOut(many=True)

    class Meta:
        model = User
        fields = ["id", "username", "full_name", "email", "is_active", "institutions", "memberships"]


class NewUserIn(serializers.Serializer[Any]):
    institution = serializers.UUIDField(required=False, help_text="Needed when you manage several.")
    username = serializers.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices), allow_empty=False)
    password = serializers.CharField(
        required=False,
        max_length=1024,
        trim_whitespace=False,
        help_text="If omitted, a password is generated and returned.",
    )
    email = serializers.EmailField(required=False, default="", allow_blank=True)
    full_name = serializers.CharField(required=False, default="", allow_blank=True, max_length=150)


class NewUserOut(serializers.Serializer[Any]):
    user = UserOut()
    password = serializers.CharField(allow_null=True, help_text="The generated password; shown only once.")


class NewestUserFirst(NewestFirstPagination):
    ordering = ("-date_joined", "-id")


class UserListView(ListView):
    pagination_class = NewestUserFirst

    @extend_schema(operation_id="user_list", responses=UserOut(many=True))
    def get(self, request: Request) -> Response:
        """The people of the institutions you manage, also those whose last role was taken away."""
        require_anywhere(request.user, Capability.MANAGE_PEOPLE)
        return self.page(users_managed(request.user), UserOut)

    @extend_schema(
        operation_id="user_create",
        request=NewUserIn,
        responses={201: NewUserOut, **problems(s400="A field is wrong.", s409="The name or address is taken.")},
    )
    def post(self, request: Request) -> Response:
        """Create an account with its roles in one institution."""
        require_anywhere(request.user, Capability.MANAGE_PEOPLE)
        given = checked(NewUserIn, request.data)
        institution = resolve_institution(request.user, given.pop("institution", None), Capability.MANAGE_PEOPLE)
        roles = [Role(role) for role in given.pop("roles")]
        made = None if "password" in given else password_generate()
        newcomer = NewPerson(**{"password": made, **given})
        user = user_create(institution=institution, person=newcomer, roles=roles, actor=person(request))
        shown = users_managed(request.user).get(pk=user.pk)
        return Response(NewUserOut({"user": shown, "password": made}).data, status=status.HTTP_201_CREATED)


class AccountIn(serializers.Serializer[Any]):
    is_active = serializers.BooleanField(help_text="Nobody can log in to an account that is not active.")


class UserView(APIView):
    @extend_schema(
        operation_id="user_change",
        request=AccountIn,
        responses={200: UserOut, **problems(s409="It is your own, or used where you manage nobody.")},
    )
    def patch(self, request: Request, user_id: int) -> Response:
        """Deactivate an account, which ends its sessions and tokens and keeps its roles, or make it usable again."""
        account = person_get(request.user, user_id)
        account_set_active(user=account, actor=person(request), **checked(AccountIn, request.data))
        return Response(UserOut(users_managed(request.user).get(pk=account.pk)).data)


class RolesIn(serializers.Serializer[Any]):
    institution = serializers.UUIDField(required=False, help_text="Needed when you manage several.")
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=Role.choices), help_text="All roles there; none takes every right away."
    )


class UserRolesView(APIView):
    @extend_schema(
        operation_id="user_roles_set",
        request=RolesIn,
        responses={
            200: StandingOut,
            **problems(s409="Nobody would be left to manage people, or the account is deactivated."),
        },
    )
    def patch(self, request: Request, user_id: int) -> Response:
        """Replace the roles of a person in one institution."""
        require_anywhere(request.user, Capability.MANAGE_PEOPLE)
        given = checked(RolesIn, request.data)
        institution = resolve_institution(request.user, given.get("institution"), Capability.MANAGE_PEOPLE)
        member = member_get(institution, user_id)
        roles = [Role(role) for role in given["roles"]]
        roles_set(institution=institution, user=member, roles=roles, actor=person(request))
        standing = next((one for one in standings(member) if one.institution == institution), None)
        empty = {"institution": institution, "roles": [], "capabilities": []}
        return Response(StandingOut(standing or empty).data)
