"""Approved places and times: grounds, routes, sites, their schedules, exceptions and permits, in dated versions.

Side by side with `checkpoints`; neither knows the other.
"""
