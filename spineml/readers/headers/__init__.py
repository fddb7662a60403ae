"""Headers: one strict and bounded reader for each format, for CT and masks alike (ADR 18)."""
