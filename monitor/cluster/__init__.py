"""Checks and letters as tasks on PostgreSQL, for workers on any number of machines.

The due time in ``sources`` decides, and the lease on the source says who looks: a task is only the errand, and can be
lost or repeated without harm. What is done on it is done by the same functions as in one process.
"""
