"""A claim judged look by look, until a look decides."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_claims.inference.hypotheses import Hypothesis
from pytest_claims.inference.looks import Looks
from pytest_claims.inference.verdicts import Verdict


@dataclass(frozen=True, eq=False)
class Turn:
    """One look: after how many seeds, the hypothesis with its evidence, its verdict, and that on its reverse.

    A part that an earlier look supported is not judged again: the verdict keeps it as it was, ``seeds`` and interval.
    """

    seeds: int
    hypothesis: Hypothesis
    verdict: Verdict
    reverse: Verdict


def judge_in_turn(
    take: Callable[[int], Hypothesis], looks: Looks, seeds: Sequence[int] | None = None
) -> Iterator[Turn]:
    """Judge after the looks' numbers of seeds, in turn, and stop at the first decision.

    ``take`` returns the hypothesis with the evidence of the first n seeds; it is called for no look beyond the
    decision. ``seeds``: the looks that are taken, the first of those registered; by default all.
    """
    verdict = reverse = None
    for n in looks.seeds if seeds is None else seeds:
        hypothesis = take(n)
        verdict = hypothesis.judge(looks=looks, earlier=verdict)
        if reverse is None or reverse.verdict == "inconclusive":
            reverse = hypothesis.reversed().judge(looks=looks, earlier=reverse)
        yield Turn(n, hypothesis, verdict, reverse)
        if verdict.verdict != "inconclusive":
            return
