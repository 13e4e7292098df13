"""What each metric of a model is called in every table: declared once, beside the field that holds it."""

from __future__ import annotations

from dataclasses import dataclass

TELLING = "telling"  # one of those to look at first, among all metrics of a model
BRIEF = "brief"  # one of those shown after training: on a model card, the terminal and quickstart's page
BY_PROPERTY = "by property"  # a value per property: a column of a separate table


@dataclass(frozen=True, init=False)
class Metric:
    """A name for people.

    Attributes:
        title: what it is called, its unit in brackets at the end.
        about: what it says, in one line.
        places: where it is shown besides the table of all: `TELLING`, `BRIEF`; or `BY_PROPERTY`.
    """

    title: str
    about: str
    places: frozenset[str]

    def __init__(self, title: str, about: str, *places: str) -> None:
        for name, value in (("title", title), ("about", about), ("places", frozenset(places))):
            object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """The title without its unit."""
        return self.title.rpartition(" (")[0] if self.title.endswith(")") else self.title

    @property
    def unit(self) -> str:
        """What stands in brackets at the end of the title; empty where there is none."""
        return self.title.removeprefix(self.name).removeprefix(" (").removesuffix(")")


PROPERTIES = {
    "logp": Metric("logP", "octanol-water partition coefficient (Crippen), log10"),
    "qed": Metric("QED", "drug-likeness, 0 to 1"),
    "sa": Metric("SA score", "synthetic accessibility, 1 (easy) to 10"),
    "gc": Metric("GC", "share of G and C"),
}
