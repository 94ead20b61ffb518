"""The viewer in the terminal: sources, versions and the diff on one screen. Textual is known in this room only."""
