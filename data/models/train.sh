#!/bin/sh
# Trains the network in this folder anew, from the repository's root:
#   sh data/models/train.sh PHOTOGRAPHS WORK
# PHOTOGRAPHS has Leeds Sports Pose Extended as COCO keypoints: person_keypoints.json and images/. WORK is an empty folder.
# A training that was stopped goes on with `python -m poseutils run --resume WORK/runs/…`.
set -eu
network=st_movenet_lightning_heatmaps_a035_192
recipe=data/models/training.yaml
work=$(realpath "$2")
data="dataset.training_path=$work/people/train dataset.validation_path=$work/people/val"

python data/models/training_data.py "$1" "$work/people"
# The network before this one, trained on rendered people alone
git show "96161fc:data/models/$network.keras" > "$work/start.keras"

# 128 pixels first: a step takes less than half the time
python -m poseutils run --runs-dir "$work/runs" $recipe $data model.input_shape="(128, 128, 3)" \
    model.model_path="$work/start.keras" training.trained_model_path="$work/at-128.keras" \
    training.epochs=10 training.truncated=0.5 training.optimizer.Adam.learning_rate=2.0e-3

# Then 192, with half as many rendered people
python -m poseutils.synthetic "$work/people/train/rendered" 3500 3
python -m poseutils run --runs-dir "$work/runs" $recipe $data \
    model.model_path="$work/at-128.keras" training.trained_model_path="$work/$network.keras"

# And to 8 bits
python -m poseutils run --runs-dir "$work/runs" $recipe $data operation_mode=quantization \
    model.model_path="$work/$network.keras" dataset.quantization_split=0.02
cp "$work"/runs/*/01-quantize/quantized.tflite "$work/${network}_int8.tflite"
