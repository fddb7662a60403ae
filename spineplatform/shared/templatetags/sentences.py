"""``{{ run.error_message|sentence }}``: a message, in the language of whoever reads the page."""

from django import template

from spineplatform.shared.messages import sentence

register = template.Library()
register.filter("sentence", sentence)
