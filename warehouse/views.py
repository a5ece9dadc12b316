"""The files of sql/: the views and macros of a snapshot, what each answers, and what its columns mean.

The comment at a file's head is its question. A line `-- column <name>: [unit] meaning` there declares a column that the
file computes; a column that passes through has the comment of the table or view that it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files as package_files
from itertools import chain
from typing import TYPE_CHECKING, Final

from iolake import schemas
from iolake.schemas import coverage, ddl, rules
from iolake.schemas.errors import PermanentError
from iolake.schemas.ledger import LEDGER
from iolake.schemas.lustre import MD_OPS
from iolake.schemas.mart import Mart

if TYPE_CHECKING:
    import duckdb

SQL_GROUP: Final = "iolake.sql"
"""Entry points of this group name packages whose .sql files join those of iolake."""
_COLUMN: Final = re.compile(r"--\s*column\s+(\w+):\s*(.+)")
_BETWEEN: Final = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|(?:\s|--[^\n]*|/\*.*?\*/)+""", re.DOTALL)
"""A string, a quoted name, or the space between two words."""
_CALL: Final = re.compile(r"FROM \w+\(.*\)")
_VIEW: Final = re.compile(r"CREATE OR REPLACE VIEW \"?\w+\"? AS (.+?);?", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(r"CREATE\s+OR\s+REPLACE\s+(VIEW|MACRO)\s+\"?(\w+)", re.IGNORECASE)

_DECLARED: Final = {
    "rules": rules.as_sql(),
    "seen_enough_pct": f"{coverage.SEEN_ENOUGH_PCT}",
    "largest_share": f"{coverage.LARGEST_SHARE}",
}
"""The text that replaces `{name}` in a .sql file."""

Comments = dict[str, dict[str, str]]
"""The comment of each column, by relation and column."""


class SqlError(PermanentError):
    """A .sql file that cannot be used: which file, what is wrong."""

    def __init__(self, name: str, problem: str) -> None:
        self.name, self.problem = name, problem
        super().__init__(f"{name}.sql: {problem}")


def sql_files() -> dict[str, str]:
    """The statements of sql/ and of plug-ins by the name that each defines; a file follows those that it names.

    Raises SqlError where there are no files, two have one name, or one defines another name than its own.
    """
    waiting = dict(sorted(_texts().items()))
    ordered: dict[str, str] = {}
    while waiting:
        ready = [name for name, text in waiting.items() if not words(text) & (waiting.keys() - {name})]
        if not ready:
            raise SqlError(next(iter(waiting)), f"it and {', '.join([*waiting][1:])} need each other")
        ordered |= {name: waiting.pop(name) for name in ready}
    return ordered


FOR_MODELS = ("lustre_during",)
"""Macros that take windows from a view and that a mart's model calls as well, by the name <macro>_for_models.

DuckDB expands no macro within itself, and so it would be where the view's rows come from the model.
"""


@cache
def _texts() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in ("iolake.sql", *sorted(point.value for point in entry_points(group=SQL_GROUP))):
        parent, _, folder = package.rpartition(".")
        root = package_files(parent) / folder if package == "iolake.sql" else package_files(package)
        here = {f.name.removesuffix(".sql"): f.read_text() for f in root.iterdir() if f.name.endswith(".sql")}
        if not here:
            raise SqlError(f"{package}/*", "the package has no .sql file; install it again")
        for name, text in here.items():
            if name in found:
                raise SqlError(name, f"{package} has a file of a name that is taken; give it another")
            defined = _NAME.search(text)
            if defined is None or defined[2] != name:
                raise SqlError(name, f"{package}: the file must hold CREATE OR REPLACE VIEW or MACRO {name}")
            found[name] = _expanded(text)
    for name in FOR_MODELS:
        if name in found:
            found[f"{name}_for_models"] = re.sub(rf"\b{name}\b", f"{name}_for_models", found[name])
    return found


def _expanded(text: str) -> str:
    """The text with the rules and numbers that schemas declare.

    A line that holds `{op}` stands once for each metadata operation with a column.
    """
    for name, value in _DECLARED.items():
        text = text.replace(f"{{{name}}}", value)
    lines = (
        [line.replace("{op}", op) for op in MD_OPS] if "{op}" in line else [line] for line in text.splitlines(True)
    )
    return "".join(chain.from_iterable(lines))


@cache
def code(text: str) -> str:
    """A text of SQL without its comments, each space or line break between words as one space."""
    return _BETWEEN.sub(lambda found: found[1] or " ", text).strip()


@cache
def words(text: str) -> frozenset[str]:
    """The words of a statement, without those of its comments."""
    return frozenset(re.findall(r"\w+", code(text)))


def _head(text: str) -> list[str]:
    """The lines of the comment at a file's head."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("--"):
            lines.append(line)
        elif line.strip():
            break
    return lines


def question(text: str) -> str:
    """The question that a file answers: the comment at its head, without declared columns and example calls."""
    lines = [line.removeprefix("--").strip() for line in _head(text) if not _COLUMN.match(line)]
    return " ".join(line for line in lines if not _CALL.fullmatch(line))


def declared_columns(text: str) -> dict[str, str]:
    """The comments that a file's head declares, by column."""
    return {m[1]: m[2].strip() for line in _head(text) if (m := _COLUMN.match(line))}


def query_of(text: str) -> str | None:
    """The query of a file that defines a view of no more than a name and a query, and nothing else."""
    found = _VIEW.fullmatch(code(text))
    return found[1] if found and ";" not in found[1] else None


def kind(text: str) -> str:
    """The kind of object that a file defines, as COMMENT ON names it: VIEW, MACRO TABLE or MACRO."""
    upper = code(text).upper()
    if "CREATE OR REPLACE VIEW" in upper:
        return "VIEW"
    return "MACRO TABLE" if "AS TABLE" in upper else "MACRO"


def example(name: str, text: str) -> str:
    """The first call of a macro in its file's head: `FROM name(...)`; empty without one."""
    call = re.compile(rf"FROM {name}\(.*\)")
    return next((m[0] for line in _head(text) if (m := call.search(line))), "")


def table_comments() -> Comments:
    """The comment of every column of the declared tables and of the ledger."""
    tables: Comments = {t.name: {c.name: c.comment for c in t.all_columns} for t in schemas.tables().values()}
    return tables | {t.name: {c.name: c.comment for c in t.columns} for t in LEDGER}


def comments_of(text: str, columns: list[str], known: Comments) -> dict[str, str]:
    """The comment of each of a file's `columns` that has one.

    The head declares it, or a relation that the file names has a column of that name, unless the file computes the
    column itself (`... AS name`). The relation that the file names first decides.
    """
    declared = declared_columns(text)
    statement = code(text)
    relations = [known[word] for word in dict.fromkeys(re.findall(r"\w+", statement)) if word in known]
    found = {}
    for column in columns:
        inherited = next((r[column] for r in relations if column in r), None)
        if column in declared:
            found[column] = declared[column]
        elif inherited is not None and not _computes(statement, column):
            found[column] = inherited
    return found


def _computes(statement: str, column: str) -> bool:
    """Whether a statement gives the name to an expression other than a column of that name."""
    name = rf'"?{re.escape(column)}"?'
    same = rf"any_value\((\w+\.)?{name}\)|\b\w+\.{name}|(?<!\w){name}|\bNULL(::\w+)?"
    statement = re.sub(rf"({same}) AS {name}(?!\w)", "", statement)
    return re.search(rf"\bAS {name}(?!\s*\(|\w)", statement) is not None


def columns_of(con: duckdb.DuckDBPyConnection, name: str, text: str) -> list[tuple[str, str]]:
    """(name, type) of each column of a view, or of what a table macro returns, that is there to ask."""
    query = f"FROM {ddl.quote(name)}"
    if kind(text) == "MACRO":
        return []
    if kind(text) == "MACRO TABLE":
        query = example(name, text) or f"{query}({', '.join(['NULL'] * len(required_parameters(text)))})"
    return [(row[0], row[1]) for row in con.execute(f"DESCRIBE {query}").fetchall()]


def required_parameters(text: str) -> list[str]:
    """The parameters of a macro that have no default."""
    return [p for p in parameters(text) if ":=" not in p]


def parameters(text: str) -> list[str]:
    """The parameters of a macro as its file writes them: `name`, or `name := default`."""
    found = re.search(r"MACRO\s+\"?\w+\"?\s*\((.*?)\)\s+AS\b", code(text), re.IGNORECASE | re.DOTALL)
    return [p.strip() for p in found[1].split(",") if p.strip()] if found else []


def comment_statements(con: duckdb.DuckDBPyConnection, name: str, text: str, known: Comments) -> Iterator[str]:
    """The statements that put a file's question, and the meaning of a view's columns, into the catalog.

    DuckDB has no comments on the columns of a macro: its comment is its question and, on a second line, its call.
    `known` gains the comments of this file's columns.
    """
    form, named, comment = kind(text), ddl.quote(name), question(text)
    columns = [] if is_of_models(name) else columns_of(con, name, text)
    meanings = comments_of(f"{text}\n{example(name, text)}", [c for c, _ in columns], known)
    known[name] = known.get(name, {}) | meanings
    if form == "VIEW":
        yield f"COMMENT ON VIEW {named} IS {ddl.literal(comment)}"
        yield from (f"COMMENT ON COLUMN {named}.{ddl.quote(c)} IS {ddl.literal(m)}" for c, m in meanings.items())
    else:
        call = f"{name}({', '.join(parameters(text))})"
        yield f"COMMENT ON {form} {named} IS {ddl.literal(f'{comment}{chr(10)}{call}')}"


def is_of_models(name: str) -> bool:
    """Whether a macro is a model, or one that models alone call."""
    return is_model(name) or name in {f"{macro}_for_models" for macro in FOR_MODELS}


def for_readers() -> list[str]:
    """The views and macros for readers. A plug-in's may call models; none of iolake's own does."""
    return [name for name in sql_files() if not is_of_models(name)]


def models_behind(names: Iterable[str]) -> set[str]:
    """Models by name, with the macros of models that they call, themselves or by way of other macros and views."""
    texts = sql_files()
    seen: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name in texts and name not in seen:
            seen.add(name)
            waiting += words(texts[name])
    return {name for name in seen if is_of_models(name)}


def is_model(name: str) -> bool:
    """Whether a macro is the model of a declared mart, and so has its columns."""
    mart: Mapping[str, object] = schemas.tables()
    return name.endswith("_model") and isinstance(mart.get(name.removesuffix("_model")), Mart)
