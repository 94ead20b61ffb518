"""Answers over many versions: since when, how often, how far from the baseline. Pure over records."""
