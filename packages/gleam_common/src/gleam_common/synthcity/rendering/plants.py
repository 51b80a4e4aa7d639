"""Trees as meshes: lumpy crowns that are later shot full of holes by a leaf mask (see foliage), and trunks."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from trimesh.creation import icosphere

from gleam_common.synthcity.model import Tree
from gleam_common.synthcity.rendering.mesh import MeshBuilder, Part
from gleam_common.synthcity.rendering.noise import hash01

__all__ = ["add_trees"]

Floats = npt.NDArray[np.float64]
_VARIANTS = 8
_BRANCHES = 8
_GREENS = {
    Part.BROADLEAF: ((0.125, 0.185, 0.055), (0.075, 0.150, 0.055)),
    Part.CONIFER: ((0.042, 0.085, 0.045), (0.032, 0.076, 0.062)),
}


def add_trees(builder: MeshBuilder, trees: tuple[Tree, ...]) -> None:
    """Add a crown and a trunk for each tree. A crown's surface has the crown's centre as origin, and its horizontal
    and vertical radius as its size.
    """
    for species, part in (("broadleaf", Part.BROADLEAF), ("conifer", Part.CONIFER)):
        group = [tree for tree in trees if tree.species == species]
        if group:
            _add_group(builder, group, part)


def _add_group(builder: MeshBuilder, trees: list[Tree], part: Part) -> None:
    ids = np.array([tree.item_id for tree in trees])
    foot = np.array([(tree.x_m, tree.y_m) for tree in trees])
    height, radius = (np.array([getattr(tree, name) for tree in trees]) for name in ("height_m", "radius_m"))
    bare = np.minimum(0.22 * height, 2.4) if part is Part.BROADLEAF else np.minimum(0.08 * height, 0.8)
    half = (height - bare) / 2
    centre = np.column_stack([foot, bare + half])
    crown = builder.add_surfaces(
        part, ids, _crown_albedo(ids, part), ids, centre, (1.0, 0.0), np.column_stack([radius, half])
    )
    variant = (hash01(ids, 31) * _VARIANTS).astype(int)
    turn = hash01(ids, 32).astype(np.float64) * 2 * np.pi
    for number in range(_VARIANTS):
        chosen = np.flatnonzero(variant == number)
        vertex, face = _broadleaf(number) if part is Part.BROADLEAF else _conifer(number)
        _add_copies(builder, vertex, face, centre[chosen], radius[chosen], half[chosen], turn[chosen], crown[chosen])
    at = np.column_stack([foot, np.zeros(len(ids))])
    trunk = builder.add_surfaces(Part.TRUNK, ids, (0.075, 0.055, 0.042), ids, at)
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.clip(0.022 * height, 0.08, 0.3)[:, None, None]
    builder.add_boxes(foot[:, None, :] + square, np.zeros(len(ids)), bare + 0.6 * half, trunk)
    if part is Part.BROADLEAF:
        _add_branches(builder, ids, foot, bare, radius, half, trunk)


def _add_branches(
    builder: MeshBuilder, ids: npt.NDArray[np.int64], foot: Floats, bare: Floats, radius: Floats, half: Floats,
    surface: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    """Thin spikes from the trunk into the crown; they are what a bare winter tree shows."""
    number = np.arange(_BRANCHES)[None, :]
    turn = 2 * np.pi * (number + hash01(ids[:, None], 40 + number).astype(np.float64)) / _BRANCHES * 2.0
    rise = hash01(ids[:, None], 50 + number).astype(np.float64)
    start_z = bare[:, None] + half[:, None] * (0.1 + 0.5 * rise)
    reach = radius[:, None] * (0.85 - 0.45 * rise)
    out = np.stack([np.cos(turn), np.sin(turn)], axis=2)
    base = np.concatenate([np.broadcast_to(foot[:, None, :], out.shape), start_z[..., None]], axis=2)
    tip_z = start_z + half[:, None] * (0.5 + 0.6 * rise)
    tip = np.concatenate([foot[:, None, :] + reach[..., None] * out, tip_z[..., None]], axis=2)
    thick = np.clip(0.03 * radius, 0.04, 0.12)[:, None, None]
    aside = np.concatenate([np.stack([-out[..., 1], out[..., 0]], axis=2) * thick, np.zeros((*reach.shape, 1))], axis=2)
    above = np.concatenate([np.zeros(out.shape), np.broadcast_to(thick, (*reach.shape, 1))], axis=2)
    spikes = [np.stack([base - side, base + side, tip], axis=2) for side in (aside, above)]
    vertex = np.concatenate(spikes, axis=1).reshape(-1, 3)
    builder.add_faces(vertex, np.arange(len(vertex)).reshape(-1, 3), np.repeat(surface, 2 * _BRANCHES))


def _crown_albedo(ids: npt.NDArray[np.int64], part: Part) -> Floats:
    """Greens of a tree's own; the season turns them (see foliage)."""
    tint = hash01(ids, 33).astype(np.float64)[:, None]
    light = 0.75 + 0.5 * hash01(ids, 34).astype(np.float64)[:, None]
    first, second = np.array(_GREENS[part])
    albedo: Floats = light * ((1 - tint) * first + tint * second)
    return albedo


def _add_copies(
    builder: MeshBuilder, vertex: Floats, face: npt.NDArray[np.int64], centre: Floats, radius: Floats, half: Floats,
    turn: Floats, surface: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    if not len(centre):
        return
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y, z = vertex.T
    placed = np.stack(
        [
            centre[:, :1] + radius[:, None] * (cos * x - sin * y),
            centre[:, 1:2] + radius[:, None] * (sin * x + cos * y),
            centre[:, 2:] + half[:, None] * z,
        ],
        axis=2,
    )
    faces = face[None] + (np.arange(len(centre)) * len(vertex))[:, None, None]
    builder.add_faces(placed.reshape(-1, 3), faces.reshape(-1, 3), np.repeat(surface, len(face)))


@cache
def _broadleaf(variant: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """A lumpy ball of 80 triangles, radius about 1."""
    rng = np.random.default_rng([7301, variant])
    ball = icosphere(subdivisions=1)
    vertex, face = np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int64)
    lumps = rng.standard_normal((6, 3))
    lumps /= np.linalg.norm(lumps, axis=1, keepdims=True)
    bump = np.max(np.exp(5.0 * (vertex @ lumps.T - 1.0)) * rng.uniform(0.5, 1.0, 6), axis=1)
    radius = 0.66 + 0.46 * bump + rng.uniform(-0.08, 0.08, len(vertex))
    vertex = vertex * radius[:, None]
    vertex[:, 2] = np.clip(vertex[:, 2], -0.85, 1.0)
    return vertex, face


@cache
def _conifer(variant: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Four stacked ragged cones, from -1 to 1 in height."""
    rng = np.random.default_rng([7302, variant])
    vertices, faces = [], []
    for tier in range(4):
        low, high, wide = -1.0 + 0.45 * tier, -0.05 + 0.36 * tier, 1.0 - 0.23 * tier
        angle = (np.arange(7) + 0.5 * (tier % 2)) * 2 * np.pi / 7
        reach = wide * rng.uniform(0.8, 1.08, 7)
        rim = np.column_stack([reach * np.cos(angle), reach * np.sin(angle), low + rng.uniform(-0.06, 0.06, 7)])
        first = 8 * tier
        vertices += [rim, np.array([[0.0, 0.0, min(high, 1.0)]])]
        faces += [(first + k, first + (k + 1) % 7, first + 7) for k in range(7)]
    return np.vstack(vertices), np.array(faces)
