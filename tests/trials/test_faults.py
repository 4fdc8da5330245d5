"""Faulty claims and measurements: one clear sentence each, an error of that claim alone."""

import pytest

pytest_plugins = ["pytester"]

FAULTS = {
    "no id": (
        '@claim(text="No id")\ndef test_it(heights):\n    return None',
        'test_it is a claim without an id: write @claim("2.a", "what is claimed", ...).',
    ),
    "text for an id": (
        '@claim("Higher is higher")\ndef test_it(heights):\n    return None',
        "test_it is a claim without an id: 'Higher is higher' is not an id, \"2.a\" would be.",
    ),
    "bare decorator": (
        "@claim\ndef test_it(heights):\n    return None",
        'test_it is a claim without an id: write @claim("2.a", "what is claimed", ...).',
    ),
    "no text": (
        '@claim("3.a")\ndef test_it(heights):\n    return None',
        "Claim 3.a does not say what is claimed: its second argument is a sentence.",
    ),
    "twelve seeds": (
        '@claim("3.a", "Text", seeds=12)\ndef test_it(heights):\n    return None',
        "Claim 3.a is registered for 12 seeds; it takes a power of two, at least 8.",
    ),
    "unknown verdict": (
        '@claim("3.a", "Text", registered="true")\ndef test_it(heights):\n    return None',
        "Claim 3.a is registered as 'true'; verdicts are supported, refuted, inconclusive.",
    ),
    "no reason": (
        '@claim("3.a", "Text", registered="refuted")\ndef test_it(heights):\n    return None',
        "Claim 3.a is registered as refuted without a reason.",
    ),
    "unknown word": (
        '@claim("3.a", "Text", sedes=8)\ndef test_it(heights):\n    return None',
        "Claim 3.a was given sedes, which @claim does not take.",
    ),
    "no such fixture": (
        '@claim("3.a", "Text")\ndef test_it(hieghts):\n    return None',
        "Claim 3.a needs the fixture hieghts, and there is no such fixture.",
    ),
    "no such dataset": (
        (
            "@measurement\ndef lost(seeds, moonz):\n    return {}\n"
            '@claim("3.a", "Text")\ndef test_it(lost):\n    return None'
        ),
        "Claim 3.a needs the fixture moonz for lost, and there is no such fixture.",
    ),
    "no measurement": (
        '@claim("3.a", "Text")\ndef test_it():\n    return None',
        "Claim 3.a rests on no measurement: its test names none.",
    ),
    "nothing returned": (
        '@claim("3.a", "Text", seeds=8)\ndef test_it(heights):\n    pass',
        "Claim 3.a returned NoneType; a claim returns its hypothesis, alone or with pictures.",
    ),
    "some seeds only": (
        (
            '@claim("3.a", "Text", seeds=16)\ndef test_it(heights):\n'
            "    return exceeds(heights.height.isel(seed=slice(8)).sel(level=1), by=0)"
        ),
        "Claim 3.a judges 8 of its 16 seeds; a claim must use all of them.",
    ),
    "a crash": (
        '@claim("3.a", "Text", seeds=8)\ndef test_it(heights):\n    return heights.width',
        "Claim 3.a: AttributeError: 'Dataset' object has no attribute 'width'",
    ),
    "wrong argument": (
        (
            "@measurement(layers=[1, 2])\ndef odd(seeds, noise):\n    return {}\n"
            '@claim("3.a", "Text")\ndef test_it(odd):\n    return None'
        ),
        "The measurement odd has conditions that its function does not take: layers.",
    ),
    "wrong block": (
        (
            "@measurement(block=10)\ndef odd(seeds, noise):\n    return {}\n"
            '@claim("3.a", "Text")\ndef test_it(odd):\n    return None'
        ),
        "The measurement odd has blocks of 10 seeds; choose 4, 8, 16 or 32.",
    ),
    "hints for some": (
        (
            "@measurement(layers=[1, 2], cost={1: 5})\ndef odd(seeds, noise, layers):\n    return {}\n"
            '@claim("3.a", "Text")\ndef test_it(odd):\n    return None'
        ),
        "The measurement odd has a cost by condition, which must name every value of its first condition.",
    ),
    "words for seeds": (
        '@claim("3.a", "Text", seeds="8")\ndef test_it(heights):\n    return None',
        "Claim 3.a is registered for '8' seeds; it takes a power of two, at least 8.",
    ),
    "a cap before the first look": (
        '@claim("3.a", "Text", seeds=32, looks=(64,))\ndef test_it(heights):\n    return None',
        (
            "Claim 3.a has its first look at 64 seeds, is registered for 32, and a deep run ends at 512: each is at "
            "least the one before."
        ),
    ),
    "a deep cap before the usual one": (
        '@claim("3.a", "Text", seeds=128, deep=64)\ndef test_it(heights):\n    return None',
        (
            "Claim 3.a has its first look at 32 seeds, is registered for 128, and a deep run ends at 64: each is at "
            "least the one before."
        ),
    ),
    "a deep cap that is none": (
        '@claim("3.a", "Text", seeds=128, deep="all")\ndef test_it(heights):\n    return None',
        "Claim 3.a is registered for 'all' seeds of a deep run; it takes a power of two, at least 8.",
    ),
    "two deepest looks": (
        '@claim("3.a", "Text", looks=(32, 64, 128), deep=256)\ndef test_it(heights):\n    return None',
        "Claim 3.a names looks up to 128 seeds, but deep=256: name it once.",
    ),
    "more looks than have a level": (
        '@claim("3.a", "Text", seeds=32, looks=(8,), deep=2048)\ndef test_it(heights):\n    return None',
        "Claim 3.a has more than 8 looks between 8 and 2048 seeds; register a later first.",
    ),
    "more seeds than looks reach": (
        '@claim("3.a", "Text", seeds=8192)\ndef test_it(heights):\n    return None',
        "Claim 3.a has more than 8 looks between 32 and 8192 seeds; register a later first.",
    ),
    "a number that Python does not write": (
        '@claim("3.a", "Text", seeds=10**5000)\ndef test_it(heights):\n    return None',
        "Claim 3.a is registered for a huge number of seeds; it takes a power of two, at least 8.",
    ),
    "a deep cap that Python does not write": (
        '@claim("3.a", "Text", deep=2**20000)\ndef test_it(heights):\n    return None',
        "Claim 3.a has more than 8 looks between 32 and a huge number of seeds; register a later first.",
    ),
    "looks that do not double": (
        '@claim("3.a", "Text", looks=(32, 96))\ndef test_it(heights):\n    return None',
        (
            "Claim 3.a is registered for looks at 32, 96 seeds; looks are at most 8 powers of two, at least 8, each "
            "twice the one before."
        ),
    ),
    "a word for looks": (
        '@claim("3.a", "Text", looks="early")\ndef test_it(heights):\n    return None',
        (
            "Claim 3.a is registered for looks at 'early' seeds; looks are at most 8 powers of two, at least 8, each "
            "twice the one before."
        ),
    ),
    "a list for a verdict": (
        '@claim("3.a", "Text", registered=["refuted"])\ndef test_it(heights):\n    return None',
        "Claim 3.a is registered as ['refuted']; verdicts are supported, refuted, inconclusive.",
    ),
    "no variants": (
        '@claim("3.a", "Text", variants=[5], given={"k": 1})\ndef test_it(heights, k):\n    return None',
        "Claim 3.a takes variants=[variant(...), ...] and given={argument: value}, and was given something else.",
    ),
    "nothing given": (
        '@claim("3.a", "Text", given=5)\ndef test_it(heights):\n    return None',
        "Claim 3.a takes variants=[variant(...), ...] and given={argument: value}, and was given something else.",
    ),
    "hints for lists": (
        (
            "@measurement(layers=[[1], [2]], cost={1: 5})\ndef odd(seeds, noise, layers):\n    return {}\n"
            '@claim("3.a", "Text")\ndef test_it(odd):\n    return None'
        ),
        "The measurement odd has a cost by condition, which must name every value of its first condition.",
    ),
    "a body that returns itself": (
        '@claim("3.a", "Text", seeds=8)\ndef test_it(heights):\n    x = []\n    x.append(x)\n    return x',
        "Claim 3.a: RecursionError: maximum recursion depth exceeded",
    ),
    "a failing body": (
        '@claim("3.a", "Text", seeds=8)\ndef test_it(heights):\n    import pytest\n    pytest.fail("not today")',
        "Claim 3.a: Failed: not today",
    ),
    "an exit of Python": (
        '@claim("3.a", "Text", seeds=8)\ndef test_it(heights):\n    import sys\n    sys.exit(3)',
        "Claim 3.a: SystemExit: 3",
    ),
    "an exception of no kind": (
        (
            "class Odd(BaseException):\n    def __str__(self):\n        return 'odd'\n"
            '@claim("3.a", "Text", seeds=8)\ndef test_it(heights):\n    raise Odd'
        ),
        "Claim 3.a: claims.test_toy.Odd: odd",
    ),
    "a number beyond all floats": (
        '@claim("3.a", "Text", published={"c": 10**400})\ndef test_it(heights):\n    return None',
        "Claim 3.a publishes a number beyond 1e308 for c; a published value is a finite number, or words.",
    ),
    "no number": (
        '@claim("3.a", "Text", published={"a": {"b": float("nan")}})\ndef test_it(heights):\n    return None',
        "Claim 3.a publishes nan for a, b; a published value is a finite number, or words.",
    ),
    "a name beyond all texts": (
        '@claim("3.a", "Text", published={10**5000: 1})\ndef test_it(heights):\n    return None',
        "Claim 3.a publishes a value under a name that is no text; a published value is a finite number, or words.",
    ),
    "endless values": (
        'LOOP = {}\nLOOP["x"] = LOOP\n@claim("3.a", "T", published=LOOP)\ndef test_it(heights):\n    return None',
        (
            "Claim 3.a publishes values that are nested more than 10 times; a published value is a finite number, or "
            "words."
        ),
    ),
    "a reason that is no text": (
        '@claim("3.a", "Text", registered="refuted", reason=5)\ndef test_it(heights):\n    return None',
        "Claim 3.a has a reason that is int, not text.",
    ),
    "an exception without words": (
        (
            "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\n"
            '@claim("3.a", "Text", seeds=8)\ndef test_it(heights):\n    raise Mute'
        ),
        "Claim 3.a: claims.test_toy.Mute: <exception str() failed>",
    ),
    "stray variant": (
        '@claim("3.a", "Text", variants=[variant("x", scale=1)])\ndef test_it(heights, scale):\n    return None',
        "A claim with variants must list its own arguments in given=...",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_claim_is_an_error_that_says_why(toy, name):
    """The faulty claim alone is an error, with one sentence, exit status 1."""
    source, sentence = FAULTS[name]
    toy.add(f"\n{source}\n").run()
    others = {record["nodeid"]: record for record in toy.reported["records"].values() if record["id"] != "2.a"}

    assert toy.ret == 1
    assert toy.outcomes["2.a"] == "passed"
    assert {record["message"] for record in others.values()} == {sentence}
    assert {record["verdict"] for record in others.values()} == {"error"}
    toy.result.assert_outcomes(passed=1, errors=len(others))


def test_two_claims_with_one_id_are_both_errors(toy):
    """Nobody can say which of the two was meant."""
    toy.write().write((toy.path / "claims/test_toy.py").read_text(), "test_twin").run()

    assert toy.ret == 1
    toy.result.assert_outcomes(errors=2)
    twins = "claims/test_toy.py::test_higher and claims/test_twin.py::test_higher"
    assert toy.text.count(f"The id 2.a is used by more than one claim: {twins}.") >= 2


MEASUREMENTS = {
    "raises": (
        'raise RuntimeError("the oven is cold")',
        "odd, level=1, seeds 0-7: RuntimeError: the oven is cold",
    ),
    "nan": (
        "values = noise(seeds); values[[2, 5]] = np.nan; return {'height': values}",
        "odd, level=1, seeds 0-7: height is not finite for seeds 2, 5, and nothing flagged it as diverged.",
    ),
    "wrong size": (
        "return {'height': noise(seeds)[:6]}",
        "odd, level=1, seeds 0-7: height has shape (6,), but its first axis must have one entry for each of 8 seeds.",
    ),
    "scalar": (
        "return {'height': 1.0}",
        "odd, level=1, seeds 0-7: height is a single number; it needs one value for each of 8 seeds.",
    ),
    "no mapping": (
        "return noise(seeds)",
        (
            "odd, level=1, seeds 0-7 returned ndarray; a measurement returns a mapping of names to arrays whose first "
            "axis is the seed, or an xarray Dataset."
        ),
    ),
    "no seeds used": (
        "return {'height': np.arange(8.0)}",
        "odd never drew from its seeds, so all of its replicates are the same.",
    ),
    "one draw for two": (
        "x = noise(seeds); seeds.inputs['data'][3] = seeds.inputs['data'][1]; return {'height': x}",
        "odd: seeds 1 and 3 draw the same data.",
    ),
    "other measurement": (
        "return {'height': heights.height}",
        (
            "odd, level=1, seeds 0-7: ClaimError: heights is measured when a claim asks for it by name; it cannot be "
            "used in other fixtures, and a measurement takes its datasets from fixtures, not from other measurements."
        ),
    ),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_faulty_measurement_is_an_error_that_says_where(toy, name):
    """The claim on it is an error that names measurement, condition and seeds; it is never refuted."""
    body, sentence = MEASUREMENTS[name]
    toy.add(f"""
@measurement(level=[1, 2])
def odd(seeds, noise, heights, level):
    {body}

@claim("3.a", "Odd", seeds=8)
def test_odd(odd):
    return exceeds(odd.height.sel(level=1), by=0)
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert toy.claims["3.a"]["verdict"] == "error"
    assert toy.claims["3.a"]["message"] == sentence
    assert toy.ret == 1


def test_a_trial_that_failed_is_not_tried_again(toy):
    """Two claims on a measurement that raises: it is called once in the run."""
    toy.add("""
@measurement
def odd(seeds, noise):
    noise(seeds)
    raise RuntimeError("no")

@claim("3.a", "Odd", seeds=8)
def test_odd(odd):
    return exceeds(odd.height, by=0)

@claim("3.b", "Odd again", seeds=8)
def test_again(odd):
    return exceeds(odd.height, by=0)
""").run("-k", "odd or again")

    assert toy.outcomes == {"3.a": "error", "3.b": "error"}
    assert toy.trained == ["registered 0-7"]


def test_a_control_that_fails_is_an_error(toy):
    """A claim whose hypothesis supports shuffled worlds cannot be believed."""
    toy.add("""
class Gullible:
    n = 16
    def judge(self, looks, earlier):
        return exceeds(self.data, by=0.0).judge(looks=looks, earlier=earlier)
    def control(self, rng, worlds, looks):
        from pytest_claims import Control
        return Control("relabelled", worlds, 399, 8, False, None, "399 of 400 shuffled worlds were called supported")
    def reversed(self):
        return exceeds(-self.data, by=0.0)

@claim("3.a", "Gullible", seeds=16)
def test_gullible(heights):
    hypothesis = Gullible()
    hypothesis.data = heights.height.sel(level=2)
    return hypothesis
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert toy.claims["3.a"]["message"] == (
        "Claim 3.a fails its negative control: 399 of 400 shuffled worlds were called supported."
    )
    assert toy.claims["3.a"]["effect"] is not None
    assert toy.claims["3.a"]["controls"]["ok"] is False
    assert (toy.claims["2.a"]["controls"]["ok"], toy.claims["2.a"]["controls"]["reversed"]) == (True, "refuted")


def test_a_claim_whose_opposite_is_supported_too_is_an_error(toy):
    """Every run judges every claim's reverse; support for both shows that neither was tested."""
    toy.add("""
@claim("3.a", "Whatever", seeds=16)
def test_whatever(heights):
    hypothesis = exceeds(heights.height.sel(level=2), by=0.0)
    object.__setattr__(hypothesis, "reversed", lambda: hypothesis)
    return hypothesis
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "error"}
    assert toy.claims["3.a"]["message"] == (
        "Claim 3.a fails its reversal: the claim and its opposite are both supported."
    )


def test_warnings_of_a_trial_are_shown_with_its_claim(toy):
    """A measurement's warning is shown once, under its claim."""
    toy.add("""
@measurement
def hot(seeds, noise):
    import warnings
    warnings.warn("it is hot")
    return {"height": noise(seeds) + 1}

@claim("3.a", "Hot", seeds=16)
def test_hot(hot):
    return exceeds(hot.height, by=0.5)
""").run()

    assert toy.outcomes == {"2.a": "passed", "3.a": "passed"}
    assert toy.text.count("hot: UserWarning: it is hot") == 1


def test_diverged_replicates_are_counted(toy):
    """Training flags them; they stay in the sample."""
    toy.add("""
@measurement(level=[1, 2])
def wild(seeds, noise, level):
    return {"height": level * (1 + noise(seeds)), "diverged": np.array(seeds.values) == 3}

@claim("3.a", "Wild", seeds=16)
def test_wild(wild):
    return exceeds(wild.height.sel(level=2), wild.height.sel(level=1), by=0.5)
""").run()

    assert toy.claims["3.a"]["diverged"] == 2
    assert toy.outcomes["3.a"] == "passed"
