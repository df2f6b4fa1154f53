"""One of the doors: providers' bytes and a bundle's files become rows, each with its source file and row.

A row is kept, kept with a flag, or rejected with a reason, and the three add up to what was read. The datum of a feed
is what its configuration says; conversion to WGS-84 happens here, once.
"""
