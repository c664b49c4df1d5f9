"""Charts: the house style and the drawings, which compute no figure."""
