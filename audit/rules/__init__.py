"""One rule, two files of the same name: the card for the lawyer (TOML) and the question for the programmer (Python).

No rule imports another.
"""
