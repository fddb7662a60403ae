"""Version, confidence and deviations are the mask's own now; a prediction keeps its run and how long it took."""

import django.db.models.deletion
from django.db import migrations, models

# Deferred checks are done before the tables change in the same transaction.
CHECKED = "; SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"
TO_MASKS = """
UPDATE cases_annotation mask
SET model_version_id = made.model_version_id, confidence = made.confidence, deviations = made.deviations
FROM inference_prediction made WHERE made.annotation_id = mask.id
"""
TO_PREDICTIONS = """
UPDATE inference_prediction made
SET model_version_id = run.model_version_id, confidence = mask.confidence, deviations = mask.deviations
FROM cases_annotation mask, inference_inferencerun run
WHERE made.annotation_id = mask.id AND made.run_id = run.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0023_masks_know_their_version"),
        ("inference", "0008_versions_of_the_registry"),
    ]

    operations = [
        # So that the way back can fill the column before it asks for a value.
        migrations.AlterField(
            "prediction",
            "model_version",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="predictions",
                to="registry.modelversion",
            ),
        ),
        migrations.RunSQL(TO_MASKS + CHECKED, TO_PREDICTIONS + CHECKED),
        migrations.RemoveField("prediction", "confidence"),
        migrations.RemoveField("prediction", "deviations"),
        migrations.RemoveField("prediction", "model_version"),
    ]
