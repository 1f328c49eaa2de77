"""Predicts keypoints on images: python3 predict.py street.jpg --out keypoints.json"""

import sys
from pathlib import Path

from poseutils.deployment.linux.runtime import main

sys.exit(main(Path(__file__).resolve().parent, sys.argv[1:]))
