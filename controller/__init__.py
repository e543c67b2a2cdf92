"""theseus: replaces every host and every task of an ECS-on-EC2 stack without losing a request."""

from __future__ import annotations

__version__ = "0.1.0"
