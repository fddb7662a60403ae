"""Versions of models are rows of the registry now. The columns stay as they are."""

import django.db.models.deletion
from django.db import migrations, models


def version(related: str) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name=related, to="registry.modelversion"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0007_messages"),
        ("registry", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField("inferencerun", "model_version", version("inference_runs")),
                migrations.AlterField("prediction", "model_version", version("predictions")),
            ]
        )
    ]
