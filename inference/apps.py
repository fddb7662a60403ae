from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self) -> None:
        from cases.signals import series_imported
        from inference.services import segment_imported

        series_imported.connect(segment_imported, dispatch_uid="inference.segment_imported")
