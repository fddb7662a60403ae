import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

SECTION = ("warnings", "pictures", "measurements")


def tell_the_case(apps, schema_editor):
    """Reports so far are of a series: their case, their only mask, and what they say as one section."""
    for run in apps.get_model("inference", "ReportRun").objects.select_related("series"):
        run.case_id = run.series.case_id
        run.masks.add(run.annotation_id)
        if run.result:
            section = {"title": "", "facts": [], **{name: run.result.pop(name) for name in SECTION}}
            run.result = {**run.result, "summary": [], "sections": [section]}
        run.save()


class Migration(migrations.Migration):
    dependencies = [("inference", "0005_reports")]

    operations = [
        migrations.RemoveConstraint(model_name="reportrun", name="inference_report_one_unfinished_run"),
        migrations.AddField(
            model_name="reportrun",
            name="case",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="cases.case"
            ),
        ),
        migrations.AlterField(
            model_name="reportrun",
            name="series",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="cases.series"
            ),
        ),
        migrations.AlterField(
            model_name="reportrun",
            name="annotation",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="cases.annotation"
            ),
        ),
        migrations.AddField(
            model_name="reportrun",
            name="masks",
            field=models.ManyToManyField(related_name="reports", to="cases.annotation"),
        ),
        migrations.AddField(
            model_name="reportrun", name="language", field=models.CharField(default="en", max_length=12)
        ),
        migrations.RunPython(tell_the_case, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="reportrun",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="cases.case"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrun",
            constraint=models.UniqueConstraint(
                condition=Q(state__in=["queued", "running"]),
                fields=("annotation", "with_title", "language", "requested_by"),
                name="inference_report_one_unfinished_run",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrun",
            constraint=models.UniqueConstraint(
                condition=Q(state__in=["queued", "running"], series__isnull=True),
                fields=("case", "with_title", "language", "requested_by"),
                name="inference_report_one_unfinished_of_case",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrun",
            constraint=models.CheckConstraint(
                condition=Q(series__isnull=True, annotation__isnull=True)
                | Q(series__isnull=False, annotation__isnull=False),
                name="inference_report_of_series_or_case",
            ),
        ),
    ]
