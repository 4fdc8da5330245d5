"""Every row of the protocol's twelve tables is one or two lines of this vocabulary.

The numbers are invented. The tests check that each claim can be written, and has the kind and the number of parts that
the protocol means.
"""

import numpy as np
import pytest
import xarray as xr

from pytest_claims import (
    all_of,
    at_least,
    at_most,
    between,
    decreases,
    equivalent,
    exactly,
    exceeds,
    increases,
    proportion,
    sooner,
    within,
)

NETWORKS, RIVALS = ["deep", "shallow"], ["svc", "svc auto", "tree"]
FOUR = ["relu", "tanh", "square", "sin"]
SIZES = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]


def array(**dims):
    """Make an array of 16 seeds with numbers between 0.1 and 0.9 in every cell."""
    values = np.random.default_rng(len(dims)).uniform(0.1, 0.9, (16, *(len(levels) for levels in dims.values())))
    return xr.DataArray(values, dims=("seed", *dims), coords={"seed": range(16), **dims}, name="accuracy")


mse = array(units=[2, 4, 16], function=["sin", "polynomial", "abs"])
depth = array(layers=[1, 2, 3])
size = array(technique=[*NETWORKS, *RIVALS, "lda", "forest", "boosting"], n=SIZES)
skill, train, octaves = size, size, array(technique=[*NETWORKS, *RIVALS])
networks, rivals = size.sel(technique=NETWORKS), size.sel(technique=RIVALS)
deep = size.sel(technique="deep", drop=False)
gain = size.sel(n=10_000) - size.sel(n=20)
ratio = array(resampling=["none", "oversampled", "shifted", "weighted"], ratio=[1, 10, 20, 50, 100])
none, over = ratio.sel(resampling="none"), ratio.sel(resampling="oversampled")
scaled = array(scaling=["own", "train"], ratio=[1, 100])
memory = array(labels=["true", "permuted"], n=[50, 100, 150, 200, 300])
steps = 1000 * memory
pca = array(components=["none", "10", "5", "1", "centred", "random"], D=[1, 50, 200, 2000])
wide = pca.sel(D=[200, 2000])
moons = array(activation=[*FOUR, "sign", "identity", "sigmoid"])
hidden = array(activation=["relu", "square"], hidden=[2, 8])
batch = array(batch=[1, 4, 16, 64, 256, 400])
loss = array(loss=["cross-entropy", "e1", "e2", "e4", "hinge"])
init = array(init=["glorot", "zeros", "ones", "N(0, .01)", "N(0, 1)"])
layer = 1000 * array(layer=[0, 1, 2, 3], data=["harmonic", "ones"])
harmonic = layer.sel(data="harmonic")
reg = array(penalty=["L1", "L2"], strength=[0, 0.1, 1])

