"""The long campaigns: kill at any moment, read while publishing, read rubbish. `python -m tests.faults --help`."""
