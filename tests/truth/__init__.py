"""Compares what the pipeline found in a simulated city with what is true there; `make truth` prints it."""
