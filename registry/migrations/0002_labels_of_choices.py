"""Labels of choices in their new words; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="promotion",
            name="kind",
            field=models.CharField(
                choices=[
                    ("first", "First version"),
                    ("gated", "Passed the promotion gate"),
                    ("override", "Promotion gate overridden"),
                    ("rollback", "Rolled back"),
                ],
                max_length=16,
            ),
        ),
    ]
