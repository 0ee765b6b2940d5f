import pytest

from course.lab.invented_words import WUG_CLASSES, make_long_wugs, make_wugs
from nmt.data import load_pairs
from nmt.pig_latin import rule_class

KNOWN = {pair.source for pair in load_pairs("large")}


@pytest.mark.parametrize("kind", WUG_CLASSES)
def test_invented_words_are_of_their_class_new_and_always_the_same(kind):
    found = make_wugs(kind, 100)
    assert len(set(found)) == 100 and not KNOWN & set(found)
    assert {rule_class(word) for word in found} == {kind}
    assert found == make_wugs(kind, 100) and found[:10] == make_wugs(kind, 10)


@pytest.mark.parametrize("letters", [6, 19, 35])
def test_long_invented_words_have_the_length_asked_for(letters):
    found = make_long_wugs(letters, 20)
    assert {len(word) for word in found} == {letters}
    assert len(set(found)) == 20 and not KNOWN & set(found)
    assert {rule_class(word) for word in found} <= {"consonant", "cluster"}
