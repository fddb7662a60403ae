"""An inference worker loads TensorFlow and the active model before it says that it is ready."""

from typing import Any

from celery.signals import celeryd_after_setup


@celeryd_after_setup.connect
def _warm_up(instance: Any, **kwargs: Any) -> None:
    """Sent when the worker knows its queues and has not yet connected: only this queue is worth TensorFlow's memory."""
    if "inference" in instance.app.amqp.queues.consume_from:
        from inference.worker import warm_up

        warm_up()
