"""The HTTP routes, one file per subject: every ``Endpoint`` in this folder is served."""
