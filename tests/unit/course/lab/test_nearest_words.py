from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from course.lab.nearest_words import LookAlike, edit_distances, look_alikes

short = st.text("abc", max_size=6)


def slow_distance(a, b):
    """The definition, word for word."""

    @cache
    def d(i, j):
        if not i or not j:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


@given(short, st.lists(short, min_size=1, max_size=5))
def test_distances_are_those_of_the_definition(word, others):
    assert edit_distances(word, others).tolist() == [slow_distance(word, other) for other in others]


def test_the_nearest_word_is_found():
    assert edit_distances("kitten", ["sitting", "kitten", "mitten"]).tolist() == [3, 0, 1]
    assert look_alikes(["kitten", "cat"], ["sitting", "mitten", "bat", "car"]) == [
        LookAlike("kitten", "mitten", 1),
        LookAlike("cat", "bat", 1),
    ]
