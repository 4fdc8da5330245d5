"""What a trial is: what gives it another name, and what it rests on, so that a later run may reuse it.

Every case is a small project, run in this process. The measurement's height is known, so a number of another dataset,
or of an earlier state, shows.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

# imported before pytester snapshots sys.modules: numpy cannot be imported twice in a process
import pytest_claims.running.items
import pytest_claims.training.seeds  # noqa: F401
from pytest_claims.record import attached
from pytest_claims.trials import dependencies

with suppress(ImportError):  # like numpy; not there where the core's tests run
    import torch  # noqa: F401

CONFTEST = """
import numpy as np
import pytest

pytest_plugins = ["pytest_claims.plugin"]
"""
#: Without what most of a run's time goes to.
INI = "[pytest]\naddopts = --import-mode=importlib -p no:claims-drawing -p no:claims-reporting\n"
#: Lines between which a case's own measurement stands.
HEAD = """
from pytest_claims import claim, exceeds, measurement
import numpy as np
"""
TAIL = """
@claim("{id}", "It is high", seeds=8, registered="refuted", reason="A toy.")
def test_height(height):
    return exceeds(height.height, by=100)
"""
DRAW = "np.array([generator.normal(0, 0.01) for generator in seeds.generator('data')])"


def measures(value: str, *, before: str = "", fixtures: str = "", inside: str = "pass", name: str = "1.a") -> str:
    """Return a claim file whose measurement gives ``value``, with lines before it and inside it."""
    return f"""{HEAD}{before}
@measurement
def height(seeds{fixtures}):
    {inside}
    return {{"height": {DRAW} + {value}}}
{TAIL.format(id=name)}"""


class Project:
    """A project on disk, run in this process."""

    def __init__(self, pytester, monkeypatch):
        self.pytester, self.path = pytester, pytester.path
        for name in ("PYTEST_ADDOPTS", "CI"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        self.write(
            {"pytest.ini": "[pytest]\naddopts = --import-mode=importlib -p no:claims-drawing -p no:claims-reporting\n"}
        )

    def write(self, files: dict) -> None:
        """Write files by their names."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # a later time: within the clock's step an edit may look like none
            path.write_text(text)
            later = path.stat().st_mtime_ns + 10**9
            os.utime(path, ns=(later, later))

    def run(self, *arguments: str) -> dict:
        """Return the records by id."""
        for cache in (dependencies._distributions, dependencies._version, dependencies._requirements):
            cache.cache_clear()
        collector = Collector()
        self.result = self.pytester.runpytest_inprocess(*(arguments or ["claims"]), plugins=[collector])
        return collector.records


class Collector:
    """Takes the records from the reports."""

    def __init__(self):
        self.records = {}

    def pytest_runtest_logreport(self, report):
        """Take one."""
        record = attached(report.user_properties)
        if record is not None:
            self.records[record.id] = record.as_json()


@pytest.fixture
def project(request, monkeypatch) -> Project:
    """Return a project without claims."""
    return Project(request.getfixturevalue("pytester"), monkeypatch)


pytest_plugins = ["pytester"]


# -- one run: measurements of one name that are not the same ---------------------------------------------------------

