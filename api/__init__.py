"""The top floor: the HTTP entrance, for programs and for the auditor's desk.

Whatever runs below is asked for from here and from the command line in the same way; nothing below knows that HTTP
exists.
"""
