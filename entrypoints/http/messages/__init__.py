"""Request parsers, and the schemas of the API's messages."""
