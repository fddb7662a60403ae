"""The curves of a training on its page: drawn by the server from its epochs and from the one that is going."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Institution, Role
from spineplatform.shared.runs import RunState
from tests import factories
from tests.training import learnable
from training.models import TrainingRun
from training.trainings.curves import batch_losses, curves_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Institution:
    return factories.institution("Learning clinic")


@pytest.fixture
def run(place: Institution) -> TrainingRun:
    return learnable.run(learnable.dataset(place), state=RunState.QUEUED)


def test_batches_lie_between_the_epochs_and_those_of_the_epoch_that_is_going_after_them(run: TrainingRun) -> None:
    learnable.epochs(run, 2, batches=4)
    live = {"epoch": 3, "batch_losses": [0.5, 0.4]}
    places = [place for place, _loss in batch_losses(list(run.epochs.all()), live)]
    assert places == [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5]
    ended = {"epoch": 2, "batch_losses": [0.5, 0.4]}
    assert len(batch_losses(list(run.epochs.all()), ended)) == 8


@pytest.mark.parametrize("live", [{}, {"epoch": 1, "batch_losses": [1.2, 0.9]}])
def test_a_training_without_an_epoch_has_curves_all_the_same(run: TrainingRun, live: dict[str, object]) -> None:
    charts = dict(curves_of([], live))
    assert (charts["loss"].is_empty, charts["dice"].is_empty) == (not live, True)
    assert [tick.text for tick in charts["loss"].x_ticks] == ["0", "1"]


def test_the_page_has_its_curves_and_every_epoch_as_a_table(place: Institution, run: TrainingRun) -> None:
    learnable.epochs(run, 3)
    client = Client()
    client.force_login(factories.user(Role.MODEL_ADMIN, institution=place))
    page = client.get(run.get_absolute_url()).content.decode()
    for part in ('data-fresh="curves"', 'class="chart-faint"', 'aria-labelledby="dice-title"', "Best so far: epoch 3"):
        assert part in page, part
    assert "style=" not in page


def test_what_the_socket_says_of_a_training_does_not_grow_with_it(run: TrainingRun) -> None:
    before = set(run.as_message())
    learnable.epochs(run, 3)
    assert set(run.as_message()) == before
    assert "epochs" not in before
