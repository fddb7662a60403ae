"""Archives: what is inside of a zip, by what name and how large, before anything is unpacked."""
