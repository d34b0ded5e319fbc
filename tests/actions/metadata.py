"""JSON texts for `tag_metadata`: every kind of value, in every notation that means the same."""

import json
from functools import cache
from itertools import pairwise

from hypothesis import strategies as st

# The texts of a line are the same JSON value; two lines never are. Lines that are easily mistaken are neighbours.
VALUES = [
    ["null", " null "],
    ["false"],
    ["0", "-0", "0.0", "-0.0", "0e5", "0E-7"],
    ["-1", "-1.0", "-10e-1"],
    ["1", "1.0", "1e0", "10e-1", "0.1E1", "1.000"],
    ["true"],
    ["100", "1e2", "1E+2", "100.00"],
    ["0.1", "1e-1", "0.10", "0.01e1"],
    ["0.1000000000000000055511151231257827021181583404541015625"],  # the double nearest to 0.1, in full
    ["0.10000000000000000555111512312578270211815834045410156251"],
    ["9007199254740992", "9007199254740992.0", "9.007199254740992e15"],  # 2 ** 53
    ["9007199254740993", "9007199254740993.0"],
    ["123456789012345678901234567890123456789", "123456789012345678901234567890123456789.0"],
    ["123456789012345678901234567890123456789.5"],
    ["1e-30", "0.1e-29"],
    ['""', ' "" '],
    ['"null"'],
    ['"1"'],
    ['"a"', r'"\u0061"'],
    ['"A"'],
    ['"é"', r'"\u00e9"'],  # one code point
    ['"e\N{COMBINING ACUTE ACCENT}"', r'"e\u0301"'],  # two, and another string
    ['"😀"', r'"\ud83d\ude00"'],
    [r'"\u2028"', '"\N{LINE SEPARATOR}"'],
    [r'"\u0001\t\\\"\/"', r'"\u0001\u0009\u005c\u0022/"'],
    [r'"\uffff"', '"\uffff"'],
    ["[]", "[ ]"],
    ["[null]"],
    ["[[]]"],
    ["[1,2]", "[1.0, 2e0]"],
    ["[2,1]"],
    ["{}", "{ }"],
    ['{"a":null}'],
    ['{"a":1,"b":[true,null]}', '{"b": [true, null], "a": 1.0}', r'{"\u0062":[true,null],"a":1e0}'],
    ['{"a":1,"b":[null,true]}'],
    ['{"a":{"b":{}},"A":1}', '{ "A" : 1.0, "a" : { "b" : { } } }'],
]

# Strategies are made once: Hypothesis looks a new one through before it draws from it, which takes longer than drawing.
_PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)


_NOTATIONS = [st.permutations(one + other) for one, other in pairwise(VALUES)]


@cache
def notations_of_neighbours() -> st.SearchStrategy[list[str]]:
    """Every notation of two values that are easily mistaken, in any order."""
    return st.one_of(_NOTATIONS)


@st.composite
def related_texts(draw: st.DrawFn) -> list[str | None]:
    """What a batch can choose from: two values that are easily mistaken, any other one, or none."""
    return [None, *draw(notations_of_neighbours()), draw(_made_up())]


@cache
def _made_up() -> st.SearchStrategy[str]:
    scalars = st.sampled_from([text for texts in VALUES for text in texts]) | _numbers() | _strings()
    return st.recursive(scalars, lambda inner: _arrays(inner) | _objects(inner), max_leaves=6)


def _numbers() -> st.SearchStrategy[str]:
    whole = st.integers(-(10**45), 10**45).map(str)
    fraction = st.just("") | st.integers(0, 10**40).map(lambda digits: f".{digits}")
    exponent = st.just("") | st.integers(-30, 30).map(lambda power: f"e{power}")
    return st.builds("".join, st.tuples(whole, fraction, exponent))


def _strings() -> st.SearchStrategy[str]:
    return st.builds(json.dumps, _PLAIN, ensure_ascii=st.booleans())


def _arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")


def _objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    keys = st.sampled_from(["", "a", "A", "é", "10", "9"]) | _PLAIN
    members = st.dictionaries(keys, inner, max_size=3).map(lambda members: list(members.items()))
    shuffled = members.flatmap(st.permutations)
    return shuffled.map(lambda pairs: "{" + ", ".join(f"{json.dumps(key)}: {item}" for key, item in pairs) + "}")
