"""JMESPath expressions (jmespath.org) within bounds: people write them, and they meet whatever producers send.

The library evaluates an expression without asking how large a result becomes: `[@,@][]`, piped into itself, doubles at
every step. So an expression is measured when it is saved, and what it makes is weighed while it runs.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from jmespath.exceptions import IncompleteExpressionError, JMESPathError, ParseError
from jmespath.functions import Functions
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

MAX_NODES = 250
MAX_DEPTH = 40
# Steps of one evaluation, and the weight of all lists, objects and texts that it makes; a tenth of a second at most.
_BUDGET = 200_000
# Characters of a text that weigh as much as one number.
_LIGHT_TEXT = 64

_FUNCTIONS: dict[str, Any] = Functions.FUNCTION_TABLE


class BadExpression(ValueError):
    """Not an expression that a rule may have; the message is for the person who wrote it."""


class EvaluationFailed(Exception):
    """It could not be evaluated over this data; the message names the kind of error alone, for data may be secret."""


class Document:
    """JSON data as expressions see it: exact decimals become floats, which the library can compare."""

    def __init__(self, value: Any) -> None:
        self.weights: dict[int, int] = {}
        self.value = self._plain(value)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, dict):
            value = {name: self._plain(member) for name, member in value.items()}
            self.weights[id(value)] = 1 + sum(_weight(member, self.weights) for member in value.values())
        elif isinstance(value, list):
            value = [self._plain(member) for member in value]
            self.weights[id(value)] = 1 + sum(_weight(member, self.weights) for member in value)
        return value


def check_expression(expression: str) -> None:
    """Raises BadExpression."""
    for count, (node, depth) in enumerate(_nodes(_parsed(expression)), start=1):
        if count > MAX_NODES:
            raise BadExpression(_("The expression has more than %d parts; make two rules of it") % MAX_NODES)
        if depth > MAX_DEPTH:
            raise BadExpression(_("The expression is nested deeper than %d levels") % MAX_DEPTH)
        if node["type"] == "function_expression":
            _check_call(node["value"], len(node["children"]))


def holds(expression: str, document: Document) -> bool:
    """Whether the result counts as true in JMESPath: not null, false, or an empty text, list or object.

    Raises EvaluationFailed.
    """
    try:
        result = _Evaluation(document).visit(_parsed(expression), document.value)
    except Exception as error:  # the library lets Python's own errors through, whichever the data leads to
        raise EvaluationFailed(type(error).__name__) from error
    return not (result is None or result is False or (isinstance(result, str | list | dict) and not result))


@lru_cache(maxsize=512)
def _parsed(expression: str) -> dict[str, Any]:
    try:
        parsed: Any = Parser().parse(expression).parsed
    except IncompleteExpressionError as error:
        raise BadExpression(_("Not a JMESPath expression: something is missing at its end")) from error
    except ParseError as error:
        place = error.lex_position + 1
        raise BadExpression(_("Not a JMESPath expression: it goes wrong at character %d") % place) from error
    except JMESPathError as error:
        raise BadExpression(_("Not a JMESPath expression: it is empty, or holds a text without its end")) from error
    except (RecursionError, ValueError) as error:
        raise BadExpression(_("The expression is nested too deep")) from error
    return dict(parsed)


def _nodes(root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """Every node with its depth, without recursion."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        # The children of a slice are numbers.
        waiting += [(child, depth + 1) for child in node["children"] if isinstance(child, dict)]


def _check_call(name: str, given: int) -> None:
    """The library would find it out at the first evaluation, and the rule would never match."""
    if name not in _FUNCTIONS:
        raise BadExpression(_("There is no function %s() in JMESPath") % name)
    signature = _FUNCTIONS[name]["signature"]
    many = bool(signature and signature[-1].get("variadic"))
    if given < len(signature) or (given > len(signature) and not many):
        words = (
            _("The function %(name)s() takes at least %(wanted)d arguments, not %(given)d")
            if many
            else _("The function %(name)s() takes %(wanted)d arguments, not %(given)d")
        )
        raise BadExpression(words % {"name": name, "wanted": len(signature), "given": given})


class _OverBudget(Exception):
    pass


class _Evaluation(TreeInterpreter):
    """One expression over one document. What the document holds is free; what is made of it is weighed.

    Lists may hold the same list many times over, so that little memory stands for a lot of work to come: a weight
    counts it each time.
    """

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._of_data = document.weights
        self._weights: dict[int, int] = {}
        self._made: list[Any] = []  # keeps them alive: ids of dead objects are used again
        self._left = _BUDGET

    def visit(self, node: Any, *args: Any, **options: Any) -> Any:
        self._spend(1)
        result = super().visit(node, *args, **options)
        if isinstance(result, list | dict):
            if id(result) not in self._of_data and id(result) not in self._weights:
                self._weigh(result)
        elif isinstance(result, str) and node["type"] == "function_expression":
            self._spend(len(result) // _LIGHT_TEXT)
        return result

    def _weigh(self, made: list[Any] | dict[str, Any]) -> None:
        members = made.values() if isinstance(made, dict) else made
        weight = 1
        for member in members:
            if isinstance(member, list | dict) and not self._known(member):
                self._weigh(member)
            weight += _weight(member, self._of_data) or self._weights[id(member)]
        self._weights[id(made)] = weight
        self._made.append(made)
        self._spend(weight)

    def _known(self, value: Any) -> bool:
        return id(value) in self._of_data or id(value) in self._weights

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise _OverBudget


def _weight(value: Any, weights: dict[int, int]) -> int:
    """0 for a list or an object that is not among the weights."""
    if isinstance(value, list | dict):
        return weights.get(id(value), 0)
    return 1 + len(value) // _LIGHT_TEXT if isinstance(value, str) else 1