SHADOW = "import pytest\n\n@pytest.fixture(scope='session')\ndef {name}({needs}):\n    return {value}\n"
COMMON = f"""{CONFTEST}
from pytest_claims import measurement

@measurement(experiment="common")
def height(seeds, ground):
    return {{"height": {DRAW} + ground}}
"""
WRAPS = """
import functools
def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner
"""
FACTORY = f"""{HEAD}
def make(level):
    @measurement(experiment="factory")
    def height(seeds):
        return {{"height": {DRAW} + level}}
    return height
"""
#: Claims on what the factory makes with two arguments.
MADE = {
    f"claims/test_{name}.py": f"{HEAD}from factory import make\nheight = make({value})\n{TAIL.format(id=f'1.{name}')}"
    for name, value in (("a", 5), ("b", -5))
}
#: A measurement that reads a global of a helper, and a fixture that changes it.
HELPED = f"""{CONFTEST}
import helper
from pytest_claims import measurement

@measurement(experiment="common")
def height(seeds):
    return {{"height": {DRAW} + helper.LEVEL}}
"""
LOW = """
@pytest.fixture
def low(monkeypatch):
    monkeypatch.setattr(helper, "LEVEL", -5)
"""
ONE_RUN = {
    "functools.wraps": {
        "tools.py": WRAPS,
        "claims/test_a.py": measures("5", before="from tools import logged\n").replace(
            "\ndef height", "\n@logged\ndef height"
        ),
        "claims/test_b.py": measures("-5", before="from tools import logged\n", name="1.b").replace(
            "\ndef height", "\n@logged\ndef height"
        ),
    },
    "a decorator without wraps": {
        "tools.py": "def named(f):\n    def height(seeds):\n        return f(seeds)\n    return height\n",
        "claims/test_a.py": measures("5", before="from tools import named\n").replace("\ndef h", "\n@named\ndef h"),
        "claims/test_b.py": measures("-5", before="from tools import named\n", name="1.b").replace(
            "\ndef h", "\n@named\ndef h"
        ),
    },
    "a context manager as decorator": {
        "tools.py": "import contextlib\nclass quiet(contextlib.ContextDecorator):\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *error): return False\n",
        "claims/test_a.py": measures("5", before="from tools import quiet\n").replace("\ndef h", "\n@quiet()\ndef h"),
        "claims/test_b.py": measures("-5", before="from tools import quiet\n", name="1.b").replace(
            "\ndef h", "\n@quiet()\ndef h"
        ),
    },
    "a factory's argument": {
        "factory.py": FACTORY,
        **MADE,
    },
    "a factory's default": {
        "factory.py": FACTORY.replace("(seeds):", "(seeds, level=level):"),
        **MADE,
    },
    "a fixture of a folder": {
        "conftest.py": COMMON + SHADOW.format(name="ground", needs="", value=5),
        "claims/a/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/b/conftest.py": SHADOW.format(name="ground", needs="", value=-5),
        "claims/b/test_b.py": HEAD + TAIL.format(id="1.b"),
    },
    "a fixture of the test module": {
        "conftest.py": COMMON + SHADOW.format(name="ground", needs="", value=5),
        "claims/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/test_b.py": HEAD + SHADOW.format(name="ground", needs="", value=-5) + TAIL.format(id="1.b"),
    },
    "a fixture that another rests on": {
        "conftest.py": COMMON
        + SHADOW.format(name="ground", needs="depth", value="depth")
        + SHADOW.format(name="depth", needs="", value=5),
        "claims/a/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/b/conftest.py": SHADOW.format(name="depth", needs="", value=-5),
        "claims/b/test_b.py": HEAD + TAIL.format(id="1.b"),
    },
    "a fixture that overrides and uses its namesake": {
        "conftest.py": COMMON + SHADOW.format(name="ground", needs="", value=5),
        "claims/a/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/b/conftest.py": SHADOW.format(name="ground", needs="ground", value="ground - 10"),
        "claims/b/test_b.py": HEAD + TAIL.format(id="1.b"),
    },
    "an autouse fixture that changes a global": {
        "helper.py": "LEVEL = 5\n",
        "conftest.py": HELPED,
        "claims/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/test_b.py": f"{HEAD}import helper, pytest\n@pytest.fixture(autouse=True)\ndef low(monkeypatch):\n"
        f"    monkeypatch.setattr(helper, 'LEVEL', -5)\n{TAIL.format(id='1.b')}",
    },
    "a fixture of the claim that changes a global": {
        "helper.py": "LEVEL = 5\n",
        "conftest.py": HELPED + LOW,
        "claims/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/test_b.py": HEAD + TAIL.format(id="1.b").replace("(height)", "(low, height)"),
    },
    "a mark that asks for a fixture": {
        "helper.py": "LEVEL = 5\n",
        "conftest.py": HELPED + LOW,
        "claims/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/test_b.py": f"{HEAD}import pytest\n@pytest.mark.usefixtures('low'){TAIL.format(id='1.b')}",
    },
    "a fixture asked for by name": {
        "conftest.py": f"{CONFTEST}from pytest_claims import measurement\n"
        "@measurement(experiment='common')\ndef height(seeds, ground):\n"
        f"    return {{'height': {DRAW} + ground()}}\n"
        "@pytest.fixture(scope='session')\ndef ground(request):\n"
        "    return lambda: request.getfixturevalue('depth')\n" + SHADOW.format(name="depth", needs="", value=5),
        "claims/test_a.py": HEAD + TAIL.format(id="1.a"),
    },
    "a closure without a canonical form": {
        "factory.py": FACTORY.replace("def make(level):", "def make(rows):\n    level = iter(rows)").replace(
            "+ level}", "+ next(level)}"
        ),
        "claims/test_a.py": f"{HEAD}from factory import make\nheight = make([5])\n{TAIL.format(id='1.a')}",
        "claims/test_b.py": f"{HEAD}from factory import make\nheight = make([-5])\n{TAIL.format(id='1.b')}",
    },
    "conditions that look the same": {
        "claims/test_a.py": f"""{HEAD}
class Level:
    def __init__(self, value): self.value = value
    def __repr__(self): return "level"
    __str__ = lambda self: f"level {{self.value}}"

@measurement(level=[Level(5), Level(-5)])
def height(seeds, level):
    return {{"height": {DRAW} + level.value}}

@claim("1.a", "It is high", seeds=8, registered="refuted", reason="A toy.")
def test_a(height):
    return exceeds(height.height.sel(level="level 5"), by=100)

@claim("1.b", "It is high", seeds=8, registered="refuted", reason="A toy.")
def test_b(height):
    return exceeds(height.height.sel(level="level -5"), by=100)
""",
    },
}


