"""The persister: journals into Postgres, every record once."""
