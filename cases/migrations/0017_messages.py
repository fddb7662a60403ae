"""Sentences become messages: their text and its values."""

from django.db import migrations

from spineplatform.shared.message_fields import (
    MessageField,
    MessageListField,
    PeoplesTextToMessage,
    TextToMessage,
    no_message,
)


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0016_series_once_and_verdicts"),
    ]

    operations = [
        TextToMessage(
            model_name="agreementrun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="agreementrun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
        PeoplesTextToMessage(
            model_name="decision",
            name="note",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="fileverdict",
            name="reason",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="importrun",
            name="error_message",
            field=MessageField(blank=True, default=no_message),
        ),
        TextToMessage(
            model_name="importrun",
            name="progress_message",
            field=MessageField(blank=True, default=no_message),
        ),
        migrations.AlterField(
            model_name="series",
            name="warnings",
            field=MessageListField(blank=True, default=list),
        ),
    ]
