"""The sandbox in which templates run: a small language without calls, bounded in every way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from jinja2 import Template, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup
from markupsafe import escape as escape_html

from relance.domain.message import Fixed
from relance.rendering import formats
from relance.rendering.values import Group, Missing, Unknown

LARGEST_TEXT = 1_000_000  # characters of a value that a template computes, and of a message
LOOP_BUDGET = 1_000_000  # characters of fixed text that all loops together may repeat
LOOP_STEP = 100  # what a turn costs beside its text: so at most 10,000 turns
_LARGEST_NUMBER = 1 << 256
# names that no template can spell
_SETTING = " setting"
_BOUNDED = " bounded"
_JOINED = " joined"

KEPT_FILTERS = (
    "abs", "capitalize", "e", "escape", "first", "float", "int", "last", "length", "list", "lower",
    "max", "min", "reverse", "round", "sort", "sum", "title", "trim", "truncate", "unique", "upper",
    "urlencode",
)  # fmt: skip

# What evaluating a template may raise. Messages of the builtin ones can hold values: never shown.
FAILURES = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(slots=True)
class Setting:
    """What one rendering's filters need to know."""

    locale: Locale
    zone: ZoneInfo
    currency: str
    budget: int = field(default=LOOP_BUDGET)

    def spend(self, cost: int) -> None:
        """Pay for one turn of a loop."""
        self.budget -= cost
        if self.budget < 0:
            raise SecurityError("the loops of this template run too long")


def referenced(text: str) -> str:
    """HTML whose characters outside ASCII are character references: the same page, of which
    every step to the wire copies and encodes one byte per character."""
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _referenced_value(value: object) -> object:
    if isinstance(value, str) and not value.isascii():
        return Markup(referenced(escape_html(value)))  # noqa: S704  escaped right here
    return value


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without methods and functions; data is reached by `group.name` only.

    With `escape`, values are text in HTML; with `refer`, they are `referenced` as well.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, escape: bool, refer: bool = False) -> None:
        super().__init__(
            undefined=Unknown,
            autoescape=escape,
            keep_trailing_newline=True,
            finalize=_referenced_value if refer else None,
        )
        kept = {name: self.filters[name] for name in KEPT_FILTERS}
        self.filters = {**kept, **_FILTERS}
        self.globals = {"range": self.globals["range"]}

    def getattr(self, obj: object, attribute: str) -> object:
        if type(obj) is Group:
            value = obj.get(attribute, obj)
            if value is None:
                return Missing(f"{obj.name}.{attribute}")
            return Unknown(name=f"{obj.name}.{attribute}") if value is obj else value
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else Unknown(name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: object, argument: Any) -> object:
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic whose result stays small; text is neither multiplied nor %-formatted."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("text cannot be formatted with %")
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise SecurityError("only numbers can be multiplied")
        if operator == "**" and not (_is_number(right) and abs(right) <= 16):
            raise SecurityError("powers above 16 are too large")
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and abs(result) > _LARGEST_NUMBER:
            raise SecurityError("this number is too large")
        return _bounded_text(result) if isinstance(result, str) else result


def _is_number(value: object) -> bool:
    return isinstance(value, Undefined) or not hasattr(value, "__len__")


def _bounded_text(text: Any) -> Any:
    if len(text) > LARGEST_TEXT:
        raise SecurityError(f"this text is longer than {LARGEST_TEXT:,} characters")
    return text


def _setting(context: Context) -> Setting:
    setting: Setting = context.parent[_SETTING]
    return setting


@pass_context
def _money(context: Context, value: object, currency: str | None = None) -> str:
    setting = _setting(context)
    _present(value)
    return formats.money(value, currency or setting.currency, setting.locale)


@pass_context
def _number(context: Context, value: object, digits: int | None = None) -> str:
    _present(value)
    return formats.number(value, digits, _setting(context).locale)


@pass_context
def _percent(context: Context, value: object, digits: int = 0) -> str:
    _present(value)
    return formats.percent(value, digits, _setting(context).locale)


@pass_context
def _date(context: Context, value: object, pattern: str = "long") -> str:
    setting = _setting(context)
    _present(value)
    return formats.day(value, pattern, setting.locale, setting.zone)


@pass_context
def _datetime(context: Context, value: object, pattern: str = "medium") -> str:
    setting = _setting(context)
    _present(value)
    return formats.moment(value, pattern, setting.locale, setting.zone)


def _present(value: object) -> None:
    """Let a missing value say so itself instead of failing as a wrong type."""
    if isinstance(value, Undefined):
        str(value)  # raises


def _default(value: object, fallback: object = "") -> object:
    """The fallback for a value that the customer does not have; a misspelt name still fails."""
    if isinstance(value, Missing):
        return fallback
    _present(value)
    return value


