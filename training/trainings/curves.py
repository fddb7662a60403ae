"""The curves of a training as charts: loss of batches and epochs, Dice of training crops and validation patients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from spineplatform.shared.charts import Plot, Scale, Trace
from training.models import TrainingEpoch


def curves_of(epochs: Sequence[TrainingEpoch], live: Mapping[str, Any]) -> list[tuple[str, Plot]]:
    """By a name for ids; ``epochs`` are in order, ``live`` is the epoch that is going (`TrainingRun.live`)."""
    batches = batch_losses(epochs, live)
    last = max([float(len(epochs)), 1.0, *(x for x, _loss in batches[-1:])])
    return [("loss", _loss_plot(epochs, batches, last)), ("dice", _dice_plot(epochs, last))]


def _loss_plot(epochs: Sequence[TrainingEpoch], batches: list[tuple[float, float]], last: float) -> Plot:
    train = [(float(epoch.epoch), epoch.loss) for epoch in epochs]
    highest = max([0.1, *(loss for _x, loss in [*batches, *train] if math.isfinite(loss))])
    return Plot(
        _("Loss"),
        [Trace(_("batch"), batches, style="faint"), Trace(_("epoch"), train)],
        _("Epoch"),
        x=Scale(0.0, last),
        y=Scale(0.0, highest),
        whole=True,
        tabled=False,
        digits=4,
    )


def _dice_plot(epochs: Sequence[TrainingEpoch], last: float) -> Plot:
    train = [(float(one.epoch), one.train_dice) for one in epochs if one.train_dice is not None]
    validation = [(float(one.epoch), one.validation_dice) for one in epochs if one.validation_dice is not None]
    lowest = min([1.0, *(dice for _x, dice in [*train, *validation])])
    return Plot(
        _("Dice"),
        [Trace(_("training crops"), train), Trace(_("validation patients"), validation)],
        _("Epoch"),
        x=Scale(0.0, last),
        y=Scale(min(max(0.0, math.floor(lowest * 10 - 0.5) / 10), 0.9), 1.0),
        whole=True,
        tabled=False,
        digits=4,
    )


def batch_losses(epochs: Sequence[TrainingEpoch], live: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The loss of each batch at its place in epochs: the batches of an epoch lie evenly between its start and end."""
    found: list[tuple[float, float]] = []
    for epoch in epochs:
        count = len(epoch.batch_losses)
        found += [(epoch.epoch - 1 + n / count, loss) for n, loss in enumerate(epoch.batch_losses, start=1)]
    going: Sequence[float] = live.get("batch_losses") or ()
    if live.get("epoch", 0) > len(epochs):
        each = epochs[0].step if epochs else len(going)
        found += [(len(epochs) + n / max(each, 1), loss) for n, loss in enumerate(going, start=1)]
    return found
