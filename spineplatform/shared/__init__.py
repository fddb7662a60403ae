"""What every app stands on: runs, progress, storage, errors, audit, and the shapes of pages and API answers."""
