"""Cars, lamps, people and bins as meshes, many at a time.

Axes: K things, Q quadrilaterals of one thing. A thing's own axes: ahead, left, up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.model import Kind, Name
from gleam_common.synthcity.picture import DYNAMIC_ID_BASE, Thing
from gleam_common.synthcity.rendering.mesh import Mesh, MeshBuilder, Part, albedo_of
from gleam_common.synthcity.rendering.noise import hash01
from gleam_common.synthcity.rendering.traffic import Poses, heading_axes

__all__ = ["Dynamic", "build_dynamic"]

Floats = npt.NDArray[np.float64]
Model = tuple[Floats, npt.NDArray[np.int64]]
"""Quadrilaterals (Q, 4, 3) in metres and which of its thing's looks each has, (Q,)."""

# length, width, height; shares: belt line, top of the windows, cabin from and to at the belt, roof from and to; whether
# its sides are glass
_CAR_SHAPES = (
    (4.5, 1.80, 1.45, 0.60, 1.0, -0.80, 0.42, -0.50, 0.12, True),
    (4.0, 1.75, 1.50, 0.58, 1.0, -0.97, 0.45, -0.80, 0.15, True),
    (4.7, 1.90, 1.75, 0.58, 1.0, -0.98, 0.45, -0.86, 0.22, True),
    (5.3, 1.95, 2.20, 0.56, 1.0, -0.99, 0.72, -0.97, 0.52, False),
    (9.5, 2.45, 3.00, 0.42, 0.84, -0.995, 0.985, -0.995, 0.97, True),
)
_CAR_COLOURS = ("white", "white", "light grey", "grey", "dark grey", "black", "black", "red", "blue", "dark red",
                "beige", "green", "light blue", "yellow", "orange", "brown")  # fmt: skip
_CLOTHES = ("dark grey", "black", "blue", "red", "white", "brown", "green", "beige", "yellow")
_BODY, _GLASS, _DARK, _LAMP = range(4)
_NAMES = (Name(en="street lamp", zh="路灯"), Name(en="pedestrian", zh="行人"), Name(en="litter bin", zh="垃圾桶"))


@dataclass(frozen=True, kw_only=True)
class Dynamic:
    """Things of one picture: their mesh, items by number, and a box around each, (K, 8, 3) corners in metres."""

    mesh: Mesh
    items: dict[int, Thing]
    box_K83: Floats


def build_dynamic(cars: Poses, furniture: Poses, near: int) -> Dynamic | None:
    """Return the mesh of cars and furniture, or None when there is nothing. The first ``near`` cars are detailed."""
    count = len(cars.pose) + len(furniture.pose)
    if not count:
        return None
    builder = MeshBuilder()
    ids = DYNAMIC_ID_BASE + np.arange(count)
    split = len(cars.pose)
    paint = [_CAR_COLOURS[index] for index in (hash01(cars.seed, 81) * len(_CAR_COLOURS)).astype(int)]
    places = np.concatenate([cars.pose, furniture.pose])[:, :2].round(2).tolist()
    items = {
        number: Thing(item_id=number, kind=Kind.CAR, colour=colour, x_m=x_m, y_m=y_m)
        for number, colour, (x_m, y_m) in zip(ids[:split].tolist(), paint, places[:split], strict=True)
    }
    items |= {
        number: Thing(item_id=number, kind=Kind.FURNITURE, name=_NAMES[kind], x_m=x_m, y_m=y_m)
        for number, kind, (x_m, y_m) in zip(ids[split:].tolist(), furniture.kind, places[split:], strict=True)
    }
    boxes = np.concatenate([
        _add_cars(builder, cars, ids[:split], paint, near), _add_furniture(builder, furniture, ids[split:])
    ])  # fmt: skip
    return Dynamic(mesh=builder.build(), items=items, box_K83=boxes)


