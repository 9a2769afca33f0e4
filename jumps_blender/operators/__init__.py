"""One thin file per operator: read the settings, call the library, report."""
