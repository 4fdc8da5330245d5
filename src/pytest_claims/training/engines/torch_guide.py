"""What a stack does around its steps where its regime is more than Adam at one rate.

Everything here holds for any list of parameters with a leading replicate axis, and acts on each replicate alone.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from pytest_claims.training.engines.torch_optimisers import Group, clip
from pytest_claims.training.regimes import Average, Moment, Regime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_claims.training.engines.base import Settings, Task
    from pytest_claims.training.regimes import AfterStep

    Rows = tuple[Tensor, Tensor, Tensor | None]  # x, targets and weights of the rows of one step


class Guide:
    """The optimiser of a stack whose replicates have a regime: it clips gradients, and updates group by group."""

    def __init__(
        self,
        task: Task,
        parameters: list[Tensor],
        turned: Callable[[Any], Any],
        frozen: Callable[[Settings], set[int]],
        masks: list[Tensor] | None = None,
        buffers: Sequence[Tensor] = (),
    ) -> None:
        """Prepare the state of all replicates.

        `turned` changes between the stack's order of axes and that of base.py. `frozen` returns the positions among the
        parameters that one replicate's settings keep as they are. `buffers` move in training without an optimiser, and
        stay where a replicate stops.
        """
        self.task, self.parameters, self.turned, self.masks = task, parameters, turned, masks
        self.values = [parameter.detach() for parameter in parameters]
        self.named = named(task, self.values, turned)
        self.regime = regime_of(task.settings[0])  # of what all replicates share
        self.averages = [] if self.regime.average is None else [value.clone() for value in self.values]
        self.stopped = torch.zeros(len(task), dtype=torch.bool)
        self.buffers = list(buffers)
        self.kept: list[Tensor] = []  # parameters, averages and buffers of those that have stopped
        regimes = [regime_of(settings) for settings in task.settings]
        largest = [math.inf if regime.clip is None else regime.clip for regime in regimes]
        self.largest = None if min(largest) == math.inf else torch.tensor(largest, dtype=parameters[0].dtype)
        self.groups: list[Group] = []
        start = 0
        for (optimiser, still), count in task.groups(lambda each: (regime_of(each).optimiser, frozen(each))):
            trained = [parameter for index, parameter in enumerate(parameters) if index not in still]
            self.groups.append(Group(optimiser, trained, slice(start, start + count)))
            start += count
        self.done = 0

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Update all parameters once by their gradients."""
        if self.masks is not None:
            for parameter, mask in zip(self.parameters, self.masks, strict=True):
                if parameter.grad is not None:
                    parameter.grad.mul_(mask)
        if self.largest is not None:
            clip(self.parameters, self.largest)
        for group in self.groups:
            group.step(self.done)
        self.done += 1

    @property
    def finished(self) -> bool:
        """Whether all replicates have stopped."""
        return bool(self.kept) and bool(self.stopped.all())

    def rows(self, rows: Rows, losses: Callable[..., Tensor]) -> Rows:
        """Return the rows of a step: those given, or what the regime makes of them."""
        regime = self.regime
        if regime.transform is None and regime.adversary is None:
            return rows
        at = Moment(self.task.seed_of, self.done, self.task.generators)
        if regime.transform is not None:
            x, targets, _ = rows
            with torch.no_grad(), _unchanged("transform", x, targets):
                rows = self._made("transform", regime.transform(self.turned(x), self.turned(targets), at), rows)
        if regime.adversary is not None:
            x, targets, weights = rows
            varied = x.detach().requires_grad_()
            loss = losses(varied, targets, weights)
            (gradient,) = torch.autograd.grad(loss, varied, torch.ones_like(loss))
            with torch.no_grad(), _unchanged("adversary", x, targets):
                made = regime.adversary(self.turned(x), self.turned(targets), self.turned(gradient), at)
                rows = self._made("adversary", made, rows)
        return rows

    def _made(self, what: str, made: Any, rows: Rows) -> Rows:
        """Put together the rows of a step from what a function of the regime returned."""
        x, *others = made if isinstance(made, tuple) else (made,)
        targets = self.turned(others[0]).contiguous() if others else rows[1]
        weights = others[1] if len(others) > 1 else rows[2]
        shapes = [tuple(x.shape[:2]), tuple(self.turned(targets).shape[:2])]
        shapes += [] if weights is None else [tuple(weights.shape)]
        if len(set(shapes)) > 1 or shapes[0][0] != len(self.task):
            raise ValueError(
                f"{what} must return as many rows of x, targets and weights for each of {len(self.task)} replicates, "
                f"got {', '.join(map(str, shapes))}: return all three where their number changes"
            )
        return self.turned(x), targets, weights

    def after(self, loss: Callable[[], Tensor]) -> None:
        """Do what follows an update; `loss` computes that of all training rows, (R,)."""
        regime = self.regime
        with torch.no_grad():
            if regime.after_step is not None:
                self._hook(regime.after_step)
            if regime.average is not None:
                average(self.averages, self.values, regime.average, self.done)
            everything = [*self.values, *self.averages, *self.buffers]
            for tensor, kept in zip(everything, self.kept, strict=False):  # nothing is kept before one has stopped
                tensor.copy_(torch.where(beside(self.stopped, tensor), kept, tensor))
            if regime.stop is not None and self.done % regime.stop.every == 0:
                below = (loss() < regime.stop.loss) & ~self.stopped
                if below.any():
                    before = self.kept or everything
                    pairs = zip(everything, before, strict=True)
                    self.kept = [torch.where(beside(below, tensor), tensor, kept) for tensor, kept in pairs]
                    self.stopped |= below

    def _hook(self, after_step: AfterStep) -> None:
        """Let the regime change the parameters in place; what is masked is zero again afterwards."""
        given = dict(self.named)
        after_step(given, Moment(self.task.seed_of, self.done))
        for name, parameter in self.named.items():
            if given.get(name) is not parameter:
                raise ValueError(
                    f"after_step put another tensor at parameters[{name!r}], which would change nothing: change the "
                    f"parameter in place, as parameters[{name!r}].copy_(...) does"
                )
        for parameter, mask in zip(self.values, self.masks or [], strict=False):
            parameter.masked_fill_(mask == 0, 0)


