"""Rehearsals: the commands driven as a person would, against a sandbox, under load, with every request counted.

It speaks to the rest through the command line and HTTP only, so what it shows is what users get.
"""