def made_with(first: str, second: str, use: str) -> dict:
    """Return two claims on what a factory makes of two arguments; ``use`` is what the measurement does with one."""
    factory = FACTORY.replace("+ level}", f"+ {use}}}")
    claims = {
        f"claims/test_{name}.py": f"{HEAD}from factory import make\nimport collections\nheight = make({value})\n"
        f"{TAIL.format(id=f'1.{name}')}"
        for name, value in (("a", first), ("b", second))
    }
    return {"factory.py": factory, **claims}


#: A fixture that takes a helper's level from the test that asks for it.
FROM_TEST = f"""{HELPED}
@pytest.fixture(autouse=True)
def level(request, monkeypatch):
    monkeypatch.setattr(helper, "LEVEL", <use>)
"""
#: A fixture that asks for others by name, one of which a folder overrides.
ASKS = f"""{CONFTEST}
from pytest_claims import measurement

@measurement(experiment="common")
def height(seeds, parts):
    return {{"height": {DRAW} + parts}}

def load(request):
    return request.getfixturevalue("depth")

@pytest.fixture(scope="session")
def parts(request):
    return <use>

{SHADOW.format(name="depth", needs="", value=5)}
"""
ONE_RUN |= {
    "a mark": {
        "helper.py": "LEVEL = 0\n",
        "conftest.py": FROM_TEST.replace("<use>", "request.node.get_closest_marker('level').args[0]"),
        **{
            f"claims/test_{name}.py": f"{HEAD}import pytest\n@pytest.mark.level({value}){TAIL.format(id=f'1.{name}')}"
            for name, value in (("a", 5), ("b", -5))
        },
    },
    "a variable of the test's module": {
        "helper.py": "LEVEL = 0\n",
        "conftest.py": FROM_TEST.replace("<use>", "getattr(request.module, 'LEVEL')"),
        "claims/test_a.py": HEAD + "LEVEL = 5\n" + TAIL.format(id="1.a"),
        "claims/test_b.py": HEAD + "LEVEL = -5\n" + TAIL.format(id="1.b"),
    },
    "a request that a helper looks at": {
        "helper.py": "LEVEL = 0\ndef level(request):\n    return request.module.LEVEL\n",
        "conftest.py": FROM_TEST.replace("<use>", "helper.level(request)"),
        "claims/test_a.py": HEAD + "LEVEL = 5\n" + TAIL.format(id="1.a"),
        "claims/test_b.py": HEAD + "LEVEL = -5\n" + TAIL.format(id="1.b"),
    },
    "a variant's argument that a fixture takes": {
        "helper.py": "LEVEL = 0\n",
        "conftest.py": HELPED + LOW.replace("def low(", "def patched(level, ").replace("-5", "level"),
        "claims/test_a.py": f"""{HEAD}
from pytest_claims import variant

@claim("1.a", "It is high", seeds=8, registered="refuted", reason="A toy.", given={{"level": 5}},
       variants=[variant("low", level=-5, registered="refuted", reason="A toy.")])
def test_height(patched, height, level):
    return exceeds(height.height, by=100)
""",
    },
    "a fixture asked for by name in a comprehension": {
        "conftest.py": ASKS.replace("<use>", "sum([request.getfixturevalue(name) for name in ['depth']])"),
        "claims/a/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/b/conftest.py": SHADOW.format(name="depth", needs="", value=-5),
        "claims/b/test_b.py": HEAD + TAIL.format(id="1.b"),
    },
    "a fixture asked for by name in a helper": {
        "conftest.py": ASKS.replace("<use>", "load(request)"),
        "claims/a/test_a.py": HEAD + TAIL.format(id="1.a"),
        "claims/b/conftest.py": SHADOW.format(name="depth", needs="", value=-5),
        "claims/b/test_b.py": HEAD + TAIL.format(id="1.b"),
    },
    "the default of a dict": made_with(
        "collections.defaultdict(lambda: 5)", "collections.defaultdict(lambda: -5)", "level['x']"
    ),
    "the order of a dict": made_with("{'a': 5, 'b': -5}", "{'b': -5, 'a': 5}", "list(level.values())[0]"),
    "a function that numpy wraps": made_with(
        "np.frompyfunc(lambda x: 5 * x, 1, 1)", "np.frompyfunc(lambda x: -5 * x, 1, 1)", "float(level(1))"
    ),
    "a mask": made_with(
        "np.ma.array([5, -5], mask=[0, 1])", "np.ma.array([5, -5], mask=[1, 0])", "float(level.mean())"
    ),
    "a function's attribute": {
        "factory.py": FACTORY.replace(
            "def make(level):", "def make(v):\n    def level(): return level.v\n    level.v = v"
        ).replace("+ level}", "+ level()}"),
        **MADE,
    },
}


