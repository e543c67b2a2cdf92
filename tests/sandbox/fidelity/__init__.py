"""Each rule the sandbox claims, driven through boto3's clients as a stranger would: no controller code in sight."""
