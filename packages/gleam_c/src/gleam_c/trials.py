"""What a protocol searches with what: one trial for each view and direction, each with a gallery of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError, DataError
from gleam_common.reverse import DISTRACTOR, reverse_catalog
from gleam_common.views import View

from gleam_c.protocols import Protocol

__all__ = ["Trial", "trials_of"]

SET_ID = "set_id"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One search.

    Args:
        name: under which it stands in the results: the view of its queries, where there is only one such trial.
        view: of the pictures, the other side being tiles.
        catalog: queries and gallery of this trial, in their order.
        reverse: whether tiles are the queries.
        set_Q: for fused sets, the number of each photo's set; the embeddings of a set's photos are fused.
    """

    name: str
    view: View
    catalog: Catalog
    reverse: bool = False
    set_Q: npt.NDArray[np.int64] | None = None

    @property
    def direction(self) -> str:
        """What is searched with what, such as ``uav2satellite``."""
        return f"satellite2{self.view}" if self.reverse else f"{self.view}2satellite"

    def queries(self) -> Catalog:
        """Return the catalog with one query a set; without sets, that of the photos."""
        return self.catalog if self.set_Q is None else _one_query_a_set(self.catalog, self.set_Q)


def trials_of(
    catalog: Catalog, protocol: Protocol, split: str | None = None, direction: str | None = None
) -> list[Trial]:
    """Return the trials of a protocol on a catalog.

    Args:
        catalog: the whole set.
        protocol: chooses queries, tiles and directions.
        split: of the queries; None takes all.
        direction: only this one, such as ``satellite2uav``; None takes all.

    Raises:
        ConfigError: the protocol has no such direction on this catalog, or is that of another set.
        DataError: nothing is left, or a query or tile has no coordinates where the protocol needs them.
    """
    catalog = _of_protocol(catalog, protocol)
    chosen = catalog.select(split=split, gallery=protocol.gallery, protocol=protocol.column or None)
    if protocol.needs_coordinates:
        _check_coordinates(chosen, protocol.name)
    trials = [trial for way in protocol.directions for trial in _one_way(catalog, chosen, protocol, way)]
    if protocol.sets:
        trials += [_of_sets(trial) for trial in trials]
    names = [trial.direction for trial in trials]
    if direction is not None and direction not in names:
        raise ConfigError(f"{protocol.name} has no such direction on this catalog", value=direction, allowed=set(names))
    return [trial for trial in trials if direction in (None, trial.direction)]


def _of_protocol(catalog: Catalog, protocol: Protocol) -> Catalog:
    """Return the catalog with the protocol's height; refuse one of another set."""
    column = f"split_{protocol.column}" if protocol.column else "split"
    if column not in catalog.queries.column_names:
        fix = "take the protocol of the set that this catalog was imported from"
        raise ConfigError(f"queries.parquet lacks the column that {protocol.name} asks for", value=column, fix=fix)
    if not protocol.height_m:
        return catalog
    heights_m = catalog.column("height_m")
    keep = heights_m == protocol.height_m
    if not keep.any():
        known = ", ".join(f"{value:g}" for value in np.unique(heights_m[np.isfinite(heights_m)])) or "none is known"
        raise DataError("no picture was taken from this height in metres", value=protocol.height_m, allowed=known)
    return Catalog(gallery=catalog.gallery, queries=catalog.queries.filter(pa.array(keep)), root=catalog.root)


def _check_coordinates(catalog: Catalog, name: str) -> None:
    for which in ("queries", "gallery"):
        known = np.isfinite(catalog.column("lat", which)) | np.isfinite(catalog.column("x_m", which))
        if not known.all():
            raise DataError(
                f"{name} asks for coordinates; rows of {which}.parquet without them",
                value=int((~known).sum()),
                fix="add lat and lon (or x_m and y_m), or take a protocol that ranks tiles only",
            )


def _one_way(catalog: Catalog, chosen: Catalog, protocol: Protocol, way: str) -> list[Trial]:
    if way == "forward":
        return [Trial(name=str(view), view=view, catalog=_of_view(chosen, view)) for view in chosen.views]
    trials: list[Trial] = []
    for view in chosen.views:
        name = str(View.SATELLITE) if not trials else f"{View.SATELLITE}2{view}"
        turned = reverse_catalog(chosen, view, _unasked(catalog, chosen, protocol, view))
        trials.append(Trial(name=name, view=view, catalog=turned, reverse=True))
    return trials


def _of_view(chosen: Catalog, view: View) -> Catalog:
    return chosen if chosen.views == (view,) else chosen.select(views=[view], gallery="all")


def _unasked(catalog: Catalog, chosen: Catalog, protocol: Protocol, view: View) -> pa.Table:
    """Return the pictures that are searched beside those of the chosen queries, as the gallery of tiles is."""
    keep = ~np.isin(catalog.column("query_id"), chosen.column("query_id")) & (catalog.column("view") == str(view))
    if protocol.gallery == "split":
        keep &= catalog.column("split") == DISTRACTOR
    elif protocol.gallery != "all":
        keep[:] = False
    return catalog.queries.filter(pa.array(keep))


def _of_sets(trial: Trial) -> Trial:
    """Return the trial with the photos of one ``set_id`` fused; photos of no set stand alone."""
    if SET_ID not in trial.catalog.queries.column_names:
        raise DataError("sets of photos need the column", value=SET_ID, fix="import the set again, or add it")
    own = pc.coalesce(trial.catalog.queries[SET_ID], trial.catalog.queries["query_id"])
    _, set_Q = np.unique(np.asarray(own.to_pylist(), dtype=str), return_inverse=True)
    return Trial(name=f"{trial.name}_set", view=trial.view, catalog=trial.catalog, set_Q=set_Q.astype(np.int64))


def _one_query_a_set(catalog: Catalog, set_Q: npt.NDArray[np.int64]) -> Catalog:
    first = np.unique(set_Q, return_index=True)[1]
    wanted = catalog.queries["positives"].to_pylist()
    for row, number in enumerate(set_Q):
        if set(wanted[row]) != set(wanted[first[number]]):
            raise DataError(
                "photos of one set have different positives",
                value=(catalog.query_ids[row], catalog.query_ids[first[number]]),
                fix="give photos of one set_id the same positives",
            )
    return Catalog(gallery=catalog.gallery, queries=catalog.queries.take(first), root=catalog.root)
