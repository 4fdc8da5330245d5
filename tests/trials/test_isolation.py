"""Around a trial: hidden randomness is noticed and named, and what a trial changes for the process is put back."""

# ruff: noqa: S311, NPY002, PLW0108, PTH109 - it draws and asks as nobody should

import copy
import os
import random
import secrets
import sys
import tempfile
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pytest_claims.trials import isolation
from pytest_claims.trials.isolation import NUMPY, PYTHON, SYSTEM, TORCH, UNSEEDED, UNSEEDED_PYTHON, isolated

pytest_plugins = ["pytester"]


def used(draw):
    """Return the generators that a trial used."""
    with isolated() as watch:
        draw()
    return list(watch.used)


HIDDEN = {
    "np.random.rand": (lambda: np.random.rand(), NUMPY),
    "np.random.seed": (lambda: np.random.seed(0), NUMPY),
    "random.random": (lambda: random.random(), PYTHON),
    "random.seed": (lambda: random.seed(0), PYTHON),
    "default_rng": (lambda: np.random.default_rng().random(), UNSEEDED),
    "SeedSequence": (lambda: np.random.SeedSequence(), UNSEEDED),
    "PCG64": (lambda: np.random.PCG64(), UNSEEDED),
    "RandomState": (lambda: np.random.RandomState().rand(), UNSEEDED),
    "Random": (lambda: random.Random().random(), UNSEEDED_PYTHON),
    "SystemRandom": (lambda: random.SystemRandom().random(), SYSTEM),
    "secrets": (lambda: secrets.randbelow(10), SYSTEM),
    "urandom": (lambda: os.urandom(8), SYSTEM),
    "a device": (lambda: Path("/dev/urandom").open("rb").close(), "the system's random numbers (/dev/urandom)"),
    "a device, by numpy": (
        lambda: np.fromfile("/dev/urandom", np.uint8, 4),
        "the system's random numbers (/dev/urandom)",
    ),
    "a device, by its number": (
        lambda: os.close(os.open(b"/dev/random", os.O_RDONLY)),
        "the system's random numbers (/dev/random)",
    ),
    "a thread": (lambda: ThreadPoolExecutor(1).submit(lambda: np.random.default_rng()).result(), UNSEEDED),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_generator_that_is_not_the_seeds_is_noticed(name):
    """Global ones by their state, those without a seed by what they ask the system; each once."""
    draw, generator = HIDDEN[name]
    if "device" in name and not Path("/dev/urandom").exists():
        pytest.skip("no such device")

    assert used(draw) == [generator]


HARMLESS = {
    "nothing": lambda: None,
    "a seeded generator": lambda: np.random.default_rng(5).random(),
    "a seeded RandomState": lambda: np.random.RandomState(5).rand(),
    "a copy": lambda: copy.deepcopy(np.random.default_rng(5)).random(),
    "a seeded Random": lambda: random.Random(5).random(),
    "a temporary file": lambda: tempfile.TemporaryFile().close(),
    "a name for a file": lambda: next(tempfile._RandomNameSequence()),
    "a uuid": lambda: uuid.uuid4(),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_needs_no_seed_is_no_alarm(name):
    """Seeded generators, copies, and the names of temporary files."""
    assert used(HARMLESS[name]) == []


def test_a_state_that_is_put_back_is_no_alarm():
    """As ``fork_rng`` does for torch."""

    def draw():
        state = np.random.get_state()
        np.random.rand()
        np.random.set_state(state)

    assert used(draw) == []


def test_an_import_is_no_alarm(tmp_path, monkeypatch):
    """Libraries draw while they are imported; only a process's first trial imports them. It leaves no trace either."""
    (tmp_path / "noisy_module.py").write_text(
        "import random, numpy\nnumpy.random.seed(1)\nrandom.random()\nRNG = numpy.random.default_rng()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before = random.getstate()

    assert used(lambda: __import__("noisy_module")) == []
    assert random.getstate() == before
    monkeypatch.delitem(sys.modules, "noisy_module")
    assert used(lambda: (random.random(), __import__("noisy_module"), random.random())) == [PYTHON]


def test_an_import_in_the_middle_of_a_draw_changes_no_number(tmp_path, monkeypatch):
    """Libraries import their parts when they are first used, also while a generator is seeded for a moment."""
    (tmp_path / "late_module.py").write_text("import random\nrandom.seed(7)\n")
    monkeypatch.syspath_prepend(tmp_path)
    numbers = []

    def draw(*modules):
        state = random.getstate()
        random.seed(1)
        first = random.random()
        for module in modules:
            __import__(module)
        numbers.append((first, random.random()))
        random.setstate(state)

    assert used(lambda: draw("late_module")) == []
    assert used(draw) == []
    assert numbers[0] == numbers[1]


def test_the_global_generators_are_put_back():
    """Also after an error, so that the next trial does not depend on this one."""
    before = np.random.get_state(legacy=False)["state"]["key"].tolist(), random.getstate()

    def draw():
        np.random.rand()
        random.random()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        used(draw)

    assert (np.random.get_state(legacy=False)["state"]["key"].tolist(), random.getstate()) == before


def test_the_sentence_names_generators_and_places():
    """So that they are found, and says what to draw from instead."""
    with isolated() as watch:
        random.random()
        np.random.default_rng()

    assert watch.fault is not None
    assert watch.fault.startswith(f"it used {UNSEEDED} (test_isolation.py, line ")
    assert f" and {PYTHON}, so that its numbers depend on more than its seeds" in watch.fault
    assert watch.fault.endswith('draw from seeds.generator("purpose"), or seed with seeds.integers("purpose").')


def test_what_is_replaced_meanwhile_is_put_back():
    """Nothing of Python's or numpy's is another after a trial than before."""
    spied = isolation._Spy(isolation.Watch()).replacements()
    before = [getattr(owner, name) for owner, name, _ in spied]
    with isolated():
        during = [getattr(owner, name) for owner, name, _ in spied]

    assert [getattr(owner, name) for owner, name, _ in spied] == before
    assert len(spied) == 6
    assert all(one is not other for one, other in zip(before, during, strict=True))


def settings():
    """Return what a trial may change, apart from torch."""
    return np.geterr(), np.get_printoptions(), os.getcwd(), dict(os.environ), dict(xr.get_options())


@pytest.mark.parametrize("error", [None, ZeroDivisionError, KeyboardInterrupt])
def test_settings_of_the_process_are_put_back(tmp_path, monkeypatch, error):
    """Error state, print options, working directory, environment: after a trial, a failure and an interrupt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TO_DELETE", "1")
    before = settings()
    with pytest.raises(error) if error else isolated(), isolated():
        np.seterr(all="raise")
        np.set_printoptions(precision=1)
        xr.set_options(arithmetic_join="outer")
        os.chdir("/")
        os.environ["ADDED"] = "1"
        del os.environ["TO_DELETE"]
        if error:
            raise error

    assert settings() == before


def test_a_working_directory_that_is_gone_is_no_error(tmp_path):
    """A trial may remove its temporary folder while it is there."""
    here = os.getcwd()
    with isolated():
        os.chdir(tmp_path)
        tmp_path.rmdir()

    assert os.getcwd() == here


def of_torch(torch):
    """Return what a trial may change in torch."""
    return (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(),
        isolation._flushes_denormals(),
        torch.backends.cudnn.benchmark,
    )


def test_settings_of_torch_are_put_back():
    """Default type, threads, gradients, deterministic mode, precision, denormals."""
    torch = pytest.importorskip("torch")
    before = of_torch(torch)
    with isolated():
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(before[1] + 1)
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("medium")
        torch.set_flush_denormal(True)
        torch.backends.cudnn.benchmark = True
        changed = of_torch(torch)

    assert all(one != other for one, other in zip(before, changed, strict=True))
    assert of_torch(torch) == before


def test_the_global_generator_of_torch_is_noticed_unless_it_is_put_back():
    """``fork_rng`` puts it back; a ``torch.Generator`` of one's own is another."""
    torch = pytest.importorskip("torch")

    def forked():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            torch.randn(3)

    assert used(lambda: torch.randn(3)) == [TORCH]
    assert used(lambda: torch.manual_seed(3)) == [TORCH]
    assert used(forked) == []
    assert used(lambda: torch.randn(3, generator=torch.Generator().manual_seed(3))) == []


def test_scikit_learn_with_random_states_is_no_alarm():
    """Its estimators draw from the global generator of numpy only where they get no ``random_state``."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2

    def fit(state):
        return ensemble.RandomForestClassifier(n_estimators=2, random_state=state).fit(x, y)

    assert used(lambda: fit(3)) == []
    assert used(lambda: fit(None)) == [NUMPY]


def test_a_claim_on_such_numbers_is_an_error(toy):
    """It names measurement, seeds and generator; the trial is stored as failed, and later trials are as before."""
    toy.add("""
@measurement
def hidden(seeds, noise):
    return {"height": noise(seeds) + np.random.rand()}

@claim("3.a", "Hidden", seeds=8)
def test_hidden(hidden):
    return exceeds(hidden.height, by=0)

@measurement
def failing(seeds, noise):
    import warnings
    os.environ["OF_A_TRIAL"] = "1"
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    raise ValueError("no")

@claim("3.b", "Failing", seeds=8)
def test_failing(failing):
    return exceeds(failing.height, by=0)

def test_after():
    assert "OF_A_TRIAL" not in os.environ
""")
    before = np.geterr(), list(warnings.filters)
    toy.run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "error", "3.b": "error"}
    assert toy.claims["3.a"]["message"] == (
        f"hidden, seeds 0-7: it used {NUMPY}, so that its numbers depend on more than its seeds; draw from "
        'seeds.generator("purpose"), or seed with seeds.integers("purpose").'
    )
    assert toy.claims["3.b"]["message"] == "failing, seeds 0-7: ValueError: no"
    assert (np.geterr(), list(warnings.filters)) == before
    toy.result.assert_outcomes(passed=2, errors=2)
