from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0003_acceptances"),
    ]

    operations = [
        migrations.AddField(
            model_name="prediction",
            name="deviations",
            field=models.JSONField(default=list),
        ),
    ]
