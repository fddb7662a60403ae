"""Errors of the user."""

import copy

from spineml.errors import ArchiveRejected, MaskRejected, SpineError, UnreadableFile


def test_an_error_without_words_says_what_its_docstring_says() -> None:
    assert str(ArchiveRejected()).startswith("The zip archive cannot be opened safely.")


def test_an_error_says_its_own_words() -> None:
    assert str(MaskRejected("Too small.")) == "Too small."


def test_an_unreadable_file_names_the_file_and_the_reason_even_as_a_copy() -> None:
    error = copy.copy(UnreadableFile("a.dcm", "It is cut off."))
    assert (error.name, error.reason, str(error)) == ("a.dcm", "It is cut off.", "a.dcm: It is cut off.")


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = [SpineError, *SpineError.__subclasses__()]
    own = [kind for kind in kinds if kind.__module__ == "spineml.errors"]
    assert len({kind.code for kind in own}) == len(own)
