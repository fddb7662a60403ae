"""Promotions are kept for ever, and a version stays the file that was registered: triggers keep both.

Refusals are as in the migration before: an integrity error that names the promise as its constraint.
"""

from django.db import migrations

PROMOTION = """
CREATE FUNCTION training_promotion_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM training_refuse('training_promotion_is_kept', 'a promotion is kept for ever as it was decided');
    RETURN OLD;
END $$;
CREATE TRIGGER training_promotion_is_kept BEFORE UPDATE OR DELETE ON training_promotion
    FOR EACH ROW EXECUTE FUNCTION training_promotion_is_kept();
"""
DROP_PROMOTION = """
DROP TRIGGER training_promotion_is_kept ON training_promotion;
DROP FUNCTION training_promotion_is_kept();
"""

VERSION = """
CREATE FUNCTION training_version_is_its_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.task, NEW.number, NEW.file, NEW.size, NEW.sha256) IS DISTINCT FROM
       (OLD.task, OLD.number, OLD.file, OLD.size, OLD.sha256) THEN
        PERFORM training_refuse('training_version_is_its_file', 'a version stays the file that was registered');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER training_version_is_its_file BEFORE UPDATE ON training_modelversion
    FOR EACH ROW EXECUTE FUNCTION training_version_is_its_file();
"""
DROP_VERSION = """
DROP TRIGGER training_version_is_its_file ON training_modelversion;
DROP FUNCTION training_version_is_its_file();
"""


class Migration(migrations.Migration):
    dependencies = [("training", "0003_patients_stay_apart")]

    operations = [
        migrations.RunSQL(PROMOTION, DROP_PROMOTION),
        migrations.RunSQL(VERSION, DROP_VERSION),
    ]
