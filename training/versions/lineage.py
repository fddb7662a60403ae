"""The lineage of versions as a graph: each version beside the one it was made from."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from registry.models import SPINE_CT, ModelVersion
from registry.selectors import name_for
from spineplatform.shared.charts import Graph, Node
from training.versions.selectors import parents_of_all

LONGEST_OWNER = 14


def lineage_graph(user: Any, versions: Iterable[ModelVersion], judged: Mapping[uuid.UUID, Any]) -> Graph[uuid.UUID]:
    """The lineage of ``versions``, which `as_seen_by` has filled in; of a shared one no parents are drawn.

    A figure on patients that a version was trained on is left out, for a box has no room for the mark.
    """
    seen = {one.pk: one for one in versions if one.task_id == SPINE_CT}
    parents = parents_of_all()
    return Graph.of(
        _("Versions and the version each was derived from"),
        {pk: _node(user, seen[pk], judged.get(pk)) for pk in parents if pk in seen},
        {pk: above for pk, above in parents.items() if pk in seen and not seen[pk].is_foreign},
    )


def _node(user: Any, version: ModelVersion, judged: Any) -> Node:
    status = str(version.get_status_display())
    dice = f"{judged.dice:.3f}" if judged and not judged.seen else ""
    words = [name_for(user, version), status]
    if version.seen_parent:
        words.append(_("derived from %(parent)s") % {"parent": name_for(user, version.seen_parent)})
    if dice:
        words.append(f"Dice {dice}")
    foreign = version.is_foreign and version.owner is not None
    return Node(
        name=f"v{version.number}" if version.is_foreign else str(version),
        title=", ".join(words),
        url=version.get_absolute_url(),
        figure=dice,
        status=Truncator(version.owner.name).chars(LONGEST_OWNER) if foreign and version.owner else status,
        css=f"graph-{version.status}",
    )
