from django.apps import AppConfig


class SpinePlatformConfig(AppConfig):
    """The project itself as an app: what follows what, and the commands that need all of it (`demo`, `bench`)."""

    name = "spineplatform"
    label = "spineplatform"
    verbose_name = "Spine platform"

    def ready(self) -> None:
        from cases.followers import followers_register
        from spineplatform.pipeline import Pipeline

        followers_register(Pipeline())
