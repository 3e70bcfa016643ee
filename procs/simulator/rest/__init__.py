"""The REST side of each simulated exchange, one file per exchange."""
