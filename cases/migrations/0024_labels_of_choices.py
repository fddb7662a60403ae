"""Labels of choices in their new words; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0023_masks_know_their_version"),
    ]

    operations = [
        migrations.AlterField(
            model_name="agreementrun",
            name="job",
            field=models.CharField(
                choices=[
                    ("figures", "Agreement statistics"),
                    ("union", "Union of the readers"),
                    ("staple", "STAPLE of the readers"),
                    ("majority", "Majority of the readers"),
                    ("majority-model", "Majority of the readers and the model"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("mention", "Mentioned you"),
                    ("assignment", "Assigned to you"),
                    ("sent-back", "Sent back"),
                    ("to-read", "Series to read"),
                    ("to-settle", "Ready to adjudicate"),
                    ("all-settled", "All series are decided"),
                    ("model-promoted", "Promoted despite the promotion gate"),
                    ("model-default", "New default of the platform"),
                    ("model-shared", "Model shared with us"),
                    ("model-unshared", "Model no longer shared"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="readingitem",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("one-read", "Not all have read"),
                    ("all-read", "Needs adjudication"),
                    ("agreed", "Agreed"),
                    ("adjudicated", "Adjudicated"),
                ],
                default="waiting",
                max_length=16,
            ),
        ),
    ]
