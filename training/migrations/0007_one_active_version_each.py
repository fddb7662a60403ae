"""The status of a version for everybody goes; triggers keep owners, and refuse a choice that an institution may not make."""

from django.db import migrations, models
from django.db.models import Q

OWN_FILE = """
CREATE OR REPLACE FUNCTION training_version_is_its_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ({new}) IS DISTINCT FROM ({old}) THEN
        PERFORM training_refuse('training_version_is_its_file', 'a version stays the file that was registered');
    END IF;
    RETURN NEW;
END $$;
"""
BEFORE = ("task", "number", "file", "size", "sha256")


def own_file(*names: str) -> str:
    return OWN_FILE.format(new=", ".join(f"NEW.{one}" for one in names), old=", ".join(f"OLD.{one}" for one in names))


CHOICE = """
CREATE FUNCTION training_choice_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    chosen training_modelversion;
BEGIN
    SELECT * INTO chosen FROM training_modelversion WHERE id = NEW.version_id FOR SHARE;
    IF chosen.retired OR chosen.task <> NEW.task THEN
        PERFORM training_refuse('training_choice_is_allowed', 'a version that is out of use segments nowhere');
    ELSIF chosen.owner_id IS NOT NULL AND chosen.owner_id IS DISTINCT FROM NEW.institution_id AND NOT EXISTS (
        SELECT 1 FROM training_versionshare
        WHERE version_id = NEW.version_id AND institution_id = NEW.institution_id
    ) THEN
        PERFORM training_refuse('training_choice_is_allowed', 'the version is another institution''s');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER training_choice_is_allowed BEFORE INSERT OR UPDATE ON training_activeversion
    FOR EACH ROW EXECUTE FUNCTION training_choice_is_allowed();

CREATE FUNCTION training_active_is_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM training_activeversion WHERE version_id = NEW.id) THEN
        PERFORM training_refuse('training_active_is_in_use', 'an active version is not taken out of use');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER training_active_is_in_use BEFORE UPDATE ON training_modelversion
    FOR EACH ROW WHEN (NEW.retired AND NOT OLD.retired) EXECUTE FUNCTION training_active_is_in_use();
"""
DROP_CHOICE = """
DROP TRIGGER training_active_is_in_use ON training_modelversion;
DROP FUNCTION training_active_is_in_use();
DROP TRIGGER training_choice_is_allowed ON training_activeversion;
DROP FUNCTION training_choice_is_allowed();
"""


def once(model: str, fields: list[str], name: str, **condition: bool) -> migrations.AddConstraint:
    only = {"condition": Q(**condition)} if condition else {}
    return migrations.AddConstraint(model, models.UniqueConstraint(fields=fields, name=name, **only))


class Migration(migrations.Migration):
    dependencies = [("training", "0006_versions_get_their_owners")]

    operations = [
        migrations.RemoveConstraint("modelversion", "training_version_number"),
        migrations.RemoveConstraint("modelversion", "training_version_file_once"),
        migrations.RemoveConstraint("modelversion", "training_version_one_active"),
        migrations.RemoveConstraint("modelversion", "training_version_known_status"),
        migrations.RemoveField("modelversion", "status"),
        once("modelversion", ["task", "owner", "number"], "training_version_number_of_owner"),
        once("modelversion", ["task", "number"], "training_version_number", owner__isnull=True),
        once("modelversion", ["task", "owner", "sha256"], "training_version_file_of_owner"),
        once("modelversion", ["task", "sha256"], "training_version_file", owner__isnull=True),
        once("activeversion", ["institution", "task"], "training_one_active_version"),
        once("activeversion", ["task"], "training_one_default_version", institution__isnull=True),
        once("versionshare", ["version", "institution"], "training_version_shared_once"),
        once("versioncounter", ["owner", "task"], "training_one_counter"),
        once("versioncounter", ["task"], "training_one_platform_counter", owner__isnull=True),
        migrations.RunSQL(own_file("owner_id", *BEFORE), own_file(*BEFORE)),
        migrations.RunSQL(CHOICE, DROP_CHOICE),
    ]
