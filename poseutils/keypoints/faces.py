"""Face landmarks: contours and mirror indices of MediaPipe's mesh of 468 vertices, and its
correspondence to iBUG's 68 points."""

from __future__ import annotations


def _path(*vertices: int) -> tuple[tuple[int, int], ...]:
    return tuple(zip(vertices, vertices[1:]))


def _loop(*vertices: int) -> tuple[tuple[int, int], ...]:
    return _path(*vertices, vertices[0])


def _mirrored_mesh() -> tuple[int, ...]:
    """The 468 mirror indices; the canonical mesh lists the middle and the person's right half, then
    the left half in the same order."""
    middle = {0, 1, 2, 4, 5, 6, *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200}
    right = [vertex for vertex in range(248) if vertex not in middle]
    left = range(248, 468)
    pairs = {**dict(zip(right, left)), **dict(zip(left, right))}
    return tuple(pairs.get(vertex, vertex) for vertex in range(468))


MESH_MIRROR = _mirrored_mesh()
"""The mirror image of each vertex: pairs differ only in the sign of x in MediaPipe's canonical face
model (google-ai-edge/mediapipe, modules/face_geometry/data/canonical_face_model.obj), which is
symmetric to the last digit."""


_RIGHT_CONTOURS = (
    # oval
    (10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    (33, 7, 163, 144, 145, 153, 154, 155, 133),  # lower and upper lid
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (46, 53, 52, 65, 55),  # lower and upper edge of the brow
    (70, 63, 105, 66, 107),
    (61, 185, 40, 39, 37, 0),  # outer lips
    (61, 146, 91, 181, 84, 17),
    (78, 191, 80, 81, 82, 13),  # inner lips
    (78, 95, 88, 178, 87, 14),
)


def _contours() -> tuple[tuple[int, int], ...]:
    right = sum((_path(*contour) for contour in _RIGHT_CONTOURS), ())
    return right + tuple((MESH_MIRROR[a], MESH_MIRROR[b]) for a, b in right)


MESH_CONTOURS = _contours()
"""Pairs of vertices that outline oval, eyes, brows and lips (google-ai-edge/mediapipe,
``FACEMESH_CONTOURS``)."""


def _mirrored_ibug() -> tuple[int, ...]:
    """The 68 mirror indices. Jaw, brows, nostrils and lips run from side to side; each eye is
    numbered from its own outer corner."""
    runs = (
        range(17),
        range(17, 27),
        range(31, 36),
        range(48, 55),
        range(55, 60),
        range(60, 65),
        range(65, 68),
    )
    pairs = {point: mirrored for run in runs for point, mirrored in zip(run, reversed(run))}
    eyes = dict(zip(range(36, 42), (45, 44, 43, 42, 47, 46)))
    pairs |= eyes | {left: right for right, left in eyes.items()}
    return tuple(pairs.get(point, point) for point in range(68))


IBUG_MIRROR = _mirrored_ibug()
IBUG_LIMBS = (
    _path(*range(17))
    + _path(*range(17, 22))
    + _path(*range(22, 27))
    + _path(*range(27, 31))
    + _path(*range(31, 36))
    + _loop(*range(36, 42))
    + _loop(*range(42, 48))
    + _loop(*range(48, 60))
    + _loop(*range(60, 68))
)
"""Jaw, brows, bridge and base of the nose, eyes, lips of iBUG's 68 points (Sagonas et al., "300
Faces in-the-Wild Challenge", 2013)."""

# fmt: off
IBUG68_FROM_MESH468 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on
"""The mesh vertex that corresponds to each of iBUG's 68 points: jaw, brows, nose, eyes, lips, one
row each.

The list most often published (for example as ``landmark_points_68`` of bytedance/LatentSync 1.5,
utils/image_processor.py). It pairs left with right exactly as the mesh does. Eyes, bridge and lips
correspond exactly, jaw and brows approximately: iBUG's jaw points are evenly spaced, which no
vertices are, and the mesh has an upper and a lower edge of the brow where iBUG has one line.
"""
