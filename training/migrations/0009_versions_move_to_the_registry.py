"""Versions of models are rows of the registry now. Tables, columns and triggers stay as they are."""

import django.db.models.deletion
from django.db import migrations, models

VERSION = "registry.modelversion"
PROTECT = django.db.models.deletion.PROTECT


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0001_initial"),
        ("inference", "0008_versions_of_the_registry"),
        ("training", "0008_messages"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "evaluationrun",
                    "version",
                    models.ForeignKey(on_delete=PROTECT, related_name="evaluations", to=VERSION),
                ),
                migrations.AlterField(
                    "trainingrun",
                    "base",
                    models.ForeignKey(null=True, on_delete=PROTECT, related_name="based_runs", to=VERSION),
                ),
                migrations.AlterField(
                    "trainingrun",
                    "version",
                    models.OneToOneField(null=True, on_delete=PROTECT, related_name="training_run", to=VERSION),
                ),
                migrations.DeleteModel("ActiveVersion"),
                migrations.DeleteModel("VersionShare"),
                migrations.DeleteModel("VersionCounter"),
                migrations.DeleteModel("Promotion"),
                migrations.DeleteModel("ModelVersion"),
            ]
        )
    ]
