"""Cases and what belongs to them: series, masks, reviews, readings, comments, and who is to read what."""

from cases.models.cases import SIGNED, WAITING, Case, CaseState, InstitutionRowQuerySet, Patient, Series
from cases.models.checks import MaskCheckRun, MaskSuspicion
from cases.models.comments import Comment, Notice, NoticeKind
from cases.models.label_maps import PendingMask, RememberedLabel
from cases.models.masks import Annotation, AnnotationSource, Exposure
from cases.models.presence import Presence
from cases.models.projects import AgreementRun, Decision, ProjectMember, Reading, ReadingItem, ReadingProject
from cases.models.reviews import Review, ReviewVerdict
from cases.models.uploads import FileVerdict, ImportRun, Upload, UploadFile, Verdict
from cases.models.viewer import Draft, Measurement, MeasurementKind, ViewerSettings
from cases.models.worklist import Assignment, ReaderGroup, SavedFilter

__all__ = [
    "SIGNED",
    "WAITING",
    "AgreementRun",
    "Annotation",
    "AnnotationSource",
    "Assignment",
    "Case",
    "CaseState",
    "Comment",
    "Decision",
    "Draft",
    "Exposure",
    "FileVerdict",
    "ImportRun",
    "InstitutionRowQuerySet",
    "MaskCheckRun",
    "MaskSuspicion",
    "Measurement",
    "MeasurementKind",
    "Notice",
    "NoticeKind",
    "Patient",
    "PendingMask",
    "Presence",
    "ProjectMember",
    "ReaderGroup",
    "Reading",
    "ReadingItem",
    "ReadingProject",
    "RememberedLabel",
    "Review",
    "ReviewVerdict",
    "SavedFilter",
    "Series",
    "Upload",
    "UploadFile",
    "Verdict",
    "ViewerSettings",
]
