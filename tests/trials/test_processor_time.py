"""What a trial cost: wall time, processor time, and when it began."""


def test_a_trial_says_when_it_began_and_what_it_used(toy):
    """Processor time is reported beside the seconds that passed; neither is compared between runs."""
    toy.write().run()
    trials = toy.claims["2.a"]["seconds_by_trial"]

    assert trials
    assert all(trial["processor_s"] >= 0 for trial in trials)
    assert all(trial["products"] == {} for trial in trials)  # nothing is trained
    assert [trial["began"] for trial in trials] == sorted(trial["began"] for trial in trials)