@pytest.mark.parametrize("order", ["a then b", "b then a"])
@pytest.mark.parametrize("case", ONE_RUN)
def test_no_claim_is_judged_on_the_data_of_another(project, case, order):
    """What differs in decorators, arguments or fixtures is measured for itself, whichever comes first."""
    project.write({"conftest.py": CONFTEST} | ONE_RUN[case])
    folder = project.path / "claims"
    files = sorted(str(path.relative_to(project.path)) for path in folder.rglob("test_*.py"))
    (project.path / "pytest.ini").write_text((project.path / "pytest.ini").read_text() + "pythonpath = .\n")
    records = project.run(*(files if order == "a then b" else reversed(files)))
    effects = {name.replace("a@low", "b"): round(record["effect"]) for name, record in records.items()}

    assert effects == {name: value for name, value in (("1.a", 5), ("1.b", -5)) if name in effects}
    assert "1.a" in effects


def test_claims_that_share_a_measurement_share_its_trials(project):
    """Two claims, and two fixtures of one code: one training."""
    count = "open('count', 'a').write('x')"
    second = TAIL.format(id="1.b").replace("test_height", "test_again")
    project.write({"conftest.py": CONFTEST, "claims/test_a.py": measures("5", inside=count) + second})
    project.run()

    assert (project.path / "count").read_text() == "x"


# -- a later run: what a stored trial rests on -----------------------------------------------------------------------


@dataclass
class Change:
    """A project, and what is changed before its trials may be reused."""

    files: dict
    change: dict = field(default_factory=dict)
    reused: bool = False
    environment: tuple = ("", "")
    options: tuple = ((), ())
    why: str = ""


