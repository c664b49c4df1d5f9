"""The parts of the simulated city; `pipelines.simulate` is the entry."""
