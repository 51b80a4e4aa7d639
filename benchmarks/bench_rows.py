"""What each benchmark's result says, as rows of one table: a number, its spread, and the share of the ceiling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Row", "rows_of", "table_text"]

Result = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number of a benchmark.

    Attributes:
        benchmark: its name.
        what: that was measured.
        value: median.
        unit: of the value.
        low: least of the repeats, where there are several.
        high: largest of them.
        share: of the ceiling named by ``beside``, in [0, 1] (more where the ceiling was passed).
        beside: what the number is read beside.
        why: there is no number.
    """

    benchmark: str
    what: str
    value: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    share: float | None = None
    beside: str = ""
    why: str = ""


def rows_of(name: str, result: Result) -> list[Row]:
    """Return the rows of a benchmark's result."""
    return [Row(benchmark=name, **fields) for fields in _READERS[name](result)]


def _spread(own: Mapping[str, float]) -> dict[str, float]:
    return {"value": own["median"], "low": own["min"], "high": own["max"]}


def _ceilings(result: Result) -> Iterator[dict[str, Any]]:
    for device in ("cpu", "cuda"):
        own = result[device]
        if "skipped" in own:
            yield {"what": f"{device}", "why": own["skipped"]}
            continue
        yield {"what": f"{device}: matrix product, float32", "unit": "TFLOP/s", **_spread(own["float32_tflops"])}
        yield {"what": f"{device}: matrix product, bf16", "unit": "TFLOP/s", **_spread(own["bfloat16_tflops"])}
        yield {"what": f"{device}: copy, read and written", "unit": "GB/s", **_spread(own["copy_gb_per_s"])}
        yield {"what": f"{device}: memory", "unit": "GiB", "value": own["memory_gib"]}


def _models(result: Result) -> Iterator[dict[str, Any]]:
    for name, own in result["encoders"].items():
        if "skipped" in own:
            yield {"what": name, "why": own["skipped"]}
            continue
        for kind in ("training", "inference"):
            one = own[kind]
            rate = _spread(one["pictures_per_s"])
            yield {
                "what": f"{name}: {kind}",
                "unit": "pictures/s",
                "share": one["share_of_matmul"],
                "beside": "of the matrix product (MFU)",
                **rate,
            }
            if one["joules_per_picture"] is not None:
                yield {"what": f"{name}: {kind}, energy", "unit": "J/picture", "value": one["joules_per_picture"]}
        if "peak_gib" in own:
            yield {"what": f"{name}: peak memory", "unit": "GiB", "value": own["peak_gib"]}


def _epoch(result: Result) -> Iterator[dict[str, Any]]:
    for name, own in result["cases"].items():
        ours, plain = own["ours"], own["plain"]
        losses = f"loss {ours['loss_of_each_epoch'][-1]:.3f}, plain {plain['loss_of_each_epoch'][-1]:.3f}"
        yield {
            "what": f"{name}: faster than a plain loop",
            "unit": "times",
            "beside": losses,
            **_spread(own["times_faster"]),
        }
        for arm, one in (("ours", ours), ("plain", plain)):
            share = one["steps_alone_s"] / one["epoch_s"]["median"]
            yield {
                "what": f"{name}: {arm}, load and step",
                "unit": "pairs/s",
                "value": one["pairs_per_s"],
                "share": share,
                "beside": "of the steps alone",
            }


def _loading(result: Result) -> Iterator[dict[str, Any]]:
    for name, own in result["decoders"].items():
        equal = "pixels of Pillow" if own["equals_pillow"] else "other pixels"
        yield {
            "what": f"decoding 2048 x 1024: {name}",
            "unit": "pictures/s",
            "beside": equal,
            **_spread(own["pictures_per_s"]),
        }
    for name, rate in result["pairs_per_s"].items():
        size = f"{result['bytes'][name] / 1e6:.1f} MB" if name in result["bytes"] else ""
        yield {"what": f"loading: {name}", "unit": "pairs/s", "beside": size, **_spread(rate)}


def _loss_memory(result: Result) -> Iterator[dict[str, Any]]:
    for name in ("logits", "activations"):
        for way, batches in result[name].items():
            for batch in list(batches)[-1:]:
                yield {"what": f"{name} of {batch} pairs, {way}", "unit": "MB", "value": batches[batch]["peak_mb"]}