def average(averages: list[Tensor], values: list[Tensor], how: Average, done: int) -> None:
    """Take the values after `done` updates into their running averages, in place."""
    for mean, value in zip(averages, values, strict=True):
        if done <= how.start:
            mean.copy_(value)
        elif how.decay is None:
            mean.add_((value - mean) / (done - how.start + 1))
        else:
            mean.lerp_(value, 1 - how.decay)


def extra_losses(task: Task, parameters: list[Tensor], outputs: Tensor, turned: Callable[[Any], Any]) -> Tensor:
    """Return the further terms of the replicates' losses, (R,), for outputs in the stack's order of axes."""
    outputs, terms, start = turned(outputs), [], 0
    everything = named(task, parameters, turned)
    for function, count in task.extra_losses:
        here = slice(start, start + count)
        start += count
        if function is None:
            terms.append(outputs.new_zeros(count))
            continue
        mine = {name: parameter[here] for name, parameter in everything.items()}
        term = function(mine, outputs[here], Moment(task.seed_of[here]))
        if term.shape != (count,):
            raise ValueError(f"extra_loss must return ({count},), a number for each replicate, got {tuple(term.shape)}")
        terms.append(term)
    return torch.cat(terms)


def named(task: Task, parameters: list[Tensor], turned: Callable[[Any], Any]) -> dict[str, Tensor]:
    """Return parameters by name, as views in the shapes of base.py."""
    pairs = zip(task.names, parameters, strict=False)  # what does not train, as buffers, comes last and is left out
    return {name: turned(parameter) for name, parameter in pairs}


def _writes(tensors: Sequence[Tensor]) -> list[int]:
    """Return how often each tensor was written to in place, also through views: torch counts that for autograd."""
    return [tensor._version for tensor in tensors]  # noqa: SLF001 - documented, but for its name


@contextmanager
def _unchanged(what: str, *given: Tensor) -> Iterator[None]:
    """Refuse a function that writes into its rows: where a step takes all rows, they would stay changed."""
    before = _writes(given)
    yield
    if _writes(given) != before:
        raise ValueError(f"{what} changes the rows that it is given in place: compute new ones, as x * 2 for x.mul_(2)")


def beside(flags: Tensor, tensor: Tensor) -> Tensor:
    """Return flags (R,) with the further axes of a tensor (R, ...)."""
    return flags.view(-1, *(1,) * (tensor.ndim - 1))


def regime_of(settings: Settings) -> Regime:
    """Return the regime of settings that have one."""
    return cast("Regime", settings.regime)
