"""What a build must make anew: what changed since, which weeks that touches, and how only those are made."""
