"""An inference worker loads TensorFlow and the active model before it says that it is ready."""

from typing import Any

from celery.signals import celeryd_after_setup, worker_init


@celeryd_after_setup.connect
def _note_queues(instance: Any, **kwargs: Any) -> None:
    """Remember whether this worker serves the inference queue: only then is TensorFlow worth its memory."""
    instance.app.spine_serves_inference = "inference" in instance.app.amqp.queues.consume_from


@worker_init.connect
def _warm_up(sender: Any, **kwargs: Any) -> None:
    if getattr(sender.app, "spine_serves_inference", False):
        from inference.runner import warm_up

        warm_up()
