"""The promises about patients that no constraint can state, because they span tables: triggers keep them.

Every refusal has the class of an integrity error (23000) and names the promise as its constraint. Rows that a
decision rests on are locked FOR SHARE, so that two transactions cannot both be right and wrong together.
"""

from django.db import migrations, models

REFUSE = """
CREATE FUNCTION training_refuse(promise text, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', reason USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = promise;
END $$;
"""
DROP_REFUSE = "DROP FUNCTION training_refuse(text, text);"

# --- a patient's split is decided once --------------------------------------------------------------------------------
SPLIT = """
CREATE FUNCTION training_split_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.split = OLD.split AND NEW.patient_id = OLD.patient_id THEN
        RETURN NEW;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF EXISTS (SELECT 1 FROM training_evaluatedseries WHERE patient_id = OLD.patient_id) THEN
            PERFORM training_refuse('training_split_evaluated', 'a version was evaluated with this patient');
        END IF;
        IF EXISTS (
            SELECT 1 FROM training_datasetitem item
            JOIN training_trainingrun run ON run.dataset_id = item.dataset_id
            WHERE item.patient_id = OLD.patient_id AND item.split <> 'test'
        ) THEN
            PERFORM training_refuse('training_split_trained', 'a version was trained with this patient');
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.split = 'test' AND EXISTS (
        SELECT 1 FROM cases_case c
        JOIN cases_series s ON s.case_id = c.id
        JOIN training_datasetitem item ON item.pixel_hash = s.pixel_hash AND item.split <> 'test'
        JOIN training_trainingrun run ON run.dataset_id = item.dataset_id
        WHERE c.patient_id = NEW.patient_id
    ) THEN
        PERFORM training_refuse('training_split_image_trained',
            'a version was trained on an image of this patient, under this or another name');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER training_split_is_kept BEFORE INSERT OR UPDATE OR DELETE ON training_patientsplit
    FOR EACH ROW EXECUTE FUNCTION training_split_is_kept();
"""
DROP_SPLIT = """
DROP TRIGGER training_split_is_kept ON training_patientsplit;
DROP FUNCTION training_split_is_kept();
"""

# --- an item says the truth, and stays --------------------------------------------------------------------------------
ITEM = """
CREATE FUNCTION training_item_is_true() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    IF EXISTS (SELECT 1 FROM training_dataset WHERE id = NEW.dataset_id AND frozen_at IS NOT NULL) THEN
        PERFORM training_refuse('training_item_frozen', 'the data set is frozen');
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.dataset_id <> OLD.dataset_id AND EXISTS (
        SELECT 1 FROM training_dataset WHERE id = OLD.dataset_id AND frozen_at IS NOT NULL
    ) THEN
        PERFORM training_refuse('training_item_frozen', 'the data set is frozen');
    END IF;
    SELECT split INTO kept FROM training_patientsplit WHERE patient_id = NEW.patient_id FOR SHARE;
    IF kept IS DISTINCT FROM NEW.split THEN
        PERFORM training_refuse('training_item_split', 'the split of the item is not the split of its patient');
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM cases_annotation a
        JOIN cases_series s ON s.id = a.series_id
        JOIN cases_case c ON c.id = s.case_id
        WHERE a.id = NEW.annotation_id AND c.patient_id = NEW.patient_id AND s.pixel_hash = NEW.pixel_hash
    ) THEN
        PERFORM training_refuse('training_item_patient', 'patient or image of the item are not those of its mask');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER training_item_is_true BEFORE INSERT OR UPDATE ON training_datasetitem
    FOR EACH ROW EXECUTE FUNCTION training_item_is_true();

CREATE FUNCTION training_item_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM training_dataset WHERE id = OLD.dataset_id AND frozen_at IS NOT NULL) THEN
        PERFORM training_refuse('training_item_frozen', 'the data set is frozen');
    END IF;
    RETURN NULL;
END $$;
-- Deferred: a data set that is deleted as a whole takes its items along first.
CREATE CONSTRAINT TRIGGER training_item_stays AFTER DELETE ON training_datasetitem
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION training_item_stays();
"""
DROP_ITEM = """
DROP TRIGGER training_item_stays ON training_datasetitem;
DROP FUNCTION training_item_stays();
DROP TRIGGER training_item_is_true ON training_datasetitem;
DROP FUNCTION training_item_is_true();
"""

