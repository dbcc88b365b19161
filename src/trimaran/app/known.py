"""What is known of a product's tables by now: their rows, and what was pushed for serving of rows that are in none yet."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from trimaran.core.ports import OnlineStore
from trimaran.data.contracts import identity
from trimaran.data.tables import Tables


class Known:
    """The facts of one product.

    A row whose values are not all known is in no table yet: what is known of it so far comes from the facts pushed for
    serving. Where both have a row, the table's counts, as in training.
    """

    def __init__(self, online: OnlineStore, tables: Tables) -> None:
        self._online = online
        self._tables = tables
        self._definition = tables.definition

    def rows(self, names: Iterable[str]) -> dict[str, pl.DataFrame]:
        """Return the rows of some tables, and after them what was pushed of rows that they lack, each as it was pushed last."""
        pushed = self.pushed(0)
        return {name: self._overlaid(name, pushed.get(name, [])) for name in names}

    def pushed(self, mark: int) -> dict[str, list[pl.DataFrame]]:
        """Return what was pushed since a mark, by table, with exactly the columns of each."""
        found: dict[str, list[pl.DataFrame]] = {}
        for table, rows in self._online.since(self._definition.name, mark)[1]:
            if table in self._definition.tables:
                found.setdefault(table, []).append(_shaped(rows, self._tables.frame(table).schema))
        return found

    def _overlaid(self, table: str, pushed: list[pl.DataFrame]) -> pl.DataFrame:
        rows = self._tables.frame(table)
        if not pushed:
            return rows
        names = identity(self._definition.tables[table])
        last = pl.concat(pushed).unique(subset=names, keep="last", maintain_order=True)
        return pl.concat([rows, last.join(rows, on=names, how="anti", nulls_equal=True, maintain_order="left")])


def _shaped(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return pushed rows with exactly the table's columns; one that was not pushed is empty."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )
