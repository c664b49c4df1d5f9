"""How each warning rule would have done: on our history, on simulated shocks, on real series."""
