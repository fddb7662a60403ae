"""Versions of models come from `training`, with their tables, rows and triggers: only what Django calls them changes."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

MODELS = ("modelversion", "activeversion", "versionshare", "versioncounter", "promotion")


def rename_content_types(apps, before: str, after: str) -> None:
    """Permissions and the log of the administration refer to content types, so these keep their rows."""
    types = apps.get_model("contenttypes", "ContentType").objects
    for row in types.filter(app_label=before, model__in=MODELS):
        if not types.filter(app_label=after, model=row.model).exists():
            row.app_label = after
            row.save(update_fields=["app_label"])


def to_registry(apps, _schema_editor) -> None:
    rename_content_types(apps, "training", "registry")


def to_training(apps, _schema_editor) -> None:
    rename_content_types(apps, "registry", "training")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0002_people_without_roles"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("training", "0008_messages"),
    ]

    operations = [
        migrations.RunPython(to_registry, to_training),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="ModelVersion",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ("task", models.CharField(default="spine-ct", max_length=32)),
                        ("number", models.PositiveIntegerField()),
                        ("retired", models.BooleanField(default=False)),
                        ("file", models.FileField(max_length=200, upload_to="")),
                        ("size", models.PositiveBigIntegerField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("spec", models.JSONField()),
                        ("flaw", models.CharField(max_length=16, null=True)),
                        ("notes", models.TextField(blank=True)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="model_versions",
                                to="accounts.institution",
                            ),
                        ),
                        (
                            "parent",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="children",
                                to="registry.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "training_modelversion",
                        "ordering": ["task", "-number"],
                    },
                ),
                migrations.CreateModel(
                    name="ActiveVersion",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("task", models.CharField(default="spine-ct", max_length=32)),
                        ("since", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "institution",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="active_versions",
                                to="accounts.institution",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="choices",
                                to="registry.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "training_activeversion",
                    },
                ),
                migrations.CreateModel(
                    name="Promotion",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("first", "First version"),
                                    ("gated", "Passed the gate"),
                                    ("override", "Gate overridden"),
                                    ("rollback", "Rolled back"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("gate", models.JSONField(null=True)),
                        ("reason", models.TextField(blank=True)),
                        ("decided_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        (
                            "decided_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "institution",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="accounts.institution",
                            ),
                        ),
                        (
                            "previous",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="registry.modelversion",
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="promotions",
                                to="registry.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "training_promotion",
                        "ordering": ["-decided_at", "-id"],
                    },
                ),
                migrations.CreateModel(
                    name="VersionCounter",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("task", models.CharField(max_length=32)),
                        ("last", models.PositiveIntegerField(default=0)),
                        (
                            "owner",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.institution",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "training_versioncounter",
                    },
                ),
                migrations.CreateModel(
                    name="VersionShare",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("shared_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        (
                            "institution",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="shared_versions",
                                to="accounts.institution",
                            ),
                        ),
                        (
                            "shared_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "version",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="shares",
                                to="registry.modelversion",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "training_versionshare",
                        "ordering": ["institution__name"],
                    },
                ),
                migrations.AddConstraint(
                    model_name="modelversion",
                    constraint=models.UniqueConstraint(
                        fields=("task", "owner", "number"), name="training_version_number_of_owner"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="modelversion",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("owner__isnull", True)),
                        fields=("task", "number"),
                        name="training_version_number",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="modelversion",
                    constraint=models.UniqueConstraint(
                        fields=("task", "owner", "sha256"), name="training_version_file_of_owner"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="modelversion",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("owner__isnull", True)),
                        fields=("task", "sha256"),
                        name="training_version_file",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="activeversion",
                    constraint=models.UniqueConstraint(
                        fields=("institution", "task"), name="training_one_active_version"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="activeversion",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("institution__isnull", True)),
                        fields=("task",),
                        name="training_one_default_version",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="promotion",
                    constraint=models.CheckConstraint(
                        condition=models.Q(("kind__in", ["first", "gated", "override", "rollback"])),
                        name="training_promotion_known_kind",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="promotion",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "override"), _negated=True),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="training_promotion_override_has_reason",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="versioncounter",
                    constraint=models.UniqueConstraint(fields=("owner", "task"), name="training_one_counter"),
                ),
                migrations.AddConstraint(
                    model_name="versioncounter",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("owner__isnull", True)),
                        fields=("task",),
                        name="training_one_platform_counter",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="versionshare",
                    constraint=models.UniqueConstraint(
                        fields=("version", "institution"), name="training_version_shared_once"
                    ),
                ),
            ]
        ),
    ]