def _block(low: tuple[float, ...], high: tuple[float, ...], top: tuple[float, ...] | None = None) -> Floats:
    """(5, 4, 3): front, back, left, right and lid of a box from ``low`` to ``high`` = (ahead, left, up).

    ``top`` = (from, to, side) makes it taper: the lid reaches from and to ahead, and ``side`` to each side.
    """
    (x0, y0, z0), (x1, y1, z1) = low, high
    u0, u1, side = top or (x0, x1, y1)
    floor = np.array([[x0, y0, z0], [x1, y0, z0], [x1, y1, z0], [x0, y1, z0]])
    lid = (
        np.array([[u0, -side, z1], [u1, -side, z1], [u1, side, z1], [u0, side, z1]])
        if top
        else floor + np.array([0, 0, z1 - z0])
    )
    edges = [(1, 2), (3, 0), (2, 3), (0, 1)]
    return np.array([*([floor[a], floor[b], lid[b], lid[a]] for a, b in edges), lid])


@cache
def _car(shape: int, detailed: bool) -> Model:
    """A car of body, glass, dark and lamp; far cars have no wheels."""
    length, width, height, belt, top, cab0, cab1, roof0, roof1, glass_sides = _CAR_SHAPES[shape]
    a, b, z, lid = length / 2, width / 2, height * belt, height * top
    quads = [_block((-a, -b, 0.28), (a, b, z), (-0.985 * a, 0.97 * a, 0.96 * b))]
    side = 0.94 * b if top < 1.0 else 0.76 * b if glass_sides else 0.9 * b
    quads.append(_block((cab0 * a, -0.94 * b, z), (cab1 * a, 0.94 * b, lid), (roof0 * a, roof1 * a, side)))
    tags = [_BODY] * 5 + ([_GLASS] * 4 if glass_sides else [_GLASS, _BODY, _BODY, _BODY]) + [_BODY]
    if top < 1.0:
        quads.append(_block((roof0 * a, -side, lid), (roof1 * a, side, height)))
        tags += [_BODY] * 5
    if not detailed:
        return np.concatenate(quads), np.array(tags)
    quads.append(_block((-0.9 * a, -0.9 * b, 0.12), (0.9 * a, 0.9 * b, 0.3)))
    tags += [_DARK] * 5
    radius, axle = 0.33 if height < 2.5 else 0.5, 0.62 * a
    for ahead in (-axle, axle):
        for side in (-1.005 * b, 1.005 * b):
            quads.append(_wheel(ahead, side, radius))
            tags += [_DARK] * 3
    for side in (-0.7 * b, 0.7 * b):
        bright = np.array([[0, -0.16, -0.07], [0, 0.16, -0.07], [0, 0.16, 0.07], [0, -0.16, 0.07]])
        quads.append((bright + np.array([0.993 * a, side, 0.75 * z]))[None])
        tags.append(_LAMP)
    return np.concatenate(quads), np.array(tags)


def _wheel(ahead: float, side: float, radius: float) -> Floats:
    """An octagon as three quadrilaterals."""
    turn = (np.arange(8) + 0.5) * np.pi / 4
    rim = np.column_stack([ahead + radius * np.cos(turn), np.full(8, side), radius + radius * np.sin(turn)])
    return rim[[[0, 1, 2, 3], [3, 4, 7, 0], [4, 5, 6, 7]]]


def _place(quad_Q43: Floats, pose_K3: Floats) -> Floats:
    """(K, Q, 4, 3): copies of a thing in the city."""
    ahead, left = heading_axes(pose_K3[:, 2])
    flat = quad_Q43[None, ..., 0, None] * ahead[:, None, None] + quad_Q43[None, ..., 1, None] * left[:, None, None]
    up = np.broadcast_to(quad_Q43[None, ..., 2, None], (*flat.shape[:3], 1))
    return np.concatenate([flat + pose_K3[:, None, None, :2], up], axis=3)


