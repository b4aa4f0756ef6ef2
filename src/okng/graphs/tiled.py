"""One graph for a large image: it cuts tiles, runs a tile's graph over them, and joins their maps.

The tiles go through in a loop, a batch at a time: memory does not grow with their number.
"""

import numpy as np
from onnx import ModelProto, load_model_from_string

from okng.algorithms.tiles import TileGrid
from okng.domain.arrays import Array, Floats
from okng.graphs.builder import GraphBuilder

_LOW = -1e30
"""Stands for a masked cell where the highest are looked for; no map comes near it."""


def tiled_graph(inner: bytes, grid: TileGrid, batch: int, share: float) -> bytes:
    """Return a graph of the one signature for the whole image.

    Args:
        inner: a graph of the one signature for one tile.
        grid: the tiles.
        batch: how many of them are in memory at once.
        share: see `joint_graph`.
    """
    height, width = grid.down.length_px, grid.across.length_px
    graph = GraphBuilder("tiled")
    image = graph.input("image", "uint8", ("N", height, width, 3))
    # Lines of all images, one below the other: cutting copies no more than a tile's own.
    lines = graph.node("Reshape", image, graph.ints(-1, width * 3))
    trips = -(-len(grid.kept) // batch)
    images = graph.node("Shape", image, start=0, end=1)
    body = _batch_of_tiles(inner, grid, batch, lines)
    scalar = graph.constant(np.zeros(0, np.int64))
    count = graph.node("Reshape", graph.node("Mul", images, graph.ints(trips)), scalar)
    maps = graph.loop(count, body, [lines])
    shape = graph.ints(-1, trips * batch, grid.down.tile, grid.across.tile)
    maps = graph.node("Reshape", maps, shape)
    ends = graph.ints(len(grid.kept))
    maps = graph.node("Slice", maps, graph.ints(0), ends, graph.ints(1))
    joined = graph.splice(joint_graph(grid, share), {"maps": maps})
    graph.output(joined["score"], "score", ("N",))
    cells = ("N", grid.down.cells, grid.across.cells)
    graph.output(joined["anomaly_map"], "anomaly_map", cells)
    return bytes(graph.build().SerializeToString(deterministic=True))


def joint_graph(grid: TileGrid, share: float) -> ModelProto:
    """Build the graph that makes one map of the tiles' maps, and a score of it.

    Overlapping maps are blended, so that no seam is left. The score is that of the worst tile: the
    mean of the highest `share` of its cells in the joint map (0: the maximum). So a defect of a
    few pixels weighs as much in a large image as in a small one.

    Returns:
        Input `maps`: float32 `[N, tiles, h, w]`, of the kept tiles in order. Outputs: `score`
        `[N]` and `anomaly_map` `[N, rows, columns]`, 0 where nothing is inspected.
    """
    down, across = grid.down, grid.across
    graph = GraphBuilder("joint")
    maps = graph.input("maps", "float32", ("N", len(grid.kept), down.tile, across.tile))
    plane = _side_by_side(graph, maps, grid)
    plane = graph.node("MatMul", graph.constant(down.blending()), plane)
    plane = graph.node("MatMul", plane, graph.constant(across.blending().T))
    ranked = plane
    if not grid.inspected.all():
        keep = graph.constant(grid.inspected)
        plane = graph.node("Where", keep, plane, graph.constant(np.float32(0)))
        ranked = graph.node("Where", keep, plane, graph.constant(np.float32(_LOW)))
    graph.output(_score(graph, ranked, grid, share), "score", ("N",))
    graph.output(plane, "anomaly_map", ("N", down.cells, across.cells))
    return graph.build()


def _batch_of_tiles(inner: bytes, grid: TileGrid, batch: int, lines: str) -> GraphBuilder:
    """Write the loop's body: it cuts a batch of tiles and gives their maps, `[batch, h, w]`.

    Of the last batch, what is too much repeats the last tile.
    """
    numbers = np.resize(np.array(grid.kept), (-(-len(grid.kept) // batch), batch))
    numbers.reshape(-1)[len(grid.kept) :] = grid.kept[-1]
    rows, columns = np.divmod(numbers, len(grid.across.starts))
    side, height, width = grid.tile_px, grid.down.length_px, grid.across.length_px
    body = GraphBuilder("batch_of_tiles", "tiles/")
    trip = body.input("tiles/trip", "int64", ())
    condition = body.input("tiles/go_on", "bool", ())
    trip = body.node("Reshape", trip, body.ints(1))
    image = body.node("Div", trip, body.ints(len(numbers)))
    number = body.node("Sub", trip, body.node("Mul", image, body.ints(len(numbers))))
    top = body.node("Mul", image, body.ints(height))
    tiles = []
    for place in range(batch):
        down, across = (
            _line(body, axis.pixels(), chosen[:, place], number)
            for axis, chosen in ((grid.down, rows), (grid.across, columns))
        )
        cut = body.node("Gather", lines, body.node("Add", down, top), axis=0)
        cut = body.node("Reshape", cut, body.ints(1, side, width, 3))
        tiles.append(body.node("Gather", cut, across, axis=2))
    pixels = body.node("Concat", *tiles, axis=0) if batch > 1 else tiles[0]
    outputs = body.splice(load_model_from_string(inner), {"image": pixels})
    body.output(condition, "tiles/still", (), "bool")
    shape = (batch, grid.down.tile, grid.across.tile)
    body.output(outputs["anomaly_map"], "tiles/maps", shape)
    return body


def _line(body: GraphBuilder, table: Array, chosen: Array, number: str) -> str:
    """Look up which line of a table trip `number` takes; returns the line, `[n]`."""
    line = body.node("Gather", body.constant(chosen), number, axis=0)
    found = body.node("Gather", body.constant(table), line, axis=0)
    return body.node("Reshape", found, body.ints(table.shape[1]))


def _side_by_side(graph: GraphBuilder, maps: str, grid: TileGrid) -> str:
    """Lay the maps `[N, tiles, h, w]` out as their tiles lie: `[N, R * h, C * w]`.

    Tiles that were left out are 0: every cell that is inspected has all its tiles.
    """
    down, across = grid.down, grid.across
    rows, columns = len(down.starts), len(across.starts)
    if len(grid.kept) < rows * columns:
        lead = graph.constant(np.array([0, 1, 0, 0, 0, 0, 0, 0]))
        maps = graph.node("Pad", maps, lead)
        places = np.zeros(rows * columns, np.int64)
        places[list(grid.kept)] = 1 + np.arange(len(grid.kept))
        maps = graph.node("Gather", maps, graph.constant(places), axis=1)
    maps = graph.node("Reshape", maps, graph.ints(-1, rows, columns, down.tile, across.tile))
    maps = graph.node("Transpose", maps, perm=[0, 1, 3, 2, 4])
    return graph.node("Reshape", maps, graph.ints(-1, rows * down.tile, columns * across.tile))


def _score(graph: GraphBuilder, plane: str, grid: TileGrid, share: float) -> str:
    """Return the highest of the tiles' scores, `[N]`, of a map whose masked cells are low."""
    down, across = grid.down, grid.across
    x = graph.node("Gather", plane, graph.constant(down.windows().ravel()), axis=1)
    x = graph.node("Gather", x, graph.constant(across.windows().ravel()), axis=2)
    shape = (len(down.starts), down.tile, len(across.starts), across.tile)
    x = graph.node("Reshape", x, graph.ints(-1, *shape))
    x = graph.node("Transpose", x, perm=[0, 1, 3, 2, 4])
    x = graph.node("Reshape", x, graph.ints(-1, shape[0] * shape[2], shape[1] * shape[3]))
    if len(grid.kept) < shape[0] * shape[2]:
        x = graph.node("Gather", x, graph.constant(np.array(grid.kept)), axis=1)
    weights = _score_weights(grid, share)
    x = graph.highest(x, weights.shape[1], axis=2)
    x = graph.node("ReduceSum", graph.node("Mul", x, graph.constant(weights)), graph.ints(2))
    return graph.node("ReduceMax", x, graph.ints(1, 2), keepdims=0)


def _score_weights(grid: TileGrid, share: float) -> Floats:
    """Return what each of a tile's highest cells counts, float32 `[tiles, most]`.

    As in `okng.graphs.heads`, the share is of the inspected cells, and at least one counts.
    """
    counts: list[int] = []
    lines, places = grid.down.windows(), grid.across.windows()
    for number in grid.kept:
        row, column = divmod(number, len(grid.across.starts))
        seen = int(grid.inspected[np.ix_(lines[row], places[column])].sum())
        counts.append(max(1, round(share * seen)))
    ranks: Array = np.arange(max(counts))
    inside = ranks[None] < np.array(counts)[:, None]
    return np.asarray(inside / np.array(counts)[:, None], np.float32)
