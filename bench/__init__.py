"""What things cost: commands that anyone can run. ``python -m bench`` lists them."""
