"""The library's name and version."""

VERSION = "1.0.0"
SDK = f"core-runtime-python {VERSION}"
