"""People deciding about findings: cases and their states, who may do what, deadlines, triage, samples, precision.

Everything here takes values and gives values. What happened to a case is its list of events; what it is now follows
from them. Nothing reads the clock: the time of an event is given by whoever records it.
"""
