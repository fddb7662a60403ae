"""A mask is of a task, and knows the size of each of its labels: masks so far are of the spine, their only label."""

from django.db import migrations, models

FILL = """
UPDATE cases_annotation mask
SET labels = jsonb_build_array(jsonb_build_object(
    'value', 1, 'voxels', mask.voxels, 'ml', mask.volume_ml,
    'first', marked.first, 'last', marked.last, 'centroid', NULL,
    'areas', (
        SELECT jsonb_agg(area ORDER BY place)
        FROM jsonb_array_elements(mask.areas_px) WITH ORDINALITY AS slices(area, place)
        WHERE place - 1 BETWEEN marked.first AND marked.last
    )
))
FROM (
    SELECT one.id, min(place) - 1 AS first, max(place) - 1 AS last
    FROM cases_annotation one, jsonb_array_elements(one.areas_px) WITH ORDINALITY AS slices(area, place)
    WHERE area::bigint > 0
    GROUP BY one.id
) marked
WHERE marked.id = mask.id AND mask.labels = '[]'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0024_labels_of_choices"),
        ("registry", "0004_versions_of_tasks"),
    ]

    operations = [
        migrations.AddField(
            model_name="annotation",
            name="labels",
            field=models.JSONField(default=list),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
