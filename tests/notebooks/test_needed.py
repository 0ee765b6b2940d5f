import pytest
from needed import names


@pytest.mark.parametrize(
    ("source", "bound", "read"),
    [
        ("for one in words: print(one)", {"one"}, {"words", "print"}),
        ("total += 1", {"total"}, {"total"}),
        ("[one for one in words if one != two]", set(), {"words", "two"}),
        ("import a.b\nfrom c import d as e\na.x(e)", {"a", "e"}, set()),
        ("def f(x, y=z):\n    inner = x + y\n    return g(inner, k)", {"f"}, {"z", "g", "k"}),
        ("class C(B):\n    n = 1\n    m = n + o", {"C"}, {"B", "o", "__name__"}),
        ("with open(p) as file: text = file.read()", {"file", "text"}, {"open", "p"}),
        ("f'{a:{b}}' if (c := d) else c", {"c"}, {"a", "b", "d"}),
    ],
)
def test_a_cell_needs_what_it_has_not_bound_itself(source, bound, read):
    assert names(source) == (bound, read)
