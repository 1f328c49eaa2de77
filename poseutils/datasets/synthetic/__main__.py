"""``python -m poseutils.datasets.synthetic FOLDER COUNT SEED`` draws a dataset of synthetic people."""

import argparse

from .export import make_dataset


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m poseutils.datasets.synthetic", description="Draws images of synthetic people and their COCO annotations."
    )
    parser.add_argument("folder", help="where the images go; the annotations go into FOLDER.json")
    parser.add_argument("count", type=int, help="how many images")
    parser.add_argument("seed", type=int, help="another seed, other images")
    parser.add_argument("--size", type=int, default=256, help="width and height in pixels (256)")
    arguments = parser.parse_args()
    print(make_dataset(arguments.folder, arguments.count, arguments.seed, arguments.size))


if __name__ == "__main__":
    main()
