"""How a version does on patients that it has not seen."""
