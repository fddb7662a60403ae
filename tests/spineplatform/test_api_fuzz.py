"""Every operation of the API is sent odd requests by three roles; `scripts/api_fuzz.py` does it for longer."""

from __future__ import annotations

import pytest

from tests.api_fuzz import fuzz, known


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_no_odd_request_fails_and_every_answer_is_as_the_document_says(web: str) -> None:
    found = fuzz(web, known(), examples=1)
    assert not found.problems, "\n\n".join(f"{name}\n{words}" for name, words in found.problems.items())
    assert found.statuses.total() > 250
    assert {status for status in found.statuses if status >= 500} == set()
