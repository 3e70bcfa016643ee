"""The embedded database, when ``DATABASE_URL`` names no other."""
