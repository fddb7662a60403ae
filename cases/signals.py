"""What other apps may react to."""

from django.dispatch import Signal

# Sent inside the transaction that records the import: ``series`` (Series), ``run`` (ImportRun).
series_imported = Signal()
# Sent inside the transaction that records a mask: ``annotation`` (Annotation).
mask_recorded = Signal()
# Sent at the end of the same transaction when images came with their masks: ``run`` (ImportRun) and ``wanted``, by
# patient "train", "validation", "test" or "draw". A receiver returns the patients (ids) who keep another split.
splits_wanted = Signal()
