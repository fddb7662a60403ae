from django.apps import AppConfig


class SharedConfig(AppConfig):
    name = "spineplatform.shared"
    label = "shared"
    verbose_name = "Shared"
