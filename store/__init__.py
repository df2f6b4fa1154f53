"""What is kept: registers in all their versions, track files, telemetry, findings, cases, users, the access log.

Facts are in a relational database (SQLite by default, PostgreSQL in production), files and Parquet beside it. Nothing
that says when it was learnt is ever overwritten: it is superseded, and the time of that is kept, too.
"""
