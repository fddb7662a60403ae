"""Who may listen at which WebSocket: one row for each route."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Socket:
    """``thing`` names in the World what the address names: members get a snapshot, others a close code.

    Without a thing the WebSocket is about whoever opens it: everybody who is logged in gets a snapshot.
    """

    route: str
    thing: str = ""

    def __str__(self) -> str:
        return self.route


SOCKETS = [
    Socket("ws/runs/import/<uuid:run_id>/", "import_run"),
    Socket("ws/runs/agreement/<uuid:run_id>/", "agreement_run"),
    Socket("ws/runs/inference/<uuid:run_id>/", "run"),
    Socket("ws/runs/comparison/<uuid:run_id>/", "waiting_comparison"),
    Socket("ws/runs/report/<uuid:run_id>/", "waiting_report"),
    Socket("ws/runs/dataset/<uuid:run_id>/", "set_run"),
    Socket("ws/runs/evaluation/<uuid:run_id>/", "waiting_evaluation"),
    Socket("ws/runs/training/<uuid:run_id>/", "waiting_training"),
    Socket("ws/notices/"),
    Socket("ws/cases/<uuid:case_id>/presence/", "case"),
    Socket("ws/institutions/<uuid:institution_id>/cases/", "institution"),
]
