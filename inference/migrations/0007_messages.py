"""Sentences become messages: their text and its values."""

from django.db import migrations

from spineplatform.shared.message_fields import MessageField, MessagesJSONField, TextToMessage, no_message


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0006_reports_of_cases"),
    ]

    operations = [
        TextToMessage(
            model_name="comparisonrun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="comparisonrun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="inferencerun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="inferencerun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
        migrations.AlterField(
            model_name="prediction",
            name="deviations",
            field=MessagesJSONField(default=list),
        ),
        TextToMessage(
            model_name="reportrun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="reportrun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
        migrations.AlterField(
            model_name="reportrun",
            name="result",
            field=MessagesJSONField(null=True),
        ),
    ]
