"""What stands in the way of making, changing, freezing and deleting data sets."""

from __future__ import annotations

from spineplatform.shared.errors import Conflict, UserError


class NameTaken(Conflict):
    """A data set of this name already exists. Choose another name, such as its purpose and month."""

    code = "name-taken"


class NameNeeded(UserError):
    """Give the data set a name, such as its purpose and month."""

    code = "name-needed"


class InstitutionsNeeded(UserError):
    """Choose at least one institution whose masks the data set takes."""

    code = "institutions-needed"


class MasksUnknown(UserError):
    """Some of the masks do not exist, or do not belong to the chosen institutions. Check their ids."""

    code = "masks-unknown"


class SeriesChosenTwice(UserError):
    """Two of the masks belong to the same series. Choose one mask per series."""

    code = "series-chosen-twice"


class MasksOfAnotherTask(UserError):
    """Some of the masks are of another task, and no relation makes masks of the data set's task of them."""

    code = "masks-of-another-task"


class NothingChosen(Conflict):
    """No mask matches these criteria. Approve masks for training first, or widen the criteria."""

    code = "nothing-chosen"


class NoSpineMarked(Conflict):
    """All chosen masks are empty, so they cannot be used for training or evaluation. Choose other masks."""

    code = "no-spine-marked"


class PatientsWithoutSplit(Conflict):
    """Some of the patients have no split yet. Assign their splits at random or by hand, then freeze."""

    code = "patients-without-split"


class FindingsOpen(Conflict):
    """Some findings of the label checks are still open. Exclude the masks or accept the findings, then freeze."""

    code = "findings-open"


class ChoiceChanged(Conflict):
    """Reviews or splits were changed while the data set was being frozen. Check it again, then freeze."""

    code = "choice-changed"


class DatasetFrozen(Conflict):
    """This data set is frozen and cannot be changed. Create a new one."""

    code = "dataset-frozen"


class DatasetInUse(Conflict):
    """This data set is used by trainings or evaluations, so it cannot be deleted."""

    code = "dataset-in-use"


class DatasetBusy(Conflict):
    """This data set is being processed. Wait until that has finished, or cancel it first."""

    code = "dataset-busy"


class NoteNeeded(UserError):
    """Give a reason for accepting this finding; it is stored with the data set."""

    code = "note-needed"


class NotAcceptable(Conflict):
    """This finding cannot be accepted: exclude the mask."""

    code = "not-acceptable"
