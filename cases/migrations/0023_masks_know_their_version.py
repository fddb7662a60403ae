"""A mask has the version that made it, and what the version says of it."""

import django.db.models.deletion
from django.db import migrations, models

import spineplatform.shared.message_fields


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0022_known_files"),
        ("registry", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="annotation",
            name="confidence",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="annotation",
            name="deviations",
            field=spineplatform.shared.message_fields.MessagesJSONField(default=list),
        ),
        migrations.AddField(
            model_name="annotation",
            name="model_version",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="masks", to="registry.modelversion"
            ),
        ),
        migrations.AddConstraint(
            model_name="annotation",
            constraint=models.CheckConstraint(
                condition=models.Q(("source", "model"), ("model_version__isnull", True), _connector="OR"),
                name="cases_annotation_version_of_model",
            ),
        ),
    ]
