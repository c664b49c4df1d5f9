"""Keeping the machine whole: backup, restore, rebuilding from snapshots, migration, doctor."""
