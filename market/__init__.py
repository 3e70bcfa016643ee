"""The domain, pure: no clock, socket, file, environment or asyncio. Time and randomness are arguments."""
