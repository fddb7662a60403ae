"""Pages of comments and notices."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cases.access import series_get
from cases.comments.selectors import comments_of, notices_of
from cases.comments.services import comment_write, notices_read

SHOWN = 100


@login_required
@require_http_methods(["GET", "POST"])
def notices_page(request: HttpRequest) -> HttpResponse:
    """Context: ``notices``, newest first. POST marks all as read."""
    if request.method == "POST":
        notices_read(actor=request.user)
        return redirect("worklist:notices")
    return render(request, "cases/notices.html", {"notices": notices_of(request.user)[:SHOWN]})


class CommentForm(forms.Form):
    text = forms.CharField(max_length=2000)


@login_required
@require_safe
def comments_page(request: HttpRequest, series_id: str) -> HttpResponse:
    """What is said about a series, as a part of the case page. Context: ``series``, ``comments``."""
    series = series_get(request.user, series_id)
    return render(request, "cases/_said.html", {"series": series, "comments": comments_of(series, request.user)})


@login_required
@require_POST
def comment_page(request: HttpRequest, series_id: str) -> HttpResponse:
    series = series_get(request.user, series_id)
    form = CommentForm(request.POST)
    if form.is_valid():
        comment_write(series=series, actor=request.user, text=form.cleaned_data["text"])
    else:
        messages.error(request, _("Write a comment of at most 2,000 characters."))
    return redirect(series.case)
