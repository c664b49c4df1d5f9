"""What a person types: one module a topic, each adding its verbs to the command line."""
