from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RegistryConfig(AppConfig):
    name = "registry"

    def ready(self) -> None:
        from registry.shipped import shipped_tasks_ensure

        post_migrate.connect(shipped_tasks_ensure, sender=self)