# --- a frozen data set never changes ----------------------------------------------------------------------------------
DATASET = """
CREATE FUNCTION training_dataset_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.file, NEW.size, NEW.sha256, NEW.frozen_at, NEW.filters, NEW.counts, NEW.findings, NEW.decisions,
        NEW.fingerprint) IS DISTINCT FROM
       (OLD.file, OLD.size, OLD.sha256, OLD.frozen_at, OLD.filters, OLD.counts, OLD.findings, OLD.decisions,
        OLD.fingerprint) THEN
        PERFORM training_refuse('training_dataset_frozen', 'the data set is frozen');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER training_dataset_is_frozen BEFORE UPDATE ON training_dataset
    FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION training_dataset_is_frozen();
"""
DROP_DATASET = """
DROP TRIGGER training_dataset_is_frozen ON training_dataset;
DROP FUNCTION training_dataset_is_frozen();
"""

# --- no training touches a test patient -------------------------------------------------------------------------------
TRAINING = """
CREATE FUNCTION training_run_spares_test_patients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM training_dataset WHERE id = NEW.dataset_id AND frozen_at IS NOT NULL) THEN
        PERFORM training_refuse('training_run_not_frozen', 'the data set is not frozen');
    END IF;
    PERFORM 1 FROM training_patientsplit p WHERE p.patient_id IN (
        SELECT item.patient_id FROM training_datasetitem item WHERE item.dataset_id = NEW.dataset_id
        UNION
        SELECT c.patient_id FROM training_datasetitem item
        JOIN cases_series s ON s.pixel_hash = item.pixel_hash
        JOIN cases_case c ON c.id = s.case_id
        WHERE item.dataset_id = NEW.dataset_id
    ) ORDER BY p.patient_id FOR SHARE;
    IF EXISTS (
        SELECT 1 FROM training_datasetitem item
        JOIN training_patientsplit p ON p.patient_id = item.patient_id AND p.split = 'test'
        WHERE item.dataset_id = NEW.dataset_id AND item.split <> 'test'
    ) THEN
        PERFORM training_refuse('training_run_test_patient', 'the training would touch a test patient');
    END IF;
    IF EXISTS (
        SELECT 1 FROM training_datasetitem item
        JOIN cases_series s ON s.pixel_hash = item.pixel_hash
        JOIN cases_case c ON c.id = s.case_id
        JOIN training_patientsplit p ON p.patient_id = c.patient_id AND p.split = 'test'
        WHERE item.dataset_id = NEW.dataset_id AND item.split <> 'test'
    ) THEN
        PERFORM training_refuse('training_run_test_image',
            'the training would touch an image of a test patient under another name');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER training_run_spares_test_patients BEFORE INSERT OR UPDATE OF dataset_id ON training_trainingrun
    FOR EACH ROW EXECUTE FUNCTION training_run_spares_test_patients();
"""
DROP_TRAINING = """
DROP TRIGGER training_run_spares_test_patients ON training_trainingrun;
DROP FUNCTION training_run_spares_test_patients();
"""


class Migration(migrations.Migration):
    dependencies = [("training", "0002_learning")]

    operations = [
        migrations.AddField(
            model_name="dataset", name="checked_at", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddField(model_name="dataset", name="decisions", field=models.JSONField(blank=True, default=dict)),
        migrations.AddField(model_name="datasetrun", name="freezes", field=models.BooleanField(default=True)),
        migrations.RunSQL(REFUSE, DROP_REFUSE),
        migrations.RunSQL(SPLIT, DROP_SPLIT),
        migrations.RunSQL(ITEM, DROP_ITEM),
        migrations.RunSQL(DATASET, DROP_DATASET),
        migrations.RunSQL(TRAINING, DROP_TRAINING),
    ]
