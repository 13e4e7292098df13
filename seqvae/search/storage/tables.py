"""The tables of a ledger, as SQLite makes them."""

from __future__ import annotations

# Made with the first terms that are written: ledgers of earlier versions, and of single terms, have none.
TERMS = """
CREATE TABLE IF NOT EXISTS terms (
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    numbers TEXT NOT NULL,
    PRIMARY KEY (round, place)
) WITHOUT ROWID
"""
# Made with the first standard errors that are written.
ERRORS = """
CREATE TABLE IF NOT EXISTS standard_errors (
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    deviations TEXT NOT NULL,
    PRIMARY KEY (round, place)
) WITHOUT ROWID
"""
# Made with the first designs that were bred: earlier versions say nothing of them.
BRED = """
CREATE TABLE IF NOT EXISTS bred (
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    parents TEXT NOT NULL,
    predicted TEXT,
    PRIMARY KEY (round, place)
) WITHOUT ROWID
"""
# Made with the first cheap scores: a search of one score has none.
CHEAP_SCORES = """
CREATE TABLE IF NOT EXISTS cheap_scores (
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    form TEXT NOT NULL,
    cheap TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (round, place)
) WITHOUT ROWID
"""
# Ledgers of earlier versions count nothing: they are counted when they are written to.
EVALUATED = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evaluations (
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    text TEXT NOT NULL,
    canonical TEXT,
    status TEXT NOT NULL,
    scores TEXT NOT NULL,
    error TEXT NOT NULL,
    seconds REAL NOT NULL,
    proposer TEXT NOT NULL,
    z BLOB,
    seed INTEGER,
    PRIMARY KEY (round, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counts SELECT 'evaluations', COUNT(*) FROM evaluations;
COMMIT;
"""
