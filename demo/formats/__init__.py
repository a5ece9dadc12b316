"""The sources' real formats, written from their specifications."""
