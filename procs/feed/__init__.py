"""The feed: one exchange's trades, each once, into its journal and onto the bus."""
