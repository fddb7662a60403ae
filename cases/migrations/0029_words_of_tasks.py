"""A review is about a task, and so is a reading project: those from before are about the spine."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TASKS_OF_MASKS = """
UPDATE cases_review SET task_id = mask.task_id FROM cases_annotation mask
WHERE mask.id = cases_review.annotation_id AND mask.task_id <> cases_review.task_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_people_without_roles"),
        ("cases", "0028_mask_checks"),
        ("registry", "0004_versions_of_tasks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="review",
            name="cases_review_latest",
        ),
        migrations.AddField(
            model_name="readingproject",
            name="task",
            field=models.ForeignKey(
                db_default=models.Value("spine-ct"),
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.task",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="task",
            field=models.ForeignKey(
                db_default=models.Value("spine-ct"),
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.task",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["series", "task", "-created_at", "-id"], name="cases_review_latest"),
        ),
        migrations.RunSQL(TASKS_OF_MASKS, migrations.RunSQL.noop),
    ]
