"""Replacing hosts: what is (`model`), what to do next (`decide`), and the hands that do it (`fleet`)."""
