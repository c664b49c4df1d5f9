"""Do the rules' worked examples notice a changed rule? `python -m tests.mutants --help`."""
