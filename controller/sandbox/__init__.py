"""An AWS on one machine: moto for the control plane, and a live data plane of our own."""

import os

# Read by moto when it is imported, so they stand before every import of it.
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "1")
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
