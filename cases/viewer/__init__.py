"""The reading room: corrections, drafts, measurements and how the viewer is set up."""
