"""One small hospital with a person in each role, and one row of everything that a door leads to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from knox.models import AuthToken

from accounts.models import Institution, Role, User
from cases.models import AnnotationSource, ReaderGroup
from registry.models import ModelVersion, VersionShare
from spineplatform.shared.runs import RunState
from tests import factories
from tests.cases import projects
from tests.inference import reports
from tests.training import chosen, judged, learnable
from training.models import DatasetRun, Split

ANONYMOUS, STRANGER = "anonymous", "stranger"
MEMBERS = tuple(role.value for role in Role)
EVERYBODY = (ANONYMOUS, STRANGER, *MEMBERS)


@dataclass
class World:
    """``people`` by role; the stranger has every role, in another institution."""

    people: dict[str, User] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return self.things[name]

    def token(self, who: str) -> str:
        _, token = AuthToken.objects.create(user=self.people[who])
        return str(token)


def make() -> World:
    home = factories.institution("Home hospital")
    elsewhere = factories.institution("Other hospital")
    people = {role.value: factories.user(role, institution=home, username=role.value) for role in Role}
    people[STRANGER] = factories.user(*Role, institution=elsewhere, username=STRANGER)
    version = factories.active_version()
    shared = factories.model_version(owner=home)
    VersionShare.objects.create(version=shared, institution=factories.institution("Friendly hospital"))
    candidate = factories.model_version(owner=home)
    case = factories.case(institution=home)
    series = factories.series(of=case)
    mask = factories.annotation(of=series, source=AnnotationSource.UPLOAD, author=people["annotator"])
    prediction = factories.prediction(of=series, model_version=version)
    comparison = factories.comparison_run(reference=mask, predicted=prediction.annotation)
    import_run = factories.import_run(of=factories.upload(institution=home))
    judged_on = judged.dataset(home, patients=1)
    chosen.approve(mask)
    second_reader = factories.user("annotator", institution=home)
    readers = [people["annotator"], second_reader]
    project = projects.project(readers=readers, adjudicator=people["clinician"], institution=home)
    read_item = projects.item(project)
    for reader in readers:
        projects.finish(read_item, reader)
    settled_item = projects.settled(projects.item(project), readers, people["clinician"])
    draft, busy = chosen.draft(home), chosen.draft(home)
    things = {
        "institution": home,
        "project": project,
        "second_reader": second_reader,
        "waiting_item": projects.item(project),
        "read_item": read_item,
        "settled_item": settled_item,
        "agreement_run": read_item.runs.get(),
        "draft": draft,
        "unused_set": chosen.frozen(home),
        "set_run": DatasetRun.objects.create(institution=home, dataset=busy),
        "failed_set_run": chosen.failed_run(chosen.draft(home)),
        "evaluation": judged.evaluation(version, judged_on, (0.9,)),
        "other_evaluation": judged.evaluation(candidate, judged_on, (0.8,)),
        "waiting_evaluation": judged.waiting(candidate, judged_on),
        "failed_evaluation": judged.waiting(version, judged_on, state=RunState.FAILED),
        "judged_on": judged_on,
        "home": home,
        "group": ReaderGroup.objects.create(institution=home, name="Spine clinic"),
        "saved_filter": people["clinician"].case_filters.create(name="Mine", query="assigned=me"),
        "case": case,
        "series": series,
        "mask": mask,
        "pending": factories.pending_mask(of=series, author=people["annotator"]),
        "predicted": prediction.annotation,
        "comparison": comparison,
        "waiting_comparison": factories.comparison_run(
            reference=prediction.annotation, predicted=mask, state=RunState.QUEUED
        ),
        "report": reports.run(mask, RunState.SUCCEEDED, result=reports.result()),
        "waiting_report": reports.run(mask),
        "failed_report": reports.run(mask, RunState.FAILED),
        "import_run": import_run,
        "failed_import": factories.import_run(of=factories.upload(institution=home), state=RunState.FAILED),
        "upload": import_run.upload,
        "run": factories.inference_run(of=series, model_version=candidate),
        "failed_run": factories.inference_run(of=series, model_version=version, state=RunState.FAILED),
        "measurement": factories.measurement(of=series, author=people["annotator"]),
        "version": version,
        "candidate": candidate,
        "unused_version": factories.model_version(owner=home),
        "shared_version": shared,
        "own_task": factories.task("own-task", owner=home),
        "elsewhere": elsewhere,
    }
    return World(people, things | trainings(home, candidate))


def trainings(home: Institution, version: ModelVersion) -> dict[str, Any]:
    """One that waits, one that failed, one that has made ``version`` and left a picture."""
    data = judged.written(judged.dataset(home, patients=1, split=Split.TRAIN, frozen=False))
    made = learnable.run(data, state=RunState.SUCCEEDED, version=version)
    failed = learnable.run(data, state=RunState.FAILED)
    learnable.epochs(failed, 1)
    return {
        "learned_from": data,
        "waiting_training": learnable.run(data),
        "failed_training": failed,
        "training": made,
        "sample": learnable.sample(made),
    }


def file(content: bytes = b"not a CT", name: str = "file.dcm") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)
