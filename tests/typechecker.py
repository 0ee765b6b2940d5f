"""The checks that the import hook of `conftest.py` puts around the functions of `nmt` and `course`.

jaxtyping ties the sizes of all tensors of a call together, which takes some 50 µs a call. Where a
signature has no shapes, beartype alone says as much in 1 µs.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

with_sizes = jaxtyping.jaxtyped

# An int is welcome where a float is asked for, as type checkers have it.
check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))


def jaxtyped(typechecker: Any) -> Callable[[Any], Any]:
    """Takes the place of jaxtyping's decorator in the hook: of a class only what a dataclass is
    made of is checked, for its methods are decorated themselves.
    """

    def decorate(what: Any) -> Any:
        if isinstance(what, type):
            if dataclasses.is_dataclass(what) and "__init__" in vars(what):
                what.__init__ = decorate(what.__init__)
            return what
        if not callable(what) or isinstance(what, staticmethod):
            return with_sizes(what, typechecker=typechecker)
        try:
            hints = typing.get_type_hints(what).values()
        except NameError:  # a name that is known inside another function alone
            return with_sizes(what, typechecker=typechecker)
        if any(map(_is_shape, hints)):
            return with_sizes(what, typechecker=typechecker)
        if all(hint is Any for hint in hints):  # of the small ones inside others, made at each call
            return what
        return _may_be_disabled(what, check(what))

    return decorate


def _may_be_disabled(function: Any, checked: Any) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if jaxtyping.config.jaxtyping_disable:
            return function(*arguments, **named)
        return checked(*arguments, **named)

    return call


def _is_shape(hint: Any) -> bool:
    if isinstance(hint, list):  # the arguments of a Callable
        return any(map(_is_shape, hint))
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_is_shape, typing.get_args(hint)))
