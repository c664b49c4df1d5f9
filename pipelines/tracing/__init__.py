"""Any figure walked back to a line of a file, and any ticket forward to the figures it counts in."""
