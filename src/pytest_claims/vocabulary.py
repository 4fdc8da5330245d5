"""Words and numbers that every room uses, each said once. Imports nothing."""

#: The verdicts that data can give; results.json adds "error" where nothing could be judged.
VERDICTS = ("supported", "refuted", "inconclusive")
ENDS = (*VERDICTS, "error")
#: Two verdicts that contradict each other; in any other pair one side is undecided.
CONTRADICTION = frozenset({"supported", "refuted"})

#: The level of each side of the interval: a 99 % interval.
ALPHA = 0.005
#: Below this many seeds there is no verdict.
FEWEST_SEEDS = 8
#: Numbers of seeds are multiples of this: smaller stacks differ in the last bits (docs/performance.md).
BLOCK = 8
#: The looks of a sequential run, in seeds; each judges at ALPHA / 4 (Bonferroni: the sum over looks stays ALPHA).
LOOKS = (8, 16, 32, 64)

#: The streams of seeds: those that claims are registered on, and those of pilots; fresh ones are "fresh-N".
REGISTERED, PILOT = "registered", "pilot"
#: The framework that trains, unless the user chooses another.
DEFAULT_ENGINE = "torch"

#: The leading dimension of every measurement, and the variable that flags diverged replicates.
SEED, DIVERGED = "seed", "diverged"

#: The name of the user property under which a test report carries a claim's record.
PROPERTY = "claim"
#: The schema of results.json.
SCHEMA = 1
