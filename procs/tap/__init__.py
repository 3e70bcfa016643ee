"""The tap: the public stream, for other people's programs."""
