"""The figure of an intervention: two answers, letter by letter."""

from says import spelled

from course.plots.interventions import align_answers, plot_intervention


def test_answers_stand_below_each_other_letter_by_letter() -> None:
    assert align_answers("eetstray", "etstray") == [(0, None), *((n, n - 1) for n in range(1, 8))]
    assert align_answers("abc", "axc") == [(0, 0), (1, 1), (2, 2)]
    assert align_answers("ab", "") == [(0, None), (1, None)]
    assert align_answers("a", "abc")[-1] == (None, 2)


def test_a_reading_says_what_happened_in_every_case() -> None:
    right = spelled("team", "eamtay")
    for answer, told in {
        "eamtay": "as before. The model is least sure of letter 1, e: 90.0% now, 90.0% before.",
        "eamay": "One letter changes: letter 4, t (90% sure), is left out.",
        "eamtaay": "One letter changes: a (90% sure) is put in as letter",
        "oamtay": "One letter changes: letter 1, e (90% sure), becomes o (90% sure).",
        "oamtas": "2 letters change; the first: letter 1",
    }.items():
        assert told in plot_intervention(right, spelled("team", answer), ["x"]).reading
    wrong = spelled("team", "team")
    assert "which is now right" in plot_intervention(wrong, right, []).reading
    same = plot_intervention(wrong, wrong, []).reading
    assert "team → team, as before; the rule says eamtay." in same
