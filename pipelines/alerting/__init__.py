"""From transitions to messages, each once, through channels that may fail."""
