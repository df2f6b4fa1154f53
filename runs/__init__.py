"""What happens when: a bundle is read, audited and written out; the command line, settings and wiring.

The only floor that knows all the others at once. It reads the clock, starts processes and decides which feed, which
rules and which report belong together.
"""
