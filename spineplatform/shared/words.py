"""Sentences of the pure library, of workers and of stored rows, in the language of whoever reads them.

They are written and stored in English, for a worker does not know its readers. The catalogue holds each of them under
the context "said", with ``{gaps}`` where the code fills something in; `scripts/messages.py` collects them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import trans_real

from spineml.message import Message
from spineml.pdf import Language

CONTEXT = "message"
GAP = re.compile(r"\{(\w+)\}")
_KEY = f"{CONTEXT}{trans_real.CONTEXT_SEPARATOR}"


def said(text: str) -> str:
    """``text`` in the active language; as it is when the catalogue does not know it."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    if not text or language == settings.LANGUAGE_CODE:
        return text
    if isinstance(text, Message):
        return text.in_words(lambda sentence: translation.pgettext(CONTEXT, sentence) if sentence else "")
    return _translated(text, language)


def said_each(text: str) -> str:
    """``text``; where it is not known as a whole, each part between commas as far as it is."""
    whole = said(text)
    return whole if whole != text else ", ".join(map(said, text.split(", ")))


def language_named(code: str) -> Language:
    """What a PDF is written in, whatever language is active."""

    def say(text: str) -> str:
        with translation.override(code):
            return said_each(text)

    return Language(code, say)


@lru_cache(maxsize=4096)
def _translated(text: str, language: str) -> str:
    exact = _catalogue(language).get(_KEY + text)
    if exact:
        return exact
    fitting = ((pattern.fullmatch(text), words) for pattern, words in _sentences_with_gaps(language))
    match, words = next((pair for pair in fitting if pair[0]), (None, ""))
    return GAP.sub(lambda gap: said(match[gap[1]]), words) if match else text


@lru_cache(maxsize=8)
def _sentences_with_gaps(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Every sentence with gaps as a pattern with its translation, the most specific first."""
    sentences = [(key.removeprefix(_KEY), words) for key, words in _catalogue(language).items() if GAP.search(key)]
    sentences = [pair for pair in sentences if any(map(str.isalpha, GAP.sub("", pair[0])))]
    sentences.sort(key=lambda pair: -len(GAP.sub("", pair[0])))
    return [(as_pattern(sentence), words) for sentence, words in sentences]


@lru_cache(maxsize=8)
def _catalogue(language: str) -> dict[str, str]:
    """What is said, by its key; Django's merge of all catalogues has no public list."""
    every: Any = trans_real.translation(language)
    return {key: text for key, text in every._catalog.items() if isinstance(key, str) and key.startswith(_KEY)}


def as_pattern(sentence: str) -> re.Pattern[str]:
    """A pattern for what the code makes of a sentence: anything may stand in a gap."""
    parts = GAP.split(sentence)
    texts = (
        re.escape(part) if place % 2 == 0 else f"(?P={part})" if part in parts[:place] else f"(?P<{part}>.*?)"
        for place, part in enumerate(parts)
    )
    return re.compile("".join(texts), re.DOTALL)


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
