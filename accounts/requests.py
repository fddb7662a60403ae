"""Types of requests."""

from django.http import HttpRequest

from accounts.models import User


class SignedInRequest(HttpRequest):
    """What a page behind ``login_required`` receives."""

    user: User
