"""The live streams, one file per protocol: every ``Stream`` in this folder is served."""
