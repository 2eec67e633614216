"""The parts of ./check: the stages, and how their results are read."""
