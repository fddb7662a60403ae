"""The task of a version is a row; its column stays as it is."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0003_tasks"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="modelversion",
            options={"ordering": ["task_id", "-number"]},
        ),
        migrations.AlterField(
            model_name="activeversion",
            name="task",
            field=models.ForeignKey(
                db_column="task",
                db_default=models.Value("spine-ct"),
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="registry.task",
            ),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="task",
            field=models.ForeignKey(
                db_column="task",
                db_default=models.Value("spine-ct"),
                on_delete=django.db.models.deletion.PROTECT,
                related_name="versions",
                to="registry.task",
            ),
        ),
        migrations.AlterField(
            model_name="versioncounter",
            name="task",
            field=models.ForeignKey(
                db_column="task", on_delete=django.db.models.deletion.CASCADE, related_name="+", to="registry.task"
            ),
        ),
    ]