def _strategies(result: Result) -> Iterator[dict[str, Any]]:
    ddp = result["strategies"]["ddp"]["pairs_per_s"]["median"]
    for name, own in result["strategies"].items():
        share = own["pairs_per_s"]["median"] / ddp
        rate = _spread(own["pairs_per_s"])
        processes = f"of DDP; {own['processes']} processes, {own['peak_gib_of_a_process']:.2f} GiB each"
        yield {"what": name, "unit": "pairs/s", "share": share, "beside": processes, **rate}


def _rendering(result: Result) -> Iterator[dict[str, Any]]:
    for name, rate in result["pictures_per_s"].items():
        yield {"what": f"SynthCity, {name}", "unit": "pictures/s", **_spread(rate)}


def _mining(result: Result) -> Iterator[dict[str, Any]]:
    for part in ("order", "mining", "mining_all"):
        for name, value in result.get(part, {}).items():
            if isinstance(value, Mapping) and "s" in value:
                yield {"what": f"{part} of an epoch: {name}", "unit": "s", **_spread(value["s"])}
            elif isinstance(value, Mapping) and {"median", "min", "max"} <= set(value):
                yield {"what": f"{part}: {name}", **_spread(value)}
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield {"what": f"{part}: {name}", "value": float(value)}


def _evaluation(result: Result) -> Iterator[dict[str, Any]]:
    vigor = result["vigor"]
    over = vigor["evaluation_over_product"]
    yield {
        "what": "VIGOR: seconds over those of the product",
        "unit": "times",
        "value": over,
        "share": 1 / over,
        "beside": "of the matrix product",
    }
    whole = vigor["whole_in_one_process"]
    yield {"what": "VIGOR: memory over the embeddings", "unit": "GiB", "value": whole["over_embeddings_gib"]}
    for direction in ("uav2satellite", "satellite2uav"):
        faster = result["university"][direction]["times_faster"]
        yield {"what": f"{direction}: faster than a sort a query", "unit": "times", **_spread(faster)}


def _gallery_search(result: Result) -> Iterator[dict[str, Any]]:
    tiles = f"{result['tiles']:,} tiles"
    over = result["one_query_over_pass"]["median"]
    yield {
        "what": f"one query everywhere, {tiles}",
        "unit": "s",
        "share": 1 / over,
        "beside": "of the rate of a pass over all float16 bytes",
        **_spread(result["one_query_s"]),
    }
    yield {
        "what": f"64 queries, {tiles}",
        "unit": "s",
        "share": result["batch_rate_over_product_rate"]["median"],
        "beside": "of the float32 product",
        **_spread(result["batch_s"]),
    }
    yield {"what": f"one query in a hundredth, {tiles}", "unit": "s", **_spread(result["in_area_s"])}
    yield {"what": "memory of a searching process", "unit": "MB", "value": result["memory"]["most_mb"]}


_READERS: dict[str, Callable[[Result], Iterator[dict[str, Any]]]] = {
    "ceilings": _ceilings,
    "models": _models,
    "epoch": _epoch,
    "loading": _loading,
    "loss_memory": _loss_memory,
    "strategies": _strategies,
    "rendering": _rendering,
    "mining": _mining,
    "evaluation": _evaluation,
    "gallery_search": _gallery_search,
}


def shown(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def range_of(row: Row) -> str:
    """Return least and largest of a row, "" where there is one number."""
    return "" if row.low is None or row.high is None else f"{shown(row.low)} - {shown(row.high)}"


def table_text(rows: list[Row]) -> str:
    """Return the rows as aligned text for a terminal."""
    table = [["benchmark", "what", "median", "unit", "least - largest", "share", "beside"]]
    for row in rows:
        number = "-" if row.value is None else shown(row.value)
        share = "" if row.share is None else f"{100 * row.share:.0f} %"
        table.append([row.benchmark, row.what, number, row.unit, range_of(row), share, row.why or row.beside])
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = []
    for line in table:
        cells = [
            cell.rjust(width) if at in (2, 4, 5) else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
