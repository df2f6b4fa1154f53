"""The steps by which the schema became what it is, one file each in `versions`; `store.schema` takes them."""
