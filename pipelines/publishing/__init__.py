"""Published editions and the only ways to ask them: atomic, read-only, sandboxed, logged."""
