"""``{{ run.error_message|said }}``: what workers and the pure library wrote, in the reader's language."""

from django import template

from spineplatform.shared.words import said

register = template.Library()
register.filter("said", lambda text: said(str(text)))
