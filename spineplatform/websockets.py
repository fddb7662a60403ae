"""Every WebSocket of the platform."""

from django.urls import path

from cases.consumers import ImportRunConsumer
from inference.consumers import ComparisonRunConsumer, InferenceRunConsumer

websocket_urlpatterns = [
    path("ws/runs/import/<uuid:run_id>/", ImportRunConsumer.as_asgi()),
    path("ws/runs/inference/<uuid:run_id>/", InferenceRunConsumer.as_asgi()),
    path("ws/runs/comparison/<uuid:run_id>/", ComparisonRunConsumer.as_asgi()),
]
