"""The page about performance is written from latest.json."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import document
from benchmarks.ledger import WAYS
from benchmarks.workloads import WORKLOADS

PAGE = (
    f"# Performance\n\nBy hand.\n\n{document.BEGIN}\nold\n{document.END}\n\nMore by hand.\n\n"
    f"{document.BEGIN_MODULES}\nold\n{document.END}\n\nThe end.\n"
)


@pytest.fixture
def measured():
    """Return the results of a whole run."""
    engines = {"plain": 1000.0, "plain_fused": 500.0, "vmap": 250.0, "stacked": 100.0, "sklearn": None, "jax": 50.0}
    assert set(WAYS) == engines.keys()
    versions = {"torch": "2.0", "numpy": "2.1", "scikit-learn": "1.5", "jax": "0.7"}
    return {
        "machine": {"cpu": "A processor", "platform": "Linux x86_64", "python": "3.11.0", **versions},
        "workloads": [
            {"name": name, "engines": engines, "jax_compile_s": 1.25, "seeds": block, "runs": 3}
            for name, (_, block) in WORKLOADS.items()
        ],
        "plain_over_stacked": 10.0,
        "plain_over_jax": 20.0,
        "modules": [
            {
                "network": network,
                "optimiser": "SGD",
                "seeds": seeds,
                "costs": {"plain": 600.0, "stacked": stacked, "vmap of the loss": 300.0, "vmap of the gradient": 400.0},
            }
            for network, stacked in (("dropout", 100.0), ("CNN", 200.0))
            for seeds in document.SEEDS_OF_MODULES
        ],
        "growth": {
            "seeds": {"2 depth": {"8": 40.0, "64": 12.0, "512": 11.0}},
            "width": {"plain": {"10": 300.0, "1000": 9000.0}, "stacked": {"10": 30.0, "1000": 8000.0}},
            "steps": {"2 depth": {"150": 12.0, "15000": 12.0}},
            "memory_mb": {"32": 400.0, "512": 440.0},
        },
    }


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Put the page, its numbers and its drawing into a folder of this test."""
    monkeypatch.setattr(document, "NETWORKS", ("CNN", "dropout"))
    monkeypatch.setattr(document, "OPTIMISERS", ("SGD",))
    names = {"KEPT": "engines/kept.json", "KEPT_MODULES": "engines/modules.json", "DRAWN": "engines/growth.svg"}
    for name, path in {"PAGE": "performance.md", **names}.items():
        monkeypatch.setattr(document, name, tmp_path / path)
    (tmp_path / "performance.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_the_page_states_machine_versions_and_ratios(measured, places):
    """Only the generated part changes; it has a row for each workload and one for the geometric means."""
    source = places / "latest.json"
    source.write_text(json.dumps(measured), encoding="utf-8")

    assert document.main([str(source)]) == 0

    page = (places / "performance.md").read_text(encoding="utf-8")
    assert page.startswith("# Performance\n\nBy hand.\n\n")
    assert "\n\nMore by hand.\n\n" in page
    assert page.endswith("\n\nThe end.\n")
    assert "old" not in page
    assert "A processor, Linux x86_64, Python 3.11.0, torch 2.0, numpy 2.1, scikit-learn 1.5, jax 0.7" in page
    assert "| 2 depth | 32 x 3 | 1000 | 2.0x | 4.0x | 10.0x |  | 20.0x |" in page
    assert "| geometric mean |  |  | 2.0x | 4.0x | 10.0x |  | 20.0x |" in page
    assert all(f"| {name} |" in page for name in WORKLOADS)
    assert "400 MB with 32 seeds and 440 MB with 512, 1.10 times" in page
    assert "| dropout | SGD | 600 | 6.0x | 2.0x |  | 6.0x | 2.0x |  |" in page
    assert (
        "With 32 seeds a stack is 4.24 times as fast as the plain loop in geometric mean (3.00 times where it gains "
        "least), and 2.12 times as fast as the better form of `torch.func` (1.50 times where it gains least)."
    ) in page
    kept = [json.loads((places / f"engines/{name}.json").read_text(encoding="utf-8")) for name in ("kept", "modules")]
    assert {**kept[0], **kept[1]} == measured


def test_growth_is_drawn_the_same_each_time(measured, tmp_path):
    """One SVG of three panels, without a date: the same numbers give the same bytes."""
    for name in ("first.svg", "second.svg"):
        document.draw(measured["growth"], tmp_path / name)

    first, second = ((tmp_path / name).read_text(encoding="utf-8") for name in ("first.svg", "second.svg"))
    assert first == second
    assert "width of two hidden layers" in "".join(ET.fromstring(first).itertext())  # noqa: S314 - our own file


def test_a_partial_run_is_no_page(measured, places, capsys):
    """The error names what is missing, exit status 1, and the page stays as it is."""
    del measured["workloads"][0], measured["growth"]["width"]
    source = places / "latest.json"
    source.write_text(json.dumps(measured), encoding="utf-8")

    assert document.main([str(source)]) == 1

    error = capsys.readouterr().err
    assert "not everything was measured; 1 approximation, growth with width missing: run the whole make bench." in error
    assert (places / "performance.md").read_text(encoding="utf-8") == PAGE


def test_half_a_part_is_no_page(measured, places, capsys):
    """Modules with 8 seeds alone; the error names what is missing."""
    measured["modules"] = [entry for entry in measured["modules"] if entry["seeds"] == 8]
    source = places / "latest.json"
    source.write_text(json.dumps(measured), encoding="utf-8")

    assert document.main([str(source)]) == 1

    assert "CNN with SGD and 32 seeds, dropout with SGD and 32 seeds missing" in capsys.readouterr().err
    assert (places / "performance.md").read_text(encoding="utf-8") == PAGE


def test_modules_of_which_one_is_missing_are_half_a_part(measured, places, capsys):
    """`make bench ARGS="-k dropout"` does not replace the table of all."""
    measured["modules"] = [entry for entry in measured["modules"] if entry["network"] == "dropout"]
    source = places / "latest.json"
    source.write_text(json.dumps(measured), encoding="utf-8")

    assert document.main([str(source)]) == 1
    assert "CNN with SGD and 8 seeds, CNN with SGD and 32 seeds missing" in capsys.readouterr().err


def test_a_part_that_was_not_measured_stays(measured, places):
    """`make bench` of modules alone leaves the other part and its drawing as they are."""
    only = {"machine": measured["machine"], "modules": measured["modules"], "workloads": [], "growth": {}}
    source = places / "latest.json"
    source.write_text(json.dumps(only), encoding="utf-8")

    assert document.main([str(source)]) == 0

    page = (places / "performance.md").read_text(encoding="utf-8")
    assert f"{document.BEGIN}\nold\n{document.END}" in page
    assert "| CNN | SGD | 600 |" in page
    assert sorted(path.name for path in (places / "engines").iterdir()) == ["modules.json"]


def test_nothing_measured_is_no_page(places, capsys):
    """Benchmarks that all failed leave no numbers."""
    source = places / "latest.json"
    source.write_text(json.dumps({"machine": {}, "workloads": [], "modules": [], "growth": {}}), encoding="utf-8")

    assert document.main([str(source)]) == 1
    assert "nothing was measured: run make bench." in capsys.readouterr().err


def test_without_a_run_it_says_what_writes_one(places, capsys):
    """No latest.json: one sentence, exit status 1."""
    assert document.main([str(places / "latest.json")]) == 1

    assert "latest.json cannot be read (No such file or directory): make bench writes it." in capsys.readouterr().err


def test_the_committed_page_is_that_of_the_committed_numbers():
    """The command writes docs/performance.md from reports/engines/benchmark.json; without it there are no numbers."""
    page = document.PAGE.read_text(encoding="utf-8")
    parts = {document.BEGIN: document.KEPT, document.BEGIN_MODULES: document.KEPT_MODULES}
    expected = page

    for kept in filter(Path.exists, parts.values()):
        expected, _ = document.with_numbers(expected, json.loads(kept.read_text(encoding="utf-8")))

    assert page == expected
    for begin, kept in parts.items():
        assert (f"{begin}\n{document.END}" in page) != kept.exists()