ROWS = {
    "1.a": ("ordered", 9, lambda: decreases(np.log10(mse), "units", by=1, tolerance=0.15)),
    "1.b": ("proportion", 3, lambda: proportion(mse.sel(units=16) <= 0.1, above=0.1)),
    "1.c": ("ordered", 9, lambda: decreases(np.log10(mse), "units", by=1, tolerance=0.15)),
    "1.d": ("proportion", 1, lambda: proportion(mse.sel(units=16, function="sin") > 0.1, above=0.1)),
    "1.e": ("proportion", 3, lambda: proportion(mse.sel(units=16) <= 0.1, above=0.8)),
    "2.a": ("ordered", 3, lambda: increases(depth, "layers", by=0.05)),
    "2.b": ("proportion", 1, lambda: proportion(depth.sel(layers=3) > depth.sel(layers=1), above=0.5)),
    "2.c": ("ordered", 3, lambda: increases((10 * depth).round(), "layers", by=1)),
    "2.d": ("exact", 3, lambda: exactly(xr.full_like(depth, 152), 152)),
    "2.e": ("difference", 1, lambda: exceeds(depth.sel(layers=1), array().rename("honest"), by=0.02)),
    "3.a": ("ordered", 80, lambda: increases(size, "n", by=0.05)),
    "3.b": ("conjunction", 66, lambda: all_of(exceeds(networks, rivals),
                                              exceeds(networks.mean("n"), rivals.mean("n"), by=0.02))),
    "3.c": ("ordered", 15, lambda: increases((deep - rivals).sel(n=SIZES[:5]), "n", by=0.05)),
    "3.d": ("difference", 1, lambda: exceeds(deep.mean("n"), size.sel(technique="shallow").mean("n"))),
    "3.e": ("level", 2, lambda: at_least(skill.sel(n=10_000, technique=RIVALS[:2]), 0.8)),
    "3.f": ("difference", 3, lambda: exceeds(octaves.sel(technique="deep"), octaves.sel(technique=RIVALS), by=1)),
    "3.g": ("difference", 2, lambda: exceeds(deep.sel(n=10_000),
                                             size.sel(n=10_000, technique=["forest", "boosting"]), by=0.02)),
    "3.h": ("difference", 50, lambda: exceeds(size.sel(technique="lda"), size.sel(technique=NETWORKS + RIVALS),
                                              by=-0.01)),
    "3.i": ("difference", 4, lambda: exceeds(gain.sel(technique="deep"),
                                             gain.sel(technique=["shallow", *RIVALS]), by=0.02)),
    "3.j": ("difference", 6, lambda: exceeds(networks.sel(n=[50, 100, 200]).mean("n"),
                                             rivals.sel(n=[50, 100, 200]).mean("n"), by=0.02)),
    "3.k": ("level", 1, lambda: at_most((train - size).sel(technique="deep", n=[50, 100, 200]).mean("n"), 0.05)),
    "3.l": ("level", 1, lambda: at_least(skill.sel(n=20_000, technique="svc"), 0.95)),
    "4.a": ("ordered", 5, lambda: decreases(none, "ratio", by=0.10)),
    "4.b": ("level", 1, lambda: at_most(none.sel(ratio=100), 0.55)),
    "4.c": ("difference", 4, lambda: exceeds(over.sel(ratio=[10, 20, 50, 100]), none.sel(ratio=[10, 20, 50, 100]),
                                             by=0.05)),
    "4.d": ("conjunction", 10, lambda: all_of(decreases(none, "ratio", by=0.10), exceeds(over, none, by=0.05))),
    "4.e": ("equivalence", 1, lambda: equivalent(ratio.sel(ratio=50, resampling=["oversampled", "weighted"]),
                                                 "resampling", within=0.02)),
    "4.f": ("difference", 1, lambda: exceeds(ratio.sel(resampling="shifted", ratio=100) - none.sel(ratio=100),
                                             (over - none).sel(ratio=100) / 2)),
    "4.g": ("difference", 1, lambda: exceeds(scaled.sel(scaling="train", ratio=100),
                                             scaled.sel(scaling="own", ratio=100), by=0.02)),
    "5.a": ("level", 3, lambda: at_least(memory.sel(labels="permuted", n=[50, 100, 150]), 0.95)),
    "5.b": ("level", 2, lambda: at_most(memory.sel(labels="permuted", n=[200, 300]), 0.95)),
    "5.c": ("time", 2, lambda: sooner(steps.sel(labels="true", n=[100, 150]),
                                      steps.sel(labels="permuted", n=[100, 150]), by=1.25, budget=2500,
                                      resolution=50)),
    "5.d": ("level", 1, lambda: at_least(memory.sel(labels="permuted", n=300), 0.95)),
    "5.e": ("level", 1, lambda: at_least(memory.sel(labels="permuted", n=300), 0.95)),
    "6.a": ("difference", 1, lambda: exceeds(pca.sel(components="none", D=[1, 50]).mean("D"),
                                             pca.sel(components="none", D=[200, 2000]).mean("D"), by=0.10)),
    "6.b": ("difference", 4, lambda: exceeds(wide.sel(components=["10", "5"]), wide.sel(components="none"), by=0.10)),
    "6.c": ("ordered", 3, lambda: increases(array(n=[50, 100, 200]), "n", by=1)),
    "6.d": ("conjunction", 5, lambda: all_of(ROWS["6.a"][2](), ROWS["6.b"][2]())),
    "6.e": ("difference", 2, lambda: exceeds(wide.sel(components="5"), wide.sel(components="1"), by=0.10)),
    "6.f": ("difference", 2, lambda: exceeds(wide.sel(components="centred"), wide.sel(components="10"), by=-0.02)),
    "6.g": ("difference", 2, lambda: exceeds(wide.sel(components="10"), wide.sel(components="random"), by=0.05)),
    "6.h": ("difference", 2, lambda: exceeds(wide.sel(components="none"), wide.sel(components="centred"), by=0.25)),
    "7.a": ("level", 4, lambda: at_least(moons.sel(activation=FOUR), 0.95)),
    "7.b": ("equivalence", 6, lambda: equivalent(moons.sel(activation=FOUR), "activation", within=0.02)),
    "7.c": ("difference", 4, lambda: exceeds(moons.sel(activation=FOUR), moons.sel(activation="identity"), by=0.05)),
    "7.d": ("difference", 4, lambda: exceeds(moons.sel(activation=FOUR), moons.sel(activation="sign"), by=0.01)),
    "7.e": ("difference", 4, lambda: exceeds(moons.sel(activation=FOUR[:2]), moons.sel(activation=FOUR[2:]),
                                             by=0.01)),
    "7.f": ("difference", 1, lambda: exceeds(*((hidden.sel(activation="relu") - hidden.sel(activation="square"))
                                               .sel(hidden=n) for n in (8, 2)), by=0.05)),
    "7.g": ("difference", 4, lambda: exceeds(moons.sel(activation=FOUR), moons.sel(activation="sigmoid"), by=0.05)),
    "7.h": ("level", 1, lambda: within(moons.sel(activation="identity"), 0.88, 0.03)),
    "8.a": ("ordered", 6, lambda: decreases(np.log10(batch), "batch", by=1)),
    "8.b": ("ordered", 6, lambda: decreases(batch, "batch", by=0.02)),
    "8.c": ("ordered", 6, lambda: decreases(batch, "batch", by=0.02)),
    "8.d": ("difference", 2, lambda: exceeds(batch.sel(batch=64), batch.sel(batch=[1, 400]), by=0.01)),
    "8.e": ("time", 5, lambda: sooner(batch.sel(batch=64), batch.sel(batch=[1, 4, 16, 256, 400]), budget=10.0,
                                      resolution=0.01)),
    "8.f": ("difference", 1, lambda: exceeds(array().rename("5x") - batch.sel(batch=400),
                                             (batch.sel(batch=16) - batch.sel(batch=400)) / 2)),
    "8.g": ("ordered", 6, lambda: increases(batch, "batch", by=0.05, tolerance=0.01)),
    "9.a": ("equivalence", 10, lambda: equivalent(loss, "loss", within=0.03)),
    "9.b": ("exact", 1, lambda: exactly(xr.zeros_like(array()), 0)),
    "9.c": ("difference", 1, lambda: between(loss.drop_sel(loss="e4").mean("loss"), loss.sel(loss="e4"),
                                             low=0.005, high=0.03)),
    "9.d": ("difference", 4, lambda: exceeds(loss.sel(loss="cross-entropy"), loss.drop_sel(loss="cross-entropy"),
                                             by=0.01)),
    "9.e": ("conjunction", 11, lambda: all_of(ROWS["9.a"][2](), ROWS["9.b"][2]())),
    "10.a": ("level", 2, lambda: at_least(init.sel(init=["glorot", "N(0, .01)"]), 0.8)),
    "10.b": ("difference", 1, lambda: exceeds(init.sel(init="glorot"), init.sel(init="N(0, .01)"), by=0.01)),
    "10.c": ("level", 1, lambda: at_least(init.sel(init="zeros"), 0.5)),
    "10.d": ("level", 1, lambda: at_most(init.sel(init="ones"), 0.2)),
    "10.e": ("difference", 1, lambda: exceeds(init.sel(init="glorot"), init.sel(init="N(0, 1)"), by=0.05)),
    "10.f": ("difference", 4, lambda: exceeds(array(threads=[1, 2], step=[500, 2500]), array(step=[500, 2500]),
                                              by=0.05)),
    "10.g": ("difference", 1, lambda: exceeds(init.sel(init="glorot"), init.sel(init="zeros"), by=0.05)),
    "10.h": ("difference", 1, lambda: exceeds(array().rename("constant 0.01"), init.sel(init="ones"), by=0.20)),
    "10.i": ("difference", 2, lambda: exceeds(init.sel(init="zeros"), init.sel(init=["N(0, 1)", "ones"]), by=0.10)),
    "10.j": ("difference", 4, lambda: exceeds(init.sel(init="glorot"), init.drop_sel(init="glorot"), by=0.01)),
    "10.k": ("difference", 1, lambda: exceeds(array().rename("fan-in") - init.sel(init="N(0, 1)"),
                                              (init.sel(init="glorot") - init.sel(init="N(0, 1)")) / 2)),
    "11.a": ("ordered", 4, lambda: decreases(harmonic, "layer", by=75, resolution=2)),
    "11.b": ("ordered", 4, lambda: decreases(harmonic, "layer", by=75, resolution=2)),
    "11.c": ("ordered", 4, lambda: increases(harmonic, "layer", by=75, resolution=2)),
    "11.d": ("difference", 1, lambda: exceeds(*((layer.sel(layer=0) - layer.sel(layer=3)).sel(data=data)
                                                for data in ("harmonic", "ones")), by=75, resolution=2)),
    "11.e": ("difference", 3, lambda: exceeds(np.log2(harmonic.sel(layer=[0, 1, 2])), np.log2(harmonic.sel(layer=3)),
                                              by=np.log2(1.25))),
    "12.a": ("ordered", 6, lambda: decreases(np.log2(reg), "strength", by=1)),
    "12.b": ("level", 1, lambda: at_least(reg.sel(penalty="L1", strength=1), 0.5)),
    "12.c": ("conjunction", 2, lambda: all_of(at_most(reg.sel(penalty="L2", strength=1), 0.5),
                                              exceeds(reg.sel(penalty="L1", strength=1) / 2,
                                                      reg.sel(penalty="L2", strength=1)))),
    "12.d": ("difference", 1, lambda: exceeds(reg.sel(penalty="L1", strength=0), reg.sel(penalty="L1", strength=1),
                                              by=0.02)),
    "12.e": ("difference", 1, lambda: exceeds(reg.sel(penalty="L2", strength=1), reg.sel(penalty="L1", strength=1),
                                              by=0.01)),
    "12.f": ("difference", 1, lambda: exceeds(reg.sel(penalty="L2", strength=0.1), reg.sel(penalty="L2", strength=0),
                                              by=0.005)),
    "12.g": ("difference", 1, lambda: exceeds(reg.sel(penalty="L2", strength=0), reg.sel(penalty="L2", strength=1),
                                              by=0.02)),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_protocol_can_be_said(row):
    """Kind, number of parts, a verdict and a control; the claim and its reverse are not both supported."""
    kind, parts, build = ROWS[row]
    hypothesis = build()

    assert (hypothesis.kind, len(hypothesis.parts)) == (kind, parts)
    verdicts = [claim.judge().verdict for claim in (hypothesis, hypothesis.reversed())]
    assert set(verdicts) <= {"supported", "refuted", "inconclusive"}
    assert verdicts.count("supported") <= 1
    assert hypothesis.control(np.random.default_rng(0), worlds=40).worlds == 40
    assert len({part.text for part in hypothesis.parts}) == parts
    assert hypothesis.conditions
