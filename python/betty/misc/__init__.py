"""Small helpers of a run."""
