from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from cases.signals import splits_wanted
        from training.splits.services import splits_give

        splits_wanted.connect(splits_give, dispatch_uid="training.splits_give")
