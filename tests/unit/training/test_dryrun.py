import logging

import pytest

import poseutils as pu
from poseutils import training

CONFIG = """
general: {project_name: trial}
model: {model_type: heatmaps_spe, alpha: 0.35, input_shape: "(64, 64, 3)"}
dataset:
  training_path: %s/train
  validation_path: %s/val
training: {dryrun: true, batch_size: 4, epochs: 50}
"""


@pytest.fixture
def settings(load, repository):
    data = repository / "data/synthetic-people"
    return load(CONFIG % (data, data))


def test_an_evaluation_of_one_batch_says_so(settings, caplog):
    with caplog.at_level(logging.WARNING, logger="poseutils"):
        assert len(pu.datasets.test_dataset(settings)) == 4
    assert "the first 4 of 48 images of dataset.validation_path" in caplog.text


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("split", ["", "quantization_split: 0.2"])
def test_every_dataset_is_one_batch_without_a_validation_set(load, repository, batch_size, split):
    data = repository / "data/synthetic-people"
    text = (CONFIG % (data, data)).replace("batch_size: 4", f"batch_size: {batch_size}")
    settings = load(text.replace(f"validation_path: {data}/val", split))
    train, validation = pu.datasets.training_datasets(settings)
    others = pu.datasets.quantization_dataset(settings), pu.datasets.test_dataset(settings)
    assert [len(each) for each in (train, validation, *others)] == [batch_size] * 4
    assert not {s.path for s in train.samples} & {s.path for s in validation.samples}


@pytest.mark.slow
def test_one_batch_goes_through_the_whole_chain(settings, tmp_path, caplog):
    train, validation = pu.datasets.training_datasets(settings)
    others = pu.datasets.quantization_dataset(settings), pu.datasets.test_dataset(settings)
    assert [len(each) for each in (train, validation, *others)] == [4] * 4
    network = training.configured_network(settings, len(train.layout))
    examples = training.configured_examples(settings, train)
    checks = training.configured_examples(settings, validation, validating=True)
    with caplog.at_level(logging.WARNING, logger="poseutils"):
        outcome = training.configured_fit(settings, network, examples, checks, tmp_path, epochs=9)
    assert len(outcome.history["loss"]) == 1 and (tmp_path / "model.keras").exists()
    assert "training.dryrun: one batch goes through training" in caplog.text
