"""The auditor: what a check found, on whom, and how that is reported."""
