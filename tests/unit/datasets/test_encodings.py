"""Text files in the encodings that editors and shells write."""

import json

import pytest
from PIL import Image

from poseutils import load_config
from poseutils.datasets import load_dataset
from poseutils.errors import PoseError

NAME = "café 東京.png"
LINE = "0 0.5 0.5 0.4 0.4 0.3 0.3 2 0.6 0.6 1\r\n"
DOCUMENT = {
    "images": [{"id": 1, "file_name": NAME, "width": 20, "height": 10}],
    "annotations": [{"image_id": 1, "bbox": [1, 2, 8, 6], "keypoints": [2, 3, 2, 4, 5, 1]}],
    "categories": [{"id": 1, "name": "thing", "keypoints": ["a", "b"]}],
}
TEXTS = {
    "labels.json": json.dumps(DOCUMENT, ensure_ascii=False),
    "data.yaml": "# café\r\nkpt_shape: [2, 3]\r\nkpt_names: {0: [tip, end]}\r\n",
    "user_config.yaml": "# café\r\nmodel: {model_type: spe}\r\ndataset: {dataset_name: 東京}\r\n",
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_text_file_is_read_in_every_unicode_encoding(tmp_path, encoding):
    coco, text = tmp_path / "coco", tmp_path / "text"
    for folder in (coco, text):
        folder.mkdir()
        Image.new("RGB", (20, 10)).save(folder / NAME)
    for path in (
        coco / "labels.json",
        text / f"{NAME[:-4]}.txt",
        text / "data.yaml",
        tmp_path / "user_config.yaml",
    ):
        content = TEXTS.get(path.name, LINE)
        path.write_bytes(content.encode(encoding))
    for given in (coco, coco / "labels.json"):
        (sample,) = load_dataset(given)
        assert sample.path.name == NAME and sample.keypoints.tolist() == [[[2, 3, 2], [4, 5, 1]]]
    dataset = load_dataset(text)
    assert len(dataset[0]) == 1 and dataset.layout.names == ("tip", "end")
    assert load_config(tmp_path / "user_config.yaml").dataset.dataset_name == "東京"


def test_other_encodings_are_a_sentence(tmp_path):
    Image.new("RGB", (20, 10)).save(tmp_path / "1.png")
    (tmp_path / "1.txt").write_text(LINE)
    said = r"byte \d+ is not UTF-8 text; expected UTF-8. .* such as Latin-1, save it as UTF-8"
    for name in ("data.yaml", "labels.json"):
        (tmp_path / name).write_bytes(TEXTS[name].replace("東京", "").encode("latin-1"))
        with pytest.raises(PoseError, match=f"{name}: {said}"):
            load_dataset(tmp_path)
    (tmp_path / "user_config.yaml").write_bytes("# café".encode("latin-1"))
    with pytest.raises(PoseError, match=f"user_config.yaml: {said}"):
        load_config(tmp_path / "user_config.yaml")
    (tmp_path / "user_config.yaml").write_bytes(b"\xff\xfea\x00b")
    with pytest.raises(PoseError, match=r"user_config.yaml: byte 4 is not UTF-16 text"):
        load_config(tmp_path / "user_config.yaml")
