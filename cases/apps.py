from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "cases"

    def ready(self) -> None:
        from cases.notifications import tell_mask
        from cases.projects.reading_services import model_mask_made
        from cases.signals import mask_recorded

        mask_recorded.connect(model_mask_made, dispatch_uid="cases.model_mask_made")
        mask_recorded.connect(tell_mask, dispatch_uid="cases.tell_mask")
