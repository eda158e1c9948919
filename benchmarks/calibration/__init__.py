"""The calibration in the box: mean faces, thresholds of relative scores, reliability, from the data nearby.

`python -m benchmarks.calibration --data FOLDER [--cache FOLDER] [--write]`
"""
