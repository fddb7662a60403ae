"""A comparison names the task in whose labels the masks were compared; those from before are of the spine."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0003_tasks"),
        ("inference", "0009_predictions_keep_run_and_timings"),
    ]

    operations = [
        migrations.AddField(
            "comparisonrun",
            "task",
            models.ForeignKey(
                db_default=models.Value("spine-ct"),
                on_delete=django.db.models.deletion.PROTECT,
                related_name="comparisons",
                to="registry.task",
            ),
        ),
    ]
