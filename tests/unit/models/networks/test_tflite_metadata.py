"""The normalization of the input that the metadata of TensorFlow Lite names, as a float .tflite of
MediaPipe or of TensorFlow Lite Support has it."""

import random

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.models.networks.metadata import Metadata, read_metadata
from tests.bench.fuzzing.fuzz_export import damage
from tests.helpers.networks.tiny_tflite import heatmap_model

NORMALIZATION, SCORES = 1, 3
"""Kinds of a ProcessUnit in metadata_schema.fbs."""


def described(mean, std, kind=NORMALIZATION, before=()):
    """The ModelMetadata of one input, whose process units are of the kinds ``before`` and then the
    normalization."""
    builder = flatbuffers.Builder()

    def floats(values):
        return builder.CreateNumpyVector(np.array(values, np.float32))

    def table(**fields):
        """Fields by their numbers: bytes as they are, else what was written before."""
        builder.StartObject(8)
        for name, value in fields.items():
            number = int(name[1:])
            if name[0] == "b":
                builder.PrependUint8Slot(number, value, 0)
            else:
                builder.PrependUOffsetTRelativeSlot(number, value, 0)
        return builder.EndObject()

    def vector(*tables):
        builder.StartVector(4, len(tables), 4)
        for each in reversed(tables):
            builder.PrependUOffsetTRelative(each)
        return builder.EndVector()

    others = [table(b0=other, t1=table()) for other in before]
    options = table(t0=floats(mean), t1=floats(std))
    units = vector(*others, table(b0=kind, t1=options))
    tensor = vector(table(t0=builder.CreateString("image"), t4=units))
    builder.Finish(table(t3=vector(table(t2=tensor))), b"M001")
    return bytes(builder.Output())


def with_metadata(content, dtype="FLOAT32", name="TFLITE_METADATA"):
    """A network of heatmaps with such metadata."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(heatmap_model(17, dtype), 0))
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.frombuffer(content, np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers) - 1
    model.metadata = [entry]
    if dtype == "FLOAT32":  # the tiny one begins with a step to 8 bits
        graph = model.subgraphs[0]
        graph.operators, graph.inputs = graph.operators[1:], np.array([1], np.int32)
        graph.tensors[1].quantization = None
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("mean", "std", "range_"),
    [
        ([127.5], [127.5], "−1…1"),
        ([0], [255], "0…1"),
        ([0], [1], "0…255"),
        ([127.5] * 3, [127.5] * 3, "−1…1"),
        ([10, 20, 30], [50], "-0.4…4.7"),
    ],
)
def test_the_metadata_tells_the_values_of_a_float_input(tmp_path, mean, std, range_):
    path = tmp_path / "a.tflite"
    path.write_bytes(with_metadata(described(mean, std, before=(SCORES,))))
    model = pu.load_model(path, "heatmaps_spe")
    assert model.summary()["values"] == f"{range_} (by its metadata)"
    scale, offset = model.network.rescaling
    pixels = np.array([0, 100, 255.0])
    wanted = np.mean([(pixels - m) / s for m, s in np.broadcast(mean, std)], axis=0)
    np.testing.assert_allclose(scale * pixels + offset, wanted, rtol=1e-6, atol=1e-6)


def test_what_is_given_counts_before_the_metadata(tmp_path):
    (tmp_path / "a.tflite").write_bytes(with_metadata(described([127.5], [127.5])))
    model = pu.load_model(tmp_path / "a.tflite", "heatmaps_spe", rescaling=(1.0, 0.0))
    assert model.summary()["values"] == "0…255 (given)"


def test_pixels_of_8_bits_stay_pixels(tmp_path):
    (tmp_path / "a.tflite").write_bytes(with_metadata(described([127.5], [127.5]), "INT8"))
    model = pu.load_model(tmp_path / "a.tflite", "heatmaps_spe")
    assert model.summary()["values"] == "pixels (by its type, uint8)"


def test_metadata_against_the_first_operators_is_warned_of(tmp_path):
    from tests.helpers.networks.tiny_tflite import build, tensor

    tensors = [
        tensor("image", (1, 16, 24, 3), "FLOAT32", scale=None),
        tensor("steps", (1, 16, 24, 3), scale=1 / 255, zero_point=-128),
    ]
    content = build(tensors, [("QUANTIZE", [0], [1])], [0], [1])
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    written = schema.ModelT.InitFromObj(
        schema.Model.GetRootAs(with_metadata(described([127.5], [127.5])), 0)
    )
    model.buffers.append(written.buffers[-1])
    model.metadata = written.metadata
    model.metadata[0].buffer = len(model.buffers) - 1
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "a.tflite").write_bytes(bytes(builder.Output()))
    with pytest.warns(UserWarning, match="take values 0…1; it is given −1…1, as its metadata says"):
        pu.load_model(tmp_path / "a.tflite", "heatmaps_spe")


@pytest.mark.parametrize(
    ("mean", "std"), [([0], [0]), ([0], [-1]), ([np.nan], [1]), ([], [1]), ([0, 0], [1, 1, 1])]
)
def test_a_normalization_that_cannot_be_meant_is_refused(tmp_path, mean, std):
    data = with_metadata(described(mean, std))
    with pytest.raises(PoseError, match="its metadata has mean=.* and std=.* of the input"):
        read_metadata(tmp_path / "a.tflite", data)


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 40, bytes(40), described([1], [2])[:-9], described([1], [2], SCORES)]
)
def test_metadata_that_cannot_be_read_is_none(tmp_path, content):
    assert read_metadata(tmp_path / "a.tflite", with_metadata(content)) == Metadata()
    other = with_metadata(described([1], [2]), name="other")
    assert read_metadata(tmp_path / "a.tflite", other) == Metadata()


def test_damaged_metadata_ends_in_metadata_or_in_a_sentence(tmp_path):
    dice, read = random.Random(5), set()
    whole = described([127.5], [127.5], before=(SCORES,))
    for _ in range(300):
        try:
            made = read_metadata(tmp_path / "a.tflite", with_metadata(damage(whole, dice)))
            read.add(made.rescaling)
        except PoseError as error:
            assert "of the input" in str(error)
    assert {None, (1 / 127.5, -1.0)} < read
