"""``{{ run.error_message|said }}``: what workers and the pure library wrote, in the reader's language."""

from django import template

from spineplatform.shared.words import said, said_each

register = template.Library()
register.filter("said", lambda text: said(str(text)))
register.filter("said_each", lambda text: said_each(str(text)))
