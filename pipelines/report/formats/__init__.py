"""Formats: each lays out the same blocks and words as files."""
