"""From collected claims to outcomes: expansion into trials, scheduling over workers, judging, progress, pilots."""
