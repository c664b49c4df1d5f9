"""From files to accounted rows: snapshot, decode, parse, load."""
