"""The modes: plan, apply, run, destroy, status, validate. Each is a loop around `tick`."""
