from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F


def remember(apps: Any, schema_editor: Any) -> None:
    """Who is known to have seen others' masks: whoever judged one or went on from one."""
    annotations, exposures = apps.get_model("cases", "Annotation"), apps.get_model("cases", "Exposure")
    reviews = apps.get_model("cases", "Review").objects.filter(annotation__author__isnull=False)
    judged = reviews.exclude(annotation__author=F("reader")).values_list("series", "reader")
    corrections = annotations.objects.filter(author__isnull=False, parent__author__isnull=False)
    corrected = corrections.exclude(parent__author=F("author")).values_list("series", "author")
    rows = [exposures(series_id=series, user_id=user) for series, user in {*judged, *corrected}]
    exposures.objects.bulk_create(rows, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0014_changed_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Exposure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "series",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="exposures", to="cases.series"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("series", "user"), name="cases_exposure_once")],
            },
        ),
        migrations.RunPython(remember, migrations.RunPython.noop),
    ]
