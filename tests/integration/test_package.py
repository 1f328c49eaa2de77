"""x"""

import hashlib

import pytest

from poseutils.deployment import export
from poseutils.deployment.file_headers import SHIPPED, network_license
from poseutils.models.zoo import SPDX, ZOO


@pytest.mark.slow
def test_the_license_of_a_known_network_is_told(asset, repository, tmp_path):
    assert set(SPDX) == {entry.license for entry in ZOO.values()} and set(SPDX.values()) == {
        "LicenseRef-SLA0044",
        "Apache-2.0",
        "AGPL-3.0-only",
    }
    listed = [entry for entry in ZOO.values() if entry.sha256]
    assert all(network_license(entry.sha256) == SPDX[entry.license] for entry in listed)
    shipped = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (repository / "data/models").glob("*.tflite")
    }
    assert shipped == SHIPPED and {network_license(digest) for digest in shipped} == {"MIT"}
    bundle = export(
        asset("models/yolov8n_256_quant_pc_uf_pose_coco-st.tflite"), tmp_path / "out", name="net"
    )
    assert (
        "SPDX-License-Identifier: AGPL-3.0-only\n" in (bundle.sources / "net_weights.c").read_text()
    )
