"""Sentences become messages: their text and its values."""

from django.db import migrations

from spineplatform.shared.message_fields import MessageField, MessagesJSONField, TextToMessage, no_message


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0007_one_active_version_each"),
    ]

    operations = [
        TextToMessage(
            model_name="datasetrun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="datasetrun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="evaluationrun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="evaluationrun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
        migrations.AlterField(
            model_name="evaluationrun",
            name="result",
            field=MessagesJSONField(blank=True, default=dict),
        ),
        TextToMessage(
            model_name="trainingrun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="trainingrun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
    ]
