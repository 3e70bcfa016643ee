"""The table ``asset``: follows ``market.symbols.ASSETS``, for queries that are not ours."""

from market.symbols import ASSETS
from store.pool import Connection


def fill(connection: Connection) -> None:
    """Make the table equal to ``ASSETS``; write nothing where it is."""
    codes, coin_ids, names = (list(column) for column in zip(*ASSETS, strict=True))
    with connection.transaction():
        connection.execute("DELETE FROM asset WHERE code <> ALL (%s)", [codes])
        connection.execute(
            """
            INSERT INTO asset (code, coin_id, name)
            SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])
            ON CONFLICT (code) DO UPDATE SET coin_id = excluded.coin_id, name = excluded.name
            WHERE (asset.coin_id, asset.name) <> (excluded.coin_id, excluded.name)
            """,
            [codes, coin_ids, names],
        )
