"""Where data rests: the SQL, the migrations and the queries by subject."""
