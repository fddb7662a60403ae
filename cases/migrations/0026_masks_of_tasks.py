"""A mask is of a task."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0025_label_maps"),
    ]

    operations = [
        migrations.AddField(
            model_name="annotation",
            name="task",
            field=models.ForeignKey(
                db_default=models.Value("spine-ct"),
                on_delete=django.db.models.deletion.PROTECT,
                related_name="masks",
                to="registry.task",
            ),
        ),
    ]