LAB = {
    "site-packages/lab/__init__.py": "LEVEL = 1\n",
    "site-packages/lab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n",
    "site-packages/lab-1.0.dist-info/top_level.txt": "lab\n",
    "site-packages/lab-1.0.dist-info/RECORD": "lab/__init__.py,sha256=one,10\n",
    "claims/test_a.py": measures("lab.LEVEL", before="import lab\n"),
}
#: As `pip install --target` leaves it.
TARGET = {name.replace("site-packages/", "target/"): text for name, text in LAB.items()}
OPTION = f"{CONFTEST}\ndef pytest_addoption(parser):\n    parser.addoption('--level', type=int, default=1)\n    parser.addini('level', 'x')\n"  # noqa: E501
READS_OPTION = SHADOW.format(name="ground", needs="pytestconfig", value="{}")
GROUND = measures("ground", fixtures=", ground")
PLAIN = measures("1")
HELPER = {"helper.py": "LEVEL = 1\n", "claims/test_a.py": measures("helper.LEVEL", before="import helper\n")}
UNUSED = "\ndef unused():\n    return 1\n"
CHANGES = {
    # measured again
    "the measurement": Change({"claims/test_a.py": PLAIN}, {"claims/test_a.py": measures("2")}),
    "a constant of its module": Change(
        {"claims/test_a.py": measures("LEVEL", before="LEVEL = 1\n")},
        {"claims/test_a.py": measures("LEVEL", before="LEVEL = 2\n")},
        why="the global claims.test_a.LEVEL changed",
    ),
    "a function of its module": Change(
        {"claims/test_a.py": measures("level()", before="def level():\n    return 1\n")},
        {"claims/test_a.py": measures("level()", before="def level():\n    return 2\n")},
    ),
    "a method of a class of its module": Change(
        {"claims/test_a.py": measures("Level().get()", before="class Level:\n    def get(self):\n        return 1\n")},
        {"claims/test_a.py": measures("Level().get()", before="class Level:\n    def get(self):\n        return 2\n")},
    ),
    "the state of a global object": Change(
        {"claims/test_a.py": measures("L.v", before="class L:\n    def __init__(self, v): self.v = v\nL = L(1)\n")},
        {"claims/test_a.py": measures("L.v", before="class L:\n    def __init__(self, v): self.v = v\nL = L(2)\n")},
    ),
    "a global reached by a made-up name": Change(
        {"claims/test_a.py": measures("globals()['LEV' + 'EL']", before="LEVEL = 1\n")},
        {"claims/test_a.py": measures("globals()['LEV' + 'EL']", before="LEVEL = 2\n")},
    ),
    "a helper": Change(HELPER, {"helper.py": "LEVEL = 2\n"}),
    "a helper of a helper": Change(
        HELPER | {"helper.py": "from deeper import LEVEL\n", "deeper.py": "LEVEL = 1\n"}, {"deeper.py": "LEVEL = 2\n"}
    ),
    "a helper imported while it runs": Change(
        {"helper.py": "LEVEL = 1\n", "claims/test_a.py": measures("LEVEL", inside="from helper import LEVEL")},
        {"helper.py": "LEVEL = 2\n"},
        why="the module helper changed",
    ),
    "a helper imported by a made-up name": Change(
        {
            "helper.py": "LEVEL = 1\n",
            "claims/test_a.py": measures("helper.LEVEL", inside="helper = __import__('importlib').import_module('help' + 'er')"),  # noqa: E501
        },
        {"helper.py": "LEVEL = 2\n"},
    ),
    "a relative import": Change(
        {
            "lab/__init__.py": "",
            "lab/inner.py": "LEVEL = 1\n",
            "lab/outer.py": "def level():\n    from . import inner\n    return inner.LEVEL\n",
            "claims/test_a.py": measures("level()", before="from lab.outer import level\n"),
        },
        {"lab/inner.py": "LEVEL = 2\n"},
    ),
    "a module of sys.path": Change(
        {
            "elsewhere/far.py": "LEVEL = 1\n",
            "claims/test_a.py": measures(
                "far.LEVEL", before="import sys\nsys.path.insert(0, 'elsewhere')\nimport far\n"
            ),
        },
        {"elsewhere/far.py": "LEVEL = 2\n"},
    ),
    "a module loaded from a file": Change(
        {
            "odd/part.py": "LEVEL = 1\n",
            "claims/test_a.py": measures(
                "module.LEVEL",
                before="import importlib.util as u\n",
                inside="spec = u.spec_from_file_location('part', 'odd/part.py'); module = u.module_from_spec(spec); "
                "spec.loader.exec_module(module)",
            ),
        },
        {"odd/part.py": "LEVEL = 2\n"},
    ),
    "a source that is executed": Change(
        {"part.txt": "LEVEL = 1", "claims/test_a.py": measures("space['LEVEL']", inside="space = {}; exec(open('part.txt').read(), space)")},  # noqa: E501
        {"part.txt": "LEVEL = 2"},
    ),
    "a data file": Change(
        {"data.txt": "1", "claims/test_a.py": measures("float(open('data.txt').read())")},
        {"data.txt": "2"},
        why="the file data.txt changed",
    ),
    "a data file of a fixture": Change(
        {
            "data.txt": "1",
            "claims/test_a.py": SHADOW.format(name="ground", needs="", value="float(open('data.txt').read())") + GROUND,
        },
        {"data.txt": "2"},
    ),
    "a file that was missing": Change(
        {"claims/test_a.py": measures("level()", before="def level():\n    try:\n        return float(open('more.txt').read())\n    except OSError:\n        return 1\n")},  # noqa: E501
        {"more.txt": "2"},
    ),
    "a file in a folder": Change(
        {"data/one.txt": "", "claims/test_a.py": measures("len(os.listdir('data'))", before="import os\n")},
        {"data/two.txt": ""},
        why="the folder data changed",
    ),
    "an environment variable": Change(
        {"claims/test_a.py": measures("float(os.environ['LEVEL'])", before="import os\n")},
        environment=("1", "2"),
        why="the environment variable LEVEL changed",
    ),
    "an environment variable of a fixture": Change(
        {"claims/test_a.py": "import os\n" + SHADOW.format(name="ground", needs="", value="float(os.getenv('LEVEL'))") + GROUND},  # noqa: E501
        environment=("1", "2"),
    ),
    "all environment variables": Change(
        {"claims/test_a.py": measures("float(dict(os.environ)['LEVEL'])", before="import os\n")}, environment=("1", "1")
    ),
    "an option": Change(
        {"conftest.py": OPTION, "claims/test_a.py": READS_OPTION.format("pytestconfig.getoption('--level')") + GROUND},
        options=(("--level=1",), ("--level=2",)),
        why="the option level changed",
    ),
    "an option as an attribute": Change(
        {"conftest.py": OPTION, "claims/test_a.py": READS_OPTION.format("pytestconfig.option.level") + GROUND},
        options=(("--level=1",), ("--level=2",)),
    ),
    "an ini value": Change(
        {"conftest.py": OPTION, "claims/test_a.py": READS_OPTION.format("int(pytestconfig.getini('level'))") + GROUND},
        options=(("-o", "level=1"), ("-o", "level=2")),
        why="the option ini level changed",
    ),
    "a fixture": Change(
        {"claims/test_a.py": SHADOW.format(name="ground", needs="", value="1") + GROUND},
        {"claims/test_a.py": SHADOW.format(name="ground", needs="", value="2") + GROUND},
    ),
    "a fixture of a local plugin": Change(
        {
            "conftest.py": CONFTEST.replace('plugin"]', 'plugin", "lab_plugin"]'),
            "lab_plugin.py": SHADOW.format(name="ground", needs="", value="1"),
            "claims/test_a.py": GROUND,
        },
        {"lab_plugin.py": SHADOW.format(name="ground", needs="", value="2")},
    ),
    "a plugin that changes a helper": Change(
        HELPER, {"conftest.py": f"{CONFTEST}\ndef pytest_configure():\n    import helper\n    helper.LEVEL = 2\n"}
    ),
    "a plugin that changes numpy's functions": Change(
        {"claims/test_a.py": measures("np.linalg.norm(np.ones(1))")},
        {"conftest.py": f"{CONFTEST}\n@pytest.fixture(autouse=True, scope='session')\ndef patched():\n    norm = np.linalg.norm\n    np.linalg.norm = lambda x: 2\n    yield\n    np.linalg.norm = norm\n"},  # noqa: E501
    ),
    "numpy's error state": Change(
        {"conftest.py": CONFTEST, "claims/test_a.py": PLAIN},
        {"conftest.py": f"{CONFTEST}\ndef pytest_configure(config):\n    before = np.seterr(under='raise')\n    config.add_cleanup(lambda: np.seterr(**before))\n"},  # noqa: E501
        why="the setting numpy error state changed",
    ),
    "the version of a package": Change(
        LAB,
        {"site-packages/lab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lab\nVersion: 1.1\n"},
        why="the package lab has another version",
    ),
    "the files of a package from a folder": Change(
        LAB | {"site-packages/lab-1.0.dist-info/direct_url.json": '{"url": "file:///lab", "dir_info": {}}'},
        {"site-packages/lab-1.0.dist-info/RECORD": "lab/__init__.py,sha256=two,10\n"},
    ),
    "a module without a package": Change(
        {"site-packages/loose.py": "LEVEL = 1\n", "claims/test_a.py": measures("loose.LEVEL", before="import loose\n")},
        {"site-packages/loose.py": "LEVEL = 2\n"},
    ),
    "a module beside a package that somebody put into a folder": Change(
        TARGET
        | {"target/loose.py": "LEVEL = 1\n", "claims/test_a.py": measures("loose.LEVEL", before="import lab, loose\n")},
        {"target/loose.py": "LEVEL = 2\n"},
    ),
    "the version of a package that somebody put into a folder": Change(
        TARGET,
        {"target/lab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lab\nVersion: 1.1\n"},
        why="the package lab has another version",
    ),
    # never reused
    "a process": Change(
        {"claims/test_a.py": measures("float(sub.check_output(['echo', '1']))", before="import subprocess as sub\n")},
        why="it started a process",
    ),
    "a socket": Change(
        {"claims/test_a.py": measures("1", before="import socket\n", inside="socket.socket().close()")},
        why="it used the network",
    ),
    "a database": Change(
        {"claims/test_a.py": measures("1", before="import sqlite3\n", inside="sqlite3.connect(':memory:').close()")},
        why="it opened a database",
    ),
    "ctypes": Change(
        {"claims/test_a.py": measures("1", before="import ctypes\n", inside="ctypes.CDLL(None).getpid()")},
        why="it called a library through ctypes",
    ),
    "a global that cannot be compared": Change(
        {"claims/test_a.py": measures("next(LEVELS)", before="LEVELS = (x for x in [1, 1])\n")},
        why="it used the global claims.test_a.LEVELS, which cannot be compared with a later one",
    ),
    "a closure that has no canonical form": Change(
        {"factory.py": ONE_RUN["a closure without a canonical form"]["factory.py"],
         "claims/test_a.py": f"{HEAD}from factory import make\nheight = make([1])\n{TAIL.format(id='1.a')}"},
    ),
    # reused
    "nothing": Change({"claims/test_a.py": PLAIN}, reused=True),
    "a margin": Change(
        {"claims/test_a.py": PLAIN}, {"claims/test_a.py": PLAIN.replace("by=100", "by=50")}, reused=True
    ),
    "a constant that only the claim uses": Change(
        {"claims/test_a.py": "BY = 100\n" + PLAIN.replace("by=100", "by=BY")},
        {"claims/test_a.py": "BY = 50\n" + PLAIN.replace("by=100", "by=BY")},
        reused=True,
    ),
    "a claim's text and body": Change(
        {"claims/test_a.py": PLAIN},
        {"claims/test_a.py": PLAIN.replace("It is high", "So high").replace("    return exceeds", "    x = 1\n    return exceeds")},  # noqa: E501
        reused=True,
    ),
    "prose, comments and lines": Change(
        {"claims/test_a.py": measures("1", inside='"""What it does."""')},
        {"claims/test_a.py": '"""A docstring."""\n\n\n' + measures("1", inside='"""Done."""  # one')},
        reused=True,
    ),
    "another claim and measurement": Change(
        {"claims/test_a.py": PLAIN},
        {"claims/test_a.py": PLAIN + UNUSED, "claims/test_b.py": measures("3", name="1.b")},
        reused=True,
    ),
    "a helper's prose": Change(HELPER, {"helper.py": '"""Prose."""\nLEVEL = 1  # one\n'}, reused=True),
    "what a package's version tells": Change(TARGET, {"target/lab/__init__.py": "LEVEL = 1\nOTHER = 2\n"}, reused=True),
    "the constant that numpy shows for masked entries": Change(
        {"claims/test_a.py": measures("float(M is np.ma.masked)", before="M = np.ma.masked\n")},
        {"claims/other.txt": "1"},
        reused=True,
    ),
    "a fixture that it does not use": Change(
        {"claims/test_a.py": SHADOW.format(name="other", needs="", value="1") + PLAIN},
        {"claims/test_a.py": SHADOW.format(name="other", needs="", value="2") + PLAIN},
        reused=True,
    ),
    "a file, a variable, an option that it does not read": Change(
        {"conftest.py": OPTION, "data.txt": "1", "claims/test_a.py": PLAIN},
        {"data.txt": "2"},
        environment=("1", "2"),
        options=(("--level=1",), ("--level=2",)),
        reused=True,
    ),
    "a file that it writes itself": Change(
        {"claims/test_a.py": measures("float(open('own.txt').read())", inside="open('own.txt', 'w').write('1')")},
        {"own.txt": "7"},
        reused=True,
    ),
    "a file with the same content": Change(
        {"data.txt": "1", "claims/test_a.py": measures("float(open('data.txt').read())")},
        {"data.txt": "1"},
        reused=True,
    ),
}  # fmt: skip