def _boxes(placed_KQ43: Floats) -> Floats:
    """Upright boxes (K, 8, 3) around things."""
    points = placed_KQ43.reshape(len(placed_KQ43), -1, 3)
    ends = np.stack([points.min(axis=1), points.max(axis=1)], axis=1)
    choice = np.array([[(n >> axis) & 1 for axis in range(3)] for n in range(8)])
    return np.stack([ends[:, choice[:, axis], axis] for axis in range(3)], axis=2)


def _add_things(
    builder: MeshBuilder, poses: Poses, models: dict[int, Model], surface_LK: npt.NDArray[np.int32]
) -> Floats:
    """Add one model for each pose by its kind; ``surface_LK`` is the surface of each look of each thing."""
    boxes = np.zeros((len(poses.pose), 8, 3))
    for kind, (quads, tags) in models.items():
        chosen = np.flatnonzero(poses.kind == kind)
        if len(chosen):
            placed = _place(quads, poses.pose[chosen])
            builder.add_quads(placed.reshape(-1, 4, 3), surface_LK[tags][:, chosen].T.ravel())
            boxes[chosen] = _boxes(placed)
    return boxes


def _add_cars(builder: MeshBuilder, cars: Poses, ids: npt.NDArray[np.int64], paint: list[str], near: int) -> Floats:
    """Add cars, nearest first; the first ``near`` of them in detail."""
    body = np.array([albedo_of(name) for name in paint]).reshape(-1, 3)
    looks = ((Part.PAINT, body), (Part.GLASS, (0.02, 0.025, 0.03)), (Part.FITTING, (0.018, 0.018, 0.02)),
             (Part.PAINT, (0.7, 0.68, 0.6)))  # fmt: skip
    surface = np.stack([builder.add_surfaces(part, ids, albedo, 0, (0, 0, 0)) for part, albedo in looks])
    plain = len(_CAR_SHAPES)
    kind = cars.kind + plain * (np.arange(len(ids)) >= near)
    models = {shape + plain * (not fine): _car(shape, fine) for shape, fine in product(range(plain), (True, False))}
    return _add_things(builder, replace(cars, kind=kind), models, surface)


def _add_furniture(builder: MeshBuilder, furniture: Poses, ids: npt.NDArray[np.int64]) -> Floats:
    clothes = np.array([albedo_of(name) for name in _CLOTHES])
    coat, legs = (clothes[(hash01(furniture.seed, key) * len(clothes)).astype(int)] for key in (82, 83))
    looks = (coat.reshape(-1, 3), 0.5 * legs.reshape(-1, 3), (0.35, 0.22, 0.16), (0.09, 0.10, 0.10))
    surface = np.stack([builder.add_surfaces(Part.FITTING, ids, albedo, 0, (0, 0, 0)) for albedo in looks])
    return _add_things(builder, furniture, _FURNITURE, surface)


_COAT, _LEGS, _SKIN, _STEEL = range(4)
_LAMP_QUADS = np.concatenate([
    _block((-0.07, -0.07, 0.0), (0.07, 0.07, 6.5)), _block((-0.06, 0.0, 6.4), (0.06, 1.8, 6.55)),
    _block((-0.14, 1.2, 6.3), (0.14, 2.0, 6.42)),
])  # fmt: skip
_PERSON_QUADS = np.concatenate([
    _block((-0.11, -0.19, 0.0), (0.11, -0.03, 0.85)), _block((-0.11, 0.03, 0.0), (0.11, 0.19, 0.85)),
    _block((-0.13, -0.24, 0.85), (0.13, 0.24, 1.45), (-0.11, 0.11, 0.2)),
    _block((-0.1, -0.09, 1.45), (0.1, 0.09, 1.72)),
])  # fmt: skip
_BIN_QUADS = _block((-0.25, -0.25, 0.0), (0.25, 0.25, 0.95))
_FURNITURE: dict[int, Model] = {
    0: (_LAMP_QUADS, np.repeat(_STEEL, 15)),
    1: (_PERSON_QUADS, np.repeat([_LEGS, _LEGS, _COAT, _SKIN], 5)),
    2: (_BIN_QUADS, np.repeat(_COAT, 5)),
}
