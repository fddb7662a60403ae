"""Tasks are rows. Versions are of tasks, so each task that a version is of gets one, with one label.

The labels of `vertebrae-ct` come after the migrations (`registry.shipped`).
"""

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models

SPINE_CT = "spine-ct"
SPINE_CODES = {
    "category": {"value": "123037004", "scheme": "SCT", "meaning": "Anatomical Structure"},
    "type": {"value": "421060004", "scheme": "SCT", "meaning": "Vertebral column"},
    "modifier": None,
}


def tasks_of_versions(apps, _schema_editor) -> None:
    tasks = apps.get_model("registry", "Task").objects
    labels = apps.get_model("registry", "TaskLabel").objects
    kept = ("ModelVersion", "ActiveVersion", "VersionCounter")
    found = {slug for name in kept for slug in apps.get_model("registry", name).objects.values_list("task", flat=True)}
    for slug in sorted(found | {SPINE_CT}):
        name = "Spine" if slug == SPINE_CT else slug
        task = tasks.create(slug=slug, name=name)
        label = {"value": 1, "name": name, "short": name[:8], "colour": "#f1d691", "position": 0}
        labels.create(task=task, codes=SPINE_CODES if slug == SPINE_CT else {}, **label)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_people_without_roles"),
        ("registry", "0002_labels_of_choices"),
    ]

    operations = [
        migrations.CreateModel(
            name="Task",
            fields=[
                ("slug", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("modality", models.CharField(default="CT", max_length=16)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tasks",
                        to="accounts.institution",
                    ),
                ),
            ],
            options={
                "ordering": [models.OrderBy(models.F("owner"), nulls_first=True), "name", "slug"],
            },
        ),
        migrations.CreateModel(
            name="TaskLabel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("value", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=64)),
                ("short", models.CharField(max_length=8)),
                ("colour", models.CharField(max_length=7)),
                ("codes", models.JSONField(default=dict)),
                (
                    "task",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="labels", to="registry.task"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "value"],
                "constraints": [
                    models.UniqueConstraint(fields=("task", "value"), name="registry_label_value_once"),
                    models.UniqueConstraint(
                        models.F("task"), django.db.models.functions.text.Lower("name"), name="registry_label_name_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("value__gte", 1), ("value__lte", 255)), name="registry_label_value_in_range"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskRelation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("values", models.JSONField()),
                ("rule", models.CharField(blank=True, max_length=200)),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="relations", to="registry.task"
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="made_of", to="registry.task"
                    ),
                ),
            ],
            options={
                "ordering": ["source", "target"],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "target"), name="registry_relation_once"),
                    models.CheckConstraint(
                        condition=models.Q(("source", models.F("target")), _negated=True),
                        name="registry_relation_of_two",
                    ),
                ],
            },
        ),
        migrations.RunPython(tasks_of_versions, migrations.RunPython.noop),
    ]
