"""What other apps may react to."""

from django.dispatch import Signal

# Sent inside the transaction that records the import: ``series`` (Series), ``run`` (ImportRun).
series_imported = Signal()
