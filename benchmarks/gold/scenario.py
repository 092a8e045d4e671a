"""The gold set as a scenario: what it is called and what can be chosen."""

from benchmarks.scenarios.contracts import Option, Scenario

SCENARIO = Scenario(
    "gold",
    "the gold set: phrases in three languages, from text to video and from voice to answer",
    "benchmarks.gold.rounds",
    (
        Option("rounds", 3, "of all phrases; with two or more, noise is known"),
        Option("only", "", "ids, languages, or gold, short, medium, with commas between"),
        Option("minutes", 8, "after which no further round is begun"),
        Option("quality", 1, "of how many rounds the films are measured, those that are equal once; 0 is none"),
    ),
    8,
)
