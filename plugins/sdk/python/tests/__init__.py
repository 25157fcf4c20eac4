"""Tests of the library: python3 -m unittest, in plugins/sdk/python."""
