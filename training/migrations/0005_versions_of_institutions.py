"""Versions belong to institutions or to the platform, and each institution has its own active one: the columns.

What they hold for versions from before is decided by the next migration.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

INSTITUTION = "accounts.institution"
VERSION = "training.modelversion"
PROTECT, CASCADE = django.db.models.deletion.PROTECT, django.db.models.deletion.CASCADE
ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


def institution(name: str, *, null: bool, related: str = "+", on_delete: object = CASCADE) -> tuple[str, models.Field]:
    return name, models.ForeignKey(null=null, on_delete=on_delete, related_name=related, to=INSTITUTION)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("training", "0004_decisions_are_kept"),
    ]

    operations = [
        migrations.AddField(
            "modelversion", *institution("owner", null=True, related="model_versions", on_delete=PROTECT)
        ),
        migrations.AddField("modelversion", "retired", models.BooleanField(default=False)),
        migrations.AddField("modelversion", "flaw", models.CharField(max_length=16, null=True)),
        migrations.AddField("promotion", *institution("institution", null=True, on_delete=PROTECT)),
        migrations.CreateModel(
            name="ActiveVersion",
            fields=[
                ID,
                institution("institution", null=True, related="active_versions"),
                ("task", models.CharField(default="spine-ct", max_length=32)),
                ("version", models.ForeignKey(on_delete=PROTECT, related_name="choices", to=VERSION)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="VersionShare",
            fields=[
                ID,
                ("version", models.ForeignKey(on_delete=PROTECT, related_name="shares", to=VERSION)),
                institution("institution", null=False, related="shared_versions"),
                (
                    "shared_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("shared_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={"ordering": ["institution__name"]},
        ),
        migrations.CreateModel(
            name="VersionCounter",
            fields=[
                ID,
                institution("owner", null=True),
                ("task", models.CharField(max_length=32)),
                ("last", models.PositiveIntegerField(default=0)),
            ],
        ),
    ]
