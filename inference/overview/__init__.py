"""The overview for whoever leads: throughput, waiting times, and how far approved masks are from the model's."""
