from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("cases", "0018_notices_of_models")]

    operations = [
        migrations.RemoveConstraint(model_name="annotation", name="cases_annotation_model_or_author"),
        migrations.AlterField(
            model_name="annotation",
            name="source",
            field=models.CharField(
                choices=[("model", "Model"), ("upload", "Uploaded"), ("edit", "Edited"), ("drawn", "Drawn")],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="annotation",
            constraint=models.CheckConstraint(
                condition=Q(("author__isnull", True), ("source", "model"))
                | Q(("author__isnull", False), ("source__in", ["upload", "edit", "drawn"])),
                name="cases_annotation_model_or_author",
            ),
        ),
    ]
