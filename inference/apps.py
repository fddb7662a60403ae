from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from cases.signals import series_imported
        from inference.correction_effort import acceptance_record
        from inference.services import segment_imported

        series_imported.connect(segment_imported, dispatch_uid="inference.segment_imported")
        post_save.connect(acceptance_record, sender="cases.Review", dispatch_uid="inference.acceptance_record")
