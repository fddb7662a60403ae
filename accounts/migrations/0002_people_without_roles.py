"""People stay listed where they had a role; those who had vanished are found again by the audit trail."""

from typing import Any

from django.db import migrations, models


def belong(apps: Any, schema_editor: Any = None) -> None:
    """Everybody belongs to the institutions in which they have a role, or once were given one."""
    user, membership = apps.get_model("accounts", "User"), apps.get_model("accounts", "Membership")
    institution, event = apps.get_model("accounts", "Institution"), apps.get_model("shared", "AuditEvent")
    pairs = set(membership.objects.values_list("user_id", "institution_id"))
    people = set(user.objects.values_list("pk", flat=True))
    places = set(institution.objects.values_list("pk", flat=True))
    given = event.objects.filter(action="roles.set", object_id__regex="^[0-9]{1,9}$")
    for written, place in given.values_list("object_id", "institution_id"):
        if int(written) in people and place in places:
            pairs.add((int(written), place))
    through = user.institutions.through
    through.objects.bulk_create(
        [through(user_id=person, institution_id=place) for person, place in sorted(pairs)], ignore_conflicts=True
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("shared", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="institutions",
            field=models.ManyToManyField(blank=True, related_name="people", to="accounts.institution"),
        ),
        migrations.RunPython(belong, migrations.RunPython.noop),
    ]
