from django.apps import AppConfig


class SharedConfig(AppConfig):
    name = "spineplatform.shared"
    label = "shared"
    verbose_name = "Shared"

    def ready(self) -> None:
        from spineplatform.shared import mail  # noqa: F401  (registers its check)
