"""The published editions over the network, for any client of MySQL: a token a person, read-only, limited, logged."""
