"""The stand-in's ``stedgeai``: a "library" or a "network.c" that tells which file and options it
was made of."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(arguments):
    (ROOT / "given.json").write_text(json.dumps(arguments))
    options = dict(zip(arguments, arguments[1:]))
    print("ST Edge AI Core v4.0.1-20581 7ed50de05", flush=True)
    if (ROOT / "mode").read_text() == "unsupported":
        print("NOT IMPLEMENTED: Unsupported layer types: Einsum")
        return 255
    made = {
        "model": options["--model"],
        "input_type": options.get("--input-data-type"),
        "output_type": options.get("--output-data-type"),
        "input_chpos": options.get("--inputs-ch-position", "chlast"),
        "output_chpos": options.get("--outputs-ch-position", "chlast"),
    }
    place = Path(options["--output"]) / "network.c"
    if "--dll" in arguments:
        place = Path(options["--workspace"]) / "inspector_network/workspace/lib/libai_network.so"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
