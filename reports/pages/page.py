"""A page as data, and its three forms: HTML that needs no network, SVG, PNG."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from iolake.reports.charts import Query, theme
from iolake.warehouse import user_cache

_SCRIPT = ".js"
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_SCALE = 2.0
"""Pixels of a PNG for each pixel of the page."""


@dataclass(frozen=True)
class Table:
    """Rows of text below a heading. `links` maps (row, column) to the page that a cell leads to.

    On a phone each row is a card with its columns below each other, but where `grid`: a calendar keeps its form.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    links: dict[tuple[int, int], str] = field(default_factory=dict)
    grid: bool = False


@dataclass(frozen=True)
class Figure:
    """One picture or table of a page.

    `summary` says in words what the picture shows, for those who can't see it. `missing` is the reason for no picture.
    `queries` are what the picture was made from, as any DuckDB client can ask them.
    """

    key: str
    title: str
    summary: str
    chart: theme.Chart | None = None
    table: Table | None = None
    queries: Sequence[Query] = ()
    missing: str | None = None

    @property
    def spec(self) -> str:
        """The chart's Vega-Lite as JSON that can stand inside a script element."""
        assert self.chart is not None
        text = json.dumps(self.chart.to_dict(), separators=(",", ":"), default=str)
        return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


@dataclass(frozen=True)
class Page:
    """A title, the answer in one sentence, the facts, and figures. `links` are other pages, by their label."""

    title: str
    answer: str
    facts: Sequence[tuple[str, str]]
    figures: Sequence[Figure]
    footer: str = ""
    links: Sequence[tuple[str, str]] = ()
    tone: str = "neutral"

    def html(self) -> str:
        """The page as one HTML file: scripts, styles and data are inside, and nothing is fetched.

        Values of the lake are escaped: a path named `<script>` is shown as text.
        """
        template = _environment().get_template("page.html.j2")
        charts = any(figure.chart is not None for figure in self.figures)
        return template.render(
            page=self,
            pattern=Markup(theme.UNSEEN_PATTERN),
            style=Markup(_text("page.css")),
            script=Markup(_text("page.js")),
            bundle=Markup(_bundle()) if charts else "",
        )

    def svg(self) -> str:
        """All pictures of the page below each other, as one SVG."""
        charts = [
            alt.vconcat(figure.chart.copy(deep=True), title=alt.Title(figure.title, anchor="start", fontSize=15))
            for figure in self.figures
            if figure.chart is not None
        ]
        head = alt.Title(self.title, subtitle=self.answer, anchor="start", fontSize=18)
        sheet = alt.vconcat(*charts, title=head, background="white", spacing=28).resolve_scale(
            x="independent", y="independent", color="independent"
        )
        svg = vl_convert.vegalite_to_svg(json.dumps(sheet.to_dict(), default=str))
        return svg.replace(">", f"><defs>{theme.UNSEEN_PATTERN}</defs>", 1)

    def png(self) -> bytes:
        """The SVG's picture as a PNG."""
        return vl_convert.svg_to_png(self.svg(), scale=_SCALE)

    def write(self, path: Path) -> None:
        """Write the page in the form that the file's name ends in: .html, .svg or .png."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            path.write_bytes(self.png())
        else:
            path.write_text(self.svg() if path.suffix == ".svg" else self.html(), encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("iolake.reports.pages", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _text(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script; `</script` in it must not end the element that holds it.

    It follows from vl_convert's version and the snippet, and takes more than a second to make, so it is kept.
    """
    key = f"vega-{version('vl-convert-python')}-{blake2b(_SNIPPET.encode(), digest_size=4).hexdigest()}"
    kept = user_cache.fetch(key, _SCRIPT)
    if kept is None:
        kept = str(vl_convert.javascript_bundle(_SNIPPET)).encode()
        user_cache.keep(key, _SCRIPT, kept)
    return kept.decode().replace("</script", "<\\/script")
