"""Who owns the versions from before, and what is active where: no institution segments with another version than before.

A version that a training made belongs to the institution of the training, one that a person imported to the
institution where that person manages models, and the others (shipped, or registered by a command) to the platform. A
platform's version that was active becomes the default. An institution's becomes the active one of every institution, and
is shared with the others, whom it has served until now; its owner may end that.

Promotions were decided for everybody: each belongs from now on to the institution of whoever decided it.
"""

from collections import Counter, defaultdict

from django.db import migrations

MODEL_ADMIN = "model_admin"


def own(apps, schema_editor):
    versions, runs = apps.get_model("training", "ModelVersion"), apps.get_model("training", "TrainingRun")
    places = _Places(apps)
    trained = dict(runs.objects.exclude(version=None).values_list("version", "institution"))
    for version in versions.objects.order_by("number"):
        version.owner_id = trained.get(version.pk) or places.of(version.created_by_id)
        version.retired = version.status == "retired"
        version.save(update_fields=["owner", "retired"])
    _count(apps)
    for version in versions.objects.filter(status="active"):
        _activate(apps, version)
    _promotions(apps, schema_editor, places)


class _Places:
    """The institution in whose name a person manages models: that of their role, or of the role they once had."""

    def __init__(self, apps):
        self._members = apps.get_model("accounts", "Membership").objects
        self._events = apps.get_model("shared", "AuditEvent").objects
        self._known = set(apps.get_model("accounts", "Institution").objects.values_list("pk", flat=True))
        self._found = {None: None}

    def of(self, user_id):
        if user_id not in self._found:
            self._found[user_id] = self._look(user_id)
        return self._found[user_id]

    def _look(self, user_id):
        held = self._members.filter(user=user_id).order_by("created_at")
        now = held.filter(role=MODEL_ADMIN).first()
        if now is not None:
            return now.institution_id
        for event in self._events.filter(action="roles.set", object_id=str(user_id)).order_by("-at", "-id"):
            if MODEL_ADMIN in event.detail.get("roles", ()) and event.institution_id in self._known:
                return event.institution_id
        ever = held.first()
        return ever.institution_id if ever else (next(iter(self._known)) if len(self._known) == 1 else None)


def _count(apps):
    """counters go on after the highest that anybody was given, so that none comes again."""
    counters = apps.get_model("training", "VersionCounter")
    last = defaultdict(int)
    for task, number in apps.get_model("training", "ModelVersion").objects.values_list("task", "number"):
        last[task] = max(last[task], number)
    for detail in (
        apps.get_model("shared", "AuditEvent").objects.filter(action="model.deleted").values_list("detail", flat=True)
    ):
        if isinstance(detail.get("number"), int):
            last[detail.get("task", "")] = max(last[detail.get("task", "")], detail["number"])
    owners = [None, *apps.get_model("accounts", "Institution").objects.values_list("pk", flat=True)]
    counters.objects.bulk_create(
        counters(owner_id=owner, task=task, last=number) for task, number in last.items() if task for owner in owners
    )


def _activate(apps, version):
    active, shares = apps.get_model("training", "ActiveVersion"), apps.get_model("training", "VersionShare")
    if version.owner_id is None:
        active.objects.create(task=version.task, version=version)
        return
    for place in apps.get_model("accounts", "Institution").objects.all():
        active.objects.create(institution=place, task=version.task, version=version)
        if place.pk != version.owner_id:
            shares.objects.create(version=version, institution=place)
    default = _default(apps, version.task)
    if default is not None:
        active.objects.create(task=version.task, version=default)


def _default(apps, task):
    """For institutions that are still to come: the platform's version that was promoted last, or the newest one."""
    ours = apps.get_model("training", "ModelVersion").objects.filter(task=task, owner=None, retired=False)
    promoted = apps.get_model("training", "Promotion").objects.filter(version__in=ours).order_by("-decided_at").first()
    return promoted.version if promoted else ours.order_by("-number").first()


def _promotions(apps, schema_editor, places):
    Promotion = apps.get_model("training", "Promotion")
    decided = {one.pk: places.of(one.decided_by_id) or one.version.owner_id for one in Promotion.objects.all()}
    schema_editor.execute("ALTER TABLE training_promotion DISABLE TRIGGER training_promotion_is_kept")
    for pk, place in decided.items():
        if place is not None:
            Promotion.objects.filter(pk=pk).update(institution=place)
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks that are waiting cannot be altered
    schema_editor.execute("ALTER TABLE training_promotion ENABLE TRIGGER training_promotion_is_kept")


def back(apps, schema_editor):
    """One version for everybody again: the active one of most institutions, or the default."""
    versions, active = apps.get_model("training", "ModelVersion"), apps.get_model("training", "ActiveVersion")
    versions.objects.filter(retired=True).update(status="retired")
    for task in set(active.objects.values_list("task", flat=True)):
        chosen = active.objects.filter(task=task)
        places = Counter(chosen.exclude(institution=None).values_list("version", flat=True)).most_common(1)
        default = chosen.filter(institution=None).values_list("version", flat=True).first()
        versions.objects.filter(pk=places[0][0] if places else default).update(status="active")
    for model in ("ActiveVersion", "VersionShare", "VersionCounter"):
        apps.get_model("training", model).objects.all().delete()
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("shared", "0001_initial"),
        ("training", "0005_versions_of_institutions"),
    ]

    operations = [migrations.RunPython(own, back)]
