"""The only road to AWS: clients, reads of a pass, the lease."""