def conditions(before: str, condition: str, use: str) -> str:
    """Return a claim file whose measurement has one condition."""
    return f"""{HEAD}{before}
@measurement(x=[{condition}])
def height(seeds, x):
    return {{"height": {DRAW} + {use}}}
{TAIL.format(id="1.a").replace("(height.height", "(height.height.isel(x=0)")}"""


def edited(before: str, use: str, *, condition: str = "") -> Change:
    """Return a change of a 1 that stands in ``before`` as <1> to a 2."""
    one, two = ({"claims/test_a.py": conditions(text, condition, use) if condition else measures(use, before=text)}
                for text in (before.replace("<1>", "1"), before.replace("<1>", "2")))  # fmt: skip
    return Change(one, two)


def in_package(helper: str, use: str = "level()", name: str = "level") -> Change:
    """Return the same for a helper in a package."""
    files = {"lab2/__init__.py": "", "claims/test_a.py": measures(use, before=f"from lab2.helpers import {name}\n")}
    return Change(
        files | {"lab2/helpers.py": helper.replace("<1>", "1")}, {"lab2/helpers.py": helper.replace("<1>", "2")}
    )


SETS_LEVEL = OPTION + "\nKEY = pytest.StashKey()\ndef pytest_configure(config):\n    {} = config.getoption('--level')\n"
LEVELS = (("--level=1",), ("--level=2",))
CHANGES |= {
    "a condition that is a function": edited("LEVEL = <1>\ndef f():\n    return LEVEL\n", "x()", condition="f"),
    "what a condition's function calls": edited(
        "def g():\n    return <1>\ndef f():\n    return g()\n", "x()", condition="f"
    ),
    "a method of a condition's class": edited(
        "def g():\n    return <1>\nclass C:\n    def __str__(self):\n        return 'c'\n    def level(self):\n        return g()\n",  # noqa: E501
        "x.level()", condition="C()",
    ),
    "a method of an enumeration": edited(
        "import enum\nclass E(enum.Enum):\n    A = 1\n    def level(self):\n        return <1>\n",
        "x.level()", condition="E.A",
    ),
    "a helper under torch's decorator": in_package("import torch\n@torch.no_grad()\ndef level():\n    return <1>\n"),
    "a helper that is a context manager": in_package(
        "import contextlib\n@contextlib.contextmanager\ndef level():\n    yield <1>\n", "level().__enter__()"
    ),
    "a generic function": in_package(
        "import functools\n@functools.singledispatch\ndef level(x):\n    return 0\n@level.register\ndef _(x: int):\n    return <1>\n",  # noqa: E501
        "level(3)",
    ),
    "a module deep in a package": Change(
        {"lab/__init__.py": "", "lab/a/__init__.py": "", "lab/a/b/__init__.py": "", "lab/a/b/c/__init__.py": "",
         "lab/a/b/c/d.py": "def f():\n    return 1\n",
         "claims/test_a.py": measures("lab.a.b.c.d.f()", before="import lab.a.b.c.d\n")},
        {"lab/a/b/c/d.py": "def f():\n    return 2\n"},
    ),
    "a global of one of two conftest.py": Change(
        {"claims/conftest.py": "N = .5\n" + SHADOW.format(name="base", needs="", value="N"),
         "claims/sub/conftest.py": "N = .5\n" + SHADOW.format(name="ground", needs="base", value="base + N"),
         "claims/sub/test_a.py": GROUND},
        {"claims/conftest.py": "N = 1.5\n" + SHADOW.format(name="base", needs="", value="N")},
    ),
    "what a plugin stashed": Change(
        {"conftest.py": SETS_LEVEL.format("config.stash[KEY]")
         + SHADOW.format(name="ground", needs="pytestconfig", value="pytestconfig.stash[KEY]"),
         "claims/test_a.py": GROUND},
        options=LEVELS,
        why="it read pytest's stash",
    ),
    "an attribute of pytest's configuration": Change(
        {"conftest.py": SETS_LEVEL.format("config.our_level"),
         "claims/test_a.py": READS_OPTION.format("pytestconfig.our_level") + GROUND},
        options=LEVELS,
        why="the option config our_level changed",
    ),
    "a constant that a plugin puts into a module": Change(
        {"conftest.py": SETS_LEVEL.format("pytest.LEVEL"),
         "claims/test_a.py": measures("pytest.LEVEL", before="import pytest\n")},
        options=LEVELS,
        why="the global pytest.LEVEL changed",
    ),
    "a function in an object that pickles itself": edited(
        "import types\ndef f():\n    return <1>\nCFG = types.SimpleNamespace(go=f)\n", "CFG.go()"
    ),
    "a function in a queue": edited(
        "import collections\ndef f():\n    return <1>\nQ = collections.deque([f])\n", "Q[0]()"
    ),
    "a function that is a key": edited(
        "def g():\n    return <1>\ndef f():\n    return g()\nT = {f: 1}\n", "list(T)[0]()"
    ),
    "a function in a set": edited("def g():\n    return <1>\ndef f():\n    return g()\nT = {f}\n", "list(T)[0]()"),
    "a method of a metaclass": edited(
        "class Meta(type):\n    def level(cls):\n        return <1>\nclass C(metaclass=Meta):\n    pass\n", "C.level()"
    ),
    "a method of a dict's subclass": edited(
        "class D(dict):\n    def level(self):\n        return <1>\nd = D()\n", "d.level()"
    ),
    "an attribute of a list's subclass": edited("class L(list):\n    pass\nx = L()\nx.level = <1>\n", "x.level"),
    "a mask of a global": edited(
        "x = np.ma.array([1, 2], mask=[0, 0])\nx.mask = [<1> == 2, <1> == 1]\n", "float(x.mean())"
    ),
    "memory that is mapped": edited("import mmap\nM = mmap.mmap(-1, 1)\nM[0] = <1>\n", "M[0]"),
    "a function that a run calls after each step": edited(
        "import torch\nfrom pytest_claims.training import MLP, Run, train\n"
        "def filled(parameters, at):\n    for values in parameters.values():\n        values.fill_(<1>)\n"
        "def trained(seeds):\n    x = np.ones((len(seeds), 2, 1))\n"
        "    run = Run(MLP(seeds, (1, 1)), x, x, loss='mse', after_step=filled)\n"
        "    return train(run, steps=1, measure=lambda now: {'it': now.biases(0)}).it.values[:, 0, 0]\n",
        "trained(seeds)",
    ),
    "an object of C": edited("import struct\nS = struct.Struct('<1>s')\n", "S.size"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_trial_is_reused_while_all_that_it_rests_on_is_the_same(project, case, monkeypatch):
    """A change that may matter measures again, and the run says why; any other reuses what is stored."""
    change = CHANGES[case]
    if any("import torch" in text for text in change.files.values()):
        pytest.importorskip("torch")
    ini = project.path / "pytest.ini"
    ini.write_text(ini.read_text() + "pythonpath = . site-packages target\n")
    project.write({"conftest.py": CONFTEST} | change.files)
    if any(change.environment):
        monkeypatch.setenv("LEVEL", change.environment[0])
    before = project.run("claims", *change.options[0])["1.a"]
    assert (before["reused"], round(before["effect"])) == (0, 1)

    project.write(change.change)
    if any(change.environment):
        monkeypatch.setenv("LEVEL", change.environment[1])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    after = project.run("claims", "--claims-reuse", "reports/latest", *change.options[1])["1.a"]

    assert after["reused"] == int(change.reused)
    assert change.why in project.result.stdout.str()


def test_changes_count_at_least_forty():
    """The cases of this file cover what the issue asks for."""
    assert len(CHANGES) + len(ONE_RUN) >= 40
