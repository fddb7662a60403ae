"""The demonstration: real CT, people, and a walk through the main job."""
