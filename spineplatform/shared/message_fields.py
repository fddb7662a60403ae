"""Columns that hold messages: JSON of ``{"text", "values"}``, a `spineml.message.Message` in Python."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.backends.base.base import BaseDatabaseWrapper

from spineml.message import Message, dump, load


def no_message() -> Message:
    """The default: nothing to say."""
    return Message("")


class MessagesJSONField(models.JSONField):
    """JSON in which messages may stand anywhere."""

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        return load(super().from_db_value(value, expression, connection))

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        return super().get_db_prep_value(dump(value), connection, prepared)


class MessageListField(MessagesJSONField):
    """A list of messages; the plain sentences of older rows are messages without values."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"default": list, "blank": True, **kwargs})

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        found = super().from_db_value(value, expression, connection)
        return [Message.from_json(one) for one in found] if isinstance(found, list) else found

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        several = [_as_message(one) for one in value] if isinstance(value, list | tuple) else value
        return super().get_db_prep_value(several, connection, prepared)


class MessageField(MessagesJSONField):
    """One message, empty by default. Text that is no message is kept as text that nobody translates."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"default": no_message, "blank": True, **kwargs})

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        return Message.from_json(super().from_db_value(value, expression, connection))

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        one = _as_message(value) if isinstance(value, str) else value
        return super().get_db_prep_value(one, connection, prepared)


def _as_message(text: str) -> Message:
    """Text that is no message becomes one with a gap for it, however long: a person wrote it."""
    if isinstance(text, Message):
        return text
    return Message("{text}", {"text": text}) if text else no_message()


class TextToMessage(migrations.AlterField):
    """Make a column of text one of messages: each sentence of an older row is a message without values.

    ``by_people``: the text was written by people, and stays untranslated.
    """

    by_people = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column = self._place(app_label, schema_editor, to_state)
        text, values = column, "'{}'::jsonb"
        if self.by_people:
            text, values = "'{text}'", f"jsonb_build_object('text', {column})"
        empty = """'{"text": "", "values": {}}'::jsonb"""
        made = f"CASE WHEN {column} = '' THEN {empty} ELSE jsonb_build_object('text', {text}, 'values', {values}) END"
        schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE jsonb USING {made}", params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """The English text is kept, what filled its gaps is not."""
        table, column = self._place(app_label, schema_editor, to_state)
        field = to_state.apps.get_model(app_label, self.model_name)._meta.get_field(self.name)
        kind = field.db_type(schema_editor.connection)
        schema_editor.execute(
            f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind} USING left({column} ->> 'text', 200)", params=None
        )

    def _place(self, app_label: str, schema_editor: Any, state: Any) -> tuple[str, str]:
        model = state.apps.get_model(app_label, self.model_name)
        quote = schema_editor.quote_name
        return quote(model._meta.db_table), quote(model._meta.get_field(self.name).column)


class PeoplesTextToMessage(TextToMessage):
    """The same for text that people wrote."""

    by_people = True
