"""A data set is of a task: those from before are of the spine."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_versions_of_tasks"),
        ("training", "0009_versions_move_to_the_registry"),
    ]

    operations = [
        migrations.AddField(
            model_name="dataset",
            name="label_counts",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="dataset",
            name="task",
            field=models.ForeignKey(
                db_default=models.Value("spine-ct"),
                on_delete=django.db.models.deletion.PROTECT,
                related_name="datasets",
                to="registry.task",
            ),
        ),
        migrations.AddField(
            model_name="datasetitem",
            name="merge",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