def _replace(value: str, old: str, new: str) -> str:
    _present(value)
    if len(value) * max(1, len(new)) > LARGEST_TEXT:
        raise SecurityError(f"this text is longer than {LARGEST_TEXT:,} characters")
    return value.replace(old, new)


@pass_context
def _turns(context: Context, items: Iterable[object], text: int) -> Iterator[object]:
    """A loop's items, each paid for out of the rendering's budget."""
    setting = _setting(context)
    for item in items:
        setting.spend(LOOP_STEP + text)
        yield item


@pass_context
def _join(context: Context, items: Iterable[object], separator: str = "") -> object:
    """Text put together: `|join` and `~`; escaped as the surrounding text is."""
    escape: Callable[[Any], str] = escape_html if context.eval_ctx.autoescape else str
    parts: list[str] = []
    length = 0
    for item in items:
        part = escape(item)
        length += len(part) + len(separator)
        if length > LARGEST_TEXT:
            raise SecurityError(f"this text is longer than {LARGEST_TEXT:,} characters")
        parts.append(part)
    return escape(separator).join(parts)


_FILTERS: dict[str, Callable[..., Any]] = {
    "d": _default,
    "date": _date,
    "datetime": _datetime,
    "default": _default,
    "join": _join,
    "money": _money,
    "number": _number,
    "percent": _percent,
    "replace": _replace,
    _BOUNDED: _turns,
    _JOINED: _join,
}
FILTERS = frozenset(name for name in (*KEPT_FILTERS, *_FILTERS) if not name.startswith(" "))


class _Preparing(NodeTransformer):
    """Puts every loop under the budget, every `~` under the limit on text, and the brand's
    values, which are the same for everybody, into the text itself; `refer` references that text.
    """

    def __init__(self, brand: Mapping[str, object], *, refer: bool) -> None:
        self._brand = brand
        self._refer = refer

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:  # noqa: N802
        if self._refer:
            node.data = referenced(node.data)
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802  jinja2 names it so
        if isinstance(node.node, nodes.Name) and node.node.name == "brand":
            value = self._brand.get(node.attr)
            if isinstance(value, str | int | float):
                return nodes.Const(value, lineno=node.lineno)
        self.generic_visit(node)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        text = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        node.iter = _filter(node.iter, _BOUNDED, [nodes.Const(text)])
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), _JOINED, [])


def _filter(value: nodes.Node, name: str, arguments: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(value, name, arguments, [], None, None, lineno=value.lineno)


ESCAPING = Sandbox(escape=True)
REFERRING = Sandbox(escape=True, refer=True)
PLAIN = Sandbox(escape=False)


_LONG = 1_000  # characters of a template's own text that are worth being one object everywhere


def _long_texts(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _long_texts(constant)
        elif isinstance(constant, str) and len(constant) >= _LONG:
            yield constant


class Program:
    """A compiled template."""

    def __init__(
        self,
        text: str,
        name: str,
        *,
        escape: bool,
        brand: Mapping[str, object],
        refer: bool = False,
    ) -> None:
        """Raises jinja2.TemplateSyntaxError."""
        sandbox = (REFERRING if refer else ESCAPING) if escape else PLAIN
        try:
            tree = _Preparing(brand, refer=refer).visit(sandbox.parse(text))
            tree = tree.set_environment(sandbox)
            code: CodeType = sandbox.compile(tree, name, name)
        except (SyntaxError, RecursionError, MemoryError):  # of the Python that Jinja writes
            raise TemplateSyntaxError("statements or brackets are nested too deep", 1) from None
        self._template = Template.from_code(sandbox, code, {}, None)
        self._fixed = {text: Fixed(text) for text in _long_texts(code)}
        self._sandbox = sandbox
        self._name = name

    def render(self, scope: Mapping[str, object], setting: Setting) -> str:
        """The text. Raises one of FAILURES."""
        return "".join(self.parts(scope, setting))

    def parts(self, scope: Mapping[str, object], setting: Setting) -> tuple[str, ...]:
        """The text as it comes: values, and between them the template's own text, the longer
        pieces of which are Fixed. Raises one of FAILURES."""
        parent = {"range": ESCAPING.globals["range"], **scope, _SETTING: setting}
        context = Context(self._sandbox, parent, self._name, {})
        fixed = self._fixed
        parts = tuple(
            part if len(part) < _LONG else fixed.get(part, part)
            for part in self._template.root_render_func(context)
        )
        if sum(map(len, parts)) > LARGEST_TEXT:
            raise SecurityError(f"the text is longer than {LARGEST_TEXT:,} characters")
        return parts

    def line_of(self, error: BaseException) -> int:
        """The line of the source that an error of `render` came from; 1 where unknown."""
        line = 1
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_globals.get("__jinja_template__") is self._template:
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line
