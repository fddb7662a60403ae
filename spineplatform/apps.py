from django.apps import AppConfig


class SpinePlatformConfig(AppConfig):
    """The project itself as an app, for the commands that need all of it (`demo`, `bench`)."""

    name = "spineplatform"
    label = "spineplatform"
    verbose_name = "Spine platform"
