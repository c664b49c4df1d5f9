"""One overload record as a paper that can be checked, and contests of records."""
