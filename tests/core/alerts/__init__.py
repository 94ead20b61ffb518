"""What letters say, and how."""
