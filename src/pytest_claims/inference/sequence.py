"""A claim judged look by look, until a look decides or shows that the later ones hardly would."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_claims.inference.forecast import FUTILE, chance_of_decision, chance_to_know
from pytest_claims.inference.hypotheses import Hypothesis
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.verdicts import Verdict

#: Why no later look is taken: a decision, too small a chance of one, or there is none.
Ended = Literal["decided", "futile", "last look"]


@dataclass(frozen=True, eq=False)
class Turn:
    """One look: after how many seeds, the hypothesis with its evidence, its verdict, and that on its reverse.

    A part that an earlier look supported is not judged again: the verdict keeps it as it was, ``seeds`` and interval.
    ``chance`` is that of a decision at the last look; None where it is not known, and after a decision. ``ended`` says
    why no further look is taken; None where one is.
    """

    seeds: int
    hypothesis: Hypothesis
    verdict: Verdict
    reverse: Verdict
    chance: float | None
    ended: Ended | None


def judge_in_turn(
    take: Callable[[int], Hypothesis], looks: Looks, seeds: Sequence[int] | None = None
) -> Iterator[Turn]:
    """Judge after the looks' numbers of seeds, in turn, and stop at the first decision, or where one is unlikely.

    ``take`` returns the hypothesis with the evidence of the first n seeds; it is called for no look beyond the end.
    ``seeds``: the looks that are taken, the first of those registered; by default all. Stopping early without a
    decision can only lose a verdict, never make a false one, so the looks' level need not count it.
    """
    taken = tuple(looks.seeds if seeds is None else seeds)
    verdict = reverse = None
    for n in taken:
        hypothesis = take(n)
        verdict = hypothesis.judge(looks=looks, earlier=verdict)
        if reverse is None or reverse.verdict == "inconclusive":
            reverse = hypothesis.reversed().judge(looks=looks, earlier=reverse)
        undecided = verdict.verdict == "inconclusive"
        chance = None
        if undecided:
            chance = chance_of_decision(verdict.parts, looks.level, taken[-1], verdict.assays)
            chance = chance_to_know(verdict.parts, taken[-1]) if chance is None else chance
        ended: Ended | None = None
        if not undecided:
            ended = "decided"
        elif n == taken[-1]:
            ended = "last look"
        elif chance is not None and chance < FUTILE:
            ended, verdict = "futile", verdict.given_up(chance)
        yield Turn(n, hypothesis, verdict, reverse, chance, ended)
        if ended is not None:
            return
