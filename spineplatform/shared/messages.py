"""Messages in the language of whoever reads them: gettext makes the sentence when it is shown, never before.

Workers and the pure library write English and keep it as `spineml.message.Message`. Only the text of a message is
looked up, as it stands; what fills its gaps, and any text that is no message, is nobody's to translate.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import trans_real

from spineml.message import Message
from spineml.reports.pdf import Language

CONTEXT = "message"


def sentence(told: str) -> str:
    """A message in the active language; other text as it is."""
    return told.in_words(_translated) if isinstance(told, Message) else told


def _translated(text: str) -> str:
    return translation.pgettext(CONTEXT, text) if text else ""


def language_named(code: str) -> Language:
    """What a PDF is written in, whatever language is active."""

    def say(told: str) -> str:
        with translation.override(code):
            return sentence(told)

    return Language(code, say)


def language_of(scope: dict[str, Any]) -> str:
    """The language of whoever opened a WebSocket: the chosen one, else what the browser asks for."""
    chosen = scope.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME, "")
    if chosen in dict(settings.LANGUAGES):
        return str(chosen)
    wishes = dict(scope.get("headers", ())).get(b"accept-language", b"").decode("latin-1")
    for wish, _ in trans_real.parse_accept_lang_header(wishes):
        try:
            return trans_real.get_supported_language_variant(wish)
        except LookupError:
            continue
    return str(settings.LANGUAGE_CODE)
