"""user_config.yaml against made-up and damaged documents: a clear refusal, quickly, and never
anything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poseutils.config import Config, load_config
from poseutils.config.arithmetic import Expression, evaluate
from poseutils.errors import PoseError
from poseutils.pipeline.preflight import check
from tests.helpers.refusals import YAML_BOMBS, at_most, refusal_of

often = settings(max_examples=50)

SECTIONS = [*Config.model_fields, "hydra", "mlflow", "allow_custom_code", "<<"]
ATTRIBUTES = sorted(
    {
        name
        for field in Config.model_fields.values()
        for name in getattr(field.annotation, "model_fields", ())
    }
)
NASTY = [
    "!!python/object/apply:os.system [echo]",
    "__import__('os').system('echo')",
    "eval('1')",
    "lambda epoch, lr: lr",
    "${oc.env:POSE_NOWHERE}",
    "${now:%Y}",
    "${${x}}",
    "../x",
    "/etc/passwd",
    "C:\\x",
    "a\0b",
    "9**9**9",
    "1e999",
    "~nobody_here/x",
    "(1, 2",
    "x" * 5000,
    "\u202e\ud7ff\ufffe",
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(NASTY),
    st.dates().map(str),
    st.binary(),
)
names = st.one_of(
    st.sampled_from([*SECTIONS, *ATTRIBUTES]),
    st.text(max_size=8),
    st.integers(),
    st.none(),
    st.booleans(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
documents = st.dictionaries(st.one_of(st.sampled_from(SECTIONS), names), values, max_size=5)


@often
@given(document=documents)
def test_made_up_documents(path, document):
    path.write_text(yaml.dump(document), encoding="utf-8")
    refusal_of(path)
    try:
        check(path)
    except PoseError:
        pass


@often
@given(
    text=st.text(
        alphabet=st.sampled_from("model_type:sp \n\t-[]{}&*<!|>'\"#%@`,?\\0\x00\x85\ufeff"),
        max_size=60,
    )
)
@example("a: &a {<<: *a}")
@example("? ? ? a")
@example("--- a\n--- b")
@example("a: !!timestamp 2020-01-01")
@example("a: !!binary x")
@example("a: !!set {b}")
@example("a: !!omap [b: c]")
@example("%YAML 9.9\n---\na: b")
@example("2024-01-01: 1")
@example("model: {model_type: spe}\nmodel : 1")
@example("training: {epochs: !!float x}")
@example("model: {? {a: b} : c}")
def test_made_up_text(path, text):
    path.write_text(text, encoding="utf-8")
    assert refusal_of(path) is not None or yaml.safe_load(text) is not None


@pytest.fixture(params=["newer_chain_tqe", "older_training", "windows_deployment"])
def real(request, repository, monkeypatch):
    monkeypatch.setenv("POSE_DATA", "/data")
    return (Path(__file__).parent / "files" / f"{request.param}.yaml").read_bytes()


@often
@given(data=st.data())
def test_damaged_files(path, real, data):
    at = data.draw(st.integers(0, len(real) - 1))
    until = data.draw(st.integers(at, min(len(real), at + 40)))
    path.write_bytes(real[:at] + data.draw(st.binary(max_size=12)) + real[until:])
    refusal_of(path)


def leaves(value, above=()):
    if not isinstance(value, dict):
        return [above]
    return [path for key, inner in value.items() for path in leaves(inner, (*above, key))] + (
        [above] if above else []
    )


@often
@given(data=st.data())
def test_a_wrong_value_is_named_with_its_attribute(path, repository, data):
    document = yaml.safe_load(
        (Path(__file__).parent / "files" / "newer_chain_tqe.yaml").read_text()
    )
    where = data.draw(
        st.sampled_from([leaf for leaf in leaves(document) if leaf[0] not in ("hydra", "mlflow")])
    )
    parent = document
    for key in where[:-1]:
        parent = parent[key]
    parent[where[-1]] = data.draw(values)
    path.write_text(yaml.dump(document), encoding="utf-8")
    message = refusal_of(path)
    assert message is None or where[0] in message


def test_a_long_wrong_section_is_shortened(path):
    path.write_text(f"preprocessing: {{resizing: [{'x' * 4000}, {'y' * 4000}]}}\n")
    message = refusal_of(path)
    assert "preprocessing.resizing" in message and "expected attributes below it" in message
    assert "y" * 20 not in message


@often
@given(
    override=st.one_of(
        st.text(max_size=30),
        st.builds("{}.{}={}".format, st.sampled_from(SECTIONS), names, scalars),
    )
)
def test_made_up_overrides(path, override):
    path.write_text("model: {model_type: spe}\n")
    refusal_of(path, override)


@often
@given(
    text=st.one_of(
        st.text(max_size=40),
        st.text(alphabet="0123456789.+-*/()<>=% elrpochifsqt,", max_size=60),
        st.sampled_from(NASTY),
    )
)
def test_made_up_arithmetic_has_a_value_or_is_refused(text):
    for compute in (evaluate, lambda text: Expression(text, ("epoch", "lr"))(epoch=3, lr=0.1)):
        try:
            with at_most(1):
                assert isinstance(compute(text), (int, float, tuple))
        except ValueError as error:
            assert str(error)


# ---------------------------------------------------------------- code


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "!!python/object/new:subprocess.Popen [['touch', '{}']]",
        "!!python/name:os.system",
        "\"__import__('os').system('touch {}')\"",
        '"eval(\'open(r\\"{}\\", \\"w\\")\')"',
        "\"lambda epoch, lr: open(r'{}', 'w')\"",
        "\"[open(r'{}', 'w')][0]\"",
    ],
)
@pytest.mark.parametrize(
    "attribute",
    [
        "training: {{epochs: {}}}",
        "training: {{callbacks: {{LearningRateScheduler: {{schedule: {}}}}}}}",
        "model: {{model_type: spe, input_shape: {}}}",
        "preprocessing: {{rescaling: {{scale: {}}}}}",
        "data_augmentation: {{random_flip: {{mode: {}}}}}",
    ],
)
def test_code_is_refused_and_does_not_run(path, tmp_path, attribute, value):
    trace = tmp_path / "it_ran"
    path.write_text(
        "general: {model_type: spe}\n" + attribute.format(value.replace("{}", str(trace))) + "\n"
    )
    assert refusal_of(path) and not trace.exists()


# ---------------------------------------------------------------- names that lead elsewhere, and
# sizes


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/x",
        "\\x",
        "C:\\x",
        "C:x",
        "a\0b",
        "..",
        "~/x",
        "x/../..",
        "\\\\server\\share",
    ],
)
@pytest.mark.parametrize(
    "attribute",
    [
        "general.project_name",
        "general.logs_dir",
        "general.saved_models_dir",
        "quantization.export_dir",
        "evaluation.npy_in_name",
        "evaluation.npy_out_name",
    ],
)
def test_names_stay_inside_the_run_folder(path, attribute, name):
    section, key = attribute.split(".")
    path.write_text(yaml.dump({"model": {"model_type": "spe"}, section: {key: name}}))
    message = refusal_of(path)
    assert f"{attribute}: {name!r} given; expected a" in message


@pytest.mark.parametrize("name", ["logs", "out/logs", ".\\logs", "my models/a.b", "..logs"])
def test_folders_inside_the_run_folder(path, name):
    path.write_text(yaml.dump({"model": {"model_type": "spe"}, "general": {"logs_dir": name}}))
    assert load_config(path).general.logs_dir == name.replace("\\", "/").removeprefix("./")


def test_a_nul_in_a_path(path):
    path.write_text(yaml.dump({"model": {"model_type": "spe", "model_path": "a\0b"}}))
    assert "model.model_path: 'a\\x00b' given" in refusal_of(path)


@pytest.mark.parametrize("text", YAML_BOMBS)
def test_bombs_end_quickly(path, text):
    path.write_text(text)
    with at_most(5):
        assert refusal_of(path)


def test_large_files_are_refused_quickly(path):
    path.write_bytes(b"a: b\n" * 2_000_000)
    with at_most(0.5):
        assert "10,000,000 bytes; a configuration file has at most" in refusal_of(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    with at_most(0.5):
        assert "neither a file nor a folder" in refusal_of(path)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "~nobody_here/x", "", "."])
def test_names_that_no_file_has(name):
    with pytest.raises(PoseError):
        load_config(name)


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody_here/x", "a/" * 3000])
def test_paths_that_no_file_has(path, name):
    path.write_text(yaml.dump({"model": {"model_type": "spe"}, "dataset": {"test_path": name}}))
    config = load_config(path)
    with pytest.raises(PoseError, match="no such file or folder; looked for"):
        config.resolve(config.dataset.test_path)
    config.save(path.with_name("saved.yaml"))
