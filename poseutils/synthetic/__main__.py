"""``python -m poseutils.synthetic FOLDER COUNT SEED`` renders a dataset of synthetic
people."""

import argparse

from .export import make_dataset


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m poseutils.synthetic",
        description="Renders images of synthetic people with COCO annotations.",
    )
    parser.add_argument(
        "folder", help="folder of the images; the annotations are written to FOLDER.json"
    )
    parser.add_argument("count", type=int, help="number of images")
    parser.add_argument("seed", type=int, help="of the random generator")
    parser.add_argument("--size", type=int, default=256, help="width and height in pixels (256)")
    arguments = parser.parse_args()
    print(make_dataset(arguments.folder, arguments.count, arguments.seed, arguments.size))


if __name__ == "__main__":
    main()
