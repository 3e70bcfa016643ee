"""The domain, pure: no clock, socket, file, environment or asyncio; time is an argument."""
