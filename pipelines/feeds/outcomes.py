"""What becomes of each row that comes in: accepted, duplicate, superseded, voided or pending.

Nearly all rows are new or exact copies, and a hash tells them. Only what shares its key with something else is laid
out as versions in the order they came, which costs a hundred times as much (`outcome_select`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import storage
from pipelines.contracts import Contract

if TYPE_CHECKING:
    import duckdb

# Beyond this share of the table it is cheaper to hash all standing rows than to look for the numbers that came.
LOOK_UP_SHARE = 0.25


def outcome_select(contract: Contract, incoming: str, standing: str, *, stored: bool = False) -> str:
    """Return the SELECT that gives every incoming row, and every standing one of its key, its outcome.

    A ticket, quote, filing or site is the rows of one key; for tickets of one plate too, and within
    `identity_hours` of each other; for waybills of one ticket, whenever, where they name one. Its rows are versions
    in the order they came, load by load and line by line: one that equals the version before it is a duplicate,
    else it replaces it. So the last version stands, also where it says again what an earlier one said. A row that
    still waits for its second weighing replaces no complete one. A ticket that another source profile keyed by
    another number period is the same one if plate, time and weights are equal. Without a whole key a row can only
    be a duplicate.

    Args:
        contract: contract of the feed.
        incoming: relation of rows with load_no, line and is_incomplete.
        standing: relation of rows with load_no, line and outcome, none of them superseded.
        stored: whether both bear the columns of the store (numbers for words).

    The result: load_no, line, is_standing, key_hash, has_key, outcome, ended_load_no (of the next version).
    """
    facts = _facts(contract, stored=stored)
    told, things = _told_apart(contract)
    return f"""
        WITH pool AS (
            SELECT load_no, line, false AS is_standing, is_incomplete, {facts} FROM {incoming}
            UNION ALL
            SELECT load_no, line, true AS is_standing, outcome = 'pending' AS is_incomplete, {facts} FROM {standing}
        ),
        gap AS (
            SELECT *,
                coalesce(
                    happened_at - lag(happened_at) OVER thing > INTERVAL '{contract.identity_hours} hours', false
                )::INTEGER AS cut
            FROM pool WINDOW thing AS (PARTITION BY key_hash, identity_hash ORDER BY happened_at, load_no, line)
        ),
        clustered AS (
            SELECT *, sum(cut) OVER (
                PARTITION BY key_hash, identity_hash ORDER BY happened_at, load_no, line ROWS UNBOUNDED PRECEDING
            ) AS cluster_no FROM gap
        ),{told}
        copied AS (
            SELECT *,
                NOT is_standing AND CASE
                    WHEN NOT has_key THEN row_number() OVER (PARTITION BY own_hash ORDER BY load_no, line) > 1
                    ELSE coalesce(lag(same_hash) OVER version = same_hash, false)
                        OR first_value(period) OVER name <> period
                        OR (is_incomplete AND coalesce(bool_and(is_incomplete) OVER earlier = false, false))
                END AS is_copy
            FROM {things}
            WINDOW version AS (PARTITION BY key_hash, identity_hash, cluster_no ORDER BY load_no, line),
                earlier AS (
                    PARTITION BY key_hash, identity_hash, cluster_no ORDER BY load_no, line
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                name AS (PARTITION BY name_hash, across_hash ORDER BY load_no, line)
        ),
        newest AS (
            SELECT *, lead(load_no) OVER (
                PARTITION BY key_hash, identity_hash, cluster_no ORDER BY load_no, line
            ) AS next_load_no FROM copied WHERE NOT is_copy
        )
        SELECT load_no, line, is_standing, key_hash, has_key,
            CASE
                WHEN has_key AND next_load_no IS NOT NULL THEN 'superseded'
                WHEN is_void THEN 'voided'
                WHEN is_incomplete THEN 'pending'
                ELSE 'accepted'
            END AS outcome,
            CASE WHEN has_key THEN next_load_no END AS ended_load_no
        FROM newest
        UNION ALL
        SELECT load_no, line, is_standing, key_hash, has_key, 'duplicate', NULL FROM copied WHERE is_copy
    """


def _told_apart(contract: Contract) -> tuple[str, str]:
    """Return the stage that tells things apart by `identity_if_given` (most feeds have none) and the last stage.

    A row that is blank there belongs to what came before it in its cluster, or else to what comes next. Rows that
    name the same are one thing however far apart they are: somebody mended the time.
    """
    if not contract.identity_if_given:
        return "", "clustered"
    return (
        """
        named AS (
            SELECT *, coalesce(last_value(given_hash IGNORE NULLS) OVER until, first_value(given_hash IGNORE NULLS)
                OVER (until ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) AS name_given
            FROM clustered
            WINDOW until AS (PARTITION BY key_hash, identity_hash, cluster_no ORDER BY load_no, line)
        ),
        thing AS (SELECT * REPLACE (hash(identity_hash, name_given) AS identity_hash,
            CASE WHEN name_given IS NULL THEN cluster_no END AS cluster_no) FROM named),""",
        "thing",
    )


def judge(con: duckdb.DuckDBPyConnection, contract: Contract, row_count: int, *, mixes_periods: bool) -> None:
    """Write table `judged`: the outcome of each incoming row that is not simply new, and of standing rows it ends.

    Reads relation `incoming` (columns of the store, load_no, is_incomplete). Rows of `incoming` that `judged` does
    not name are new: voided, pending or accepted by what they say themselves.

    Args:
        con: writer's connection, within the load's transaction.
        contract: contract of the feed.
        row_count: rows of `incoming`, to choose the cheaper way.
        mixes_periods: whether sources with different number periods feed this table, so that one ticket may have
            two keys.
    """
    table = storage.table_of(contract)
    standing = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    standing_count = standing[0] if standing else 0
    con.execute(f"CREATE OR REPLACE TEMP VIEW thing AS {_things(contract)}")
    con.execute("CREATE OR REPLACE TEMP TABLE shared AS SELECT thing_hash FROM thing GROUP BY 1 HAVING count(*) > 1")
    con.execute("CREATE OR REPLACE TEMP TABLE standing_fact (load_no INTEGER, line BIGINT, thing_hash UBIGINT)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE judged (load_no INTEGER, line BIGINT, is_standing BOOLEAN, key_hash UBIGINT,"
        " has_key BOOLEAN, outcome VARCHAR, ended_load_no INTEGER)"
    )
    if standing_count:
        is_small = row_count < standing_count * LOOK_UP_SHARE
        _compare_with_standing(con, contract, is_small=is_small, keeps_all=mixes_periods)
    if mixes_periods:
        _share_across_periods(con, contract)
    if con.execute("SELECT 1 FROM shared LIMIT 1").fetchone():
        con.execute(
            "CREATE OR REPLACE TEMP TABLE entangled AS FROM incoming SEMI JOIN"
            " (SELECT load_no, line FROM thing WHERE thing_hash IN (FROM shared)) AS mine USING (load_no, line)"
        )
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE entangled_standing AS FROM {table} SEMI JOIN (SELECT load_no, line"
            " FROM standing_fact WHERE thing_hash IN (FROM shared)) AS mine USING (load_no, line)"
        )
        con.execute(
            "INSERT INTO judged FROM ("
            f"{outcome_select(contract, 'entangled', 'entangled_standing', stored=True)}) ORDER BY load_no, line"
        )
        con.execute("DROP TABLE entangled; DROP TABLE entangled_standing")
    con.execute("DROP TABLE standing_fact; DROP TABLE shared; DROP VIEW thing")


def _things(contract: Contract) -> str:
    """Return the SELECT of load_no, line, thing_hash and is_special of the incoming rows.

    Rows of one thing_hash may be versions of one thing; void and incomplete ones are special.
    """
    special = f"{_void(contract)} OR is_incomplete AS is_special"
    keyed = f"SELECT load_no, line, {_thing(contract)} AS thing_hash, {special} FROM incoming_key"
    if not contract.has_number_period:
        return keyed
    number = f'"{contract.key[-1]}"'
    # A row without a number needs all its columns to be told from others; there are few.
    return (
        f"{keyed} WHERE {number} IS NOT NULL UNION ALL SELECT load_no, line, {_nameless(contract)}, {special}"
        f" FROM incoming WHERE {number} IS NULL"
    )


def _compare_with_standing(
    con: duckdb.DuckDBPyConnection, contract: Contract, *, is_small: bool, keeps_all: bool
) -> None:
    """Write to `judged` the plain copies of what stands, and add to `shared` what meets something else there.

    Of the standing rows that were met, `standing_fact` gets those that share, or all of them with `keeps_all`.
    """
    table = storage.table_of(contract)
    same = f"hash({_listed(contract, contract.same or tuple(contract.columns))})"
    thing = _thing(contract)
    narrow = "true"
    if contract.has_number_period:
        number = f'"{contract.key[-1]}"'
        thing = f"CASE WHEN {number} IS NULL THEN {_nameless(contract)} ELSE {thing} END"
        if is_small and storage.is_numbered(contract):
            # The range of the numbers that came prunes blocks of the table before any word is read.
            narrow = f"{number} IN (SELECT {number} FROM incoming_key)"
            blank = con.execute(f"SELECT 1 FROM incoming_key WHERE {number} IS NULL LIMIT 1").fetchone()
            narrow = f"({narrow} OR {number} IS NULL)" if blank else narrow
    special = f"{_void(contract)} OR is_incomplete AS is_special"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE fact AS"
        f" SELECT load_no, line, {thing} AS thing_hash, {same} AS same_hash, {special} FROM incoming"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE met AS SELECT * FROM ("
        f" SELECT load_no, line, {thing} AS thing_hash, {same} AS same_hash, outcome = 'accepted' AS is_plain"
        f" FROM {table} WHERE outcome <> 'superseded' AND {narrow}"
        ") WHERE thing_hash IN (SELECT thing_hash FROM fact)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE pair AS SELECT fact.load_no, fact.line, thing_hash,"
        " fact.same_hash = met.same_hash AND NOT fact.is_special AND met.is_plain AS is_copy"
        " FROM fact JOIN met USING (thing_hash)"
    )
    con.execute("DROP TABLE fact")
    con.execute(
        "INSERT INTO shared SELECT * FROM (SELECT thing_hash FROM met GROUP BY 1 HAVING count(*) > 1"
        " UNION SELECT thing_hash FROM pair WHERE NOT is_copy) WHERE thing_hash NOT IN (FROM shared)"
    )
    con.execute(
        "INSERT INTO standing_fact SELECT load_no, line, thing_hash FROM met"
        + ("" if keeps_all else " WHERE thing_hash IN (FROM shared)")
    )
    con.execute("DROP TABLE met")
    con.execute(
        "INSERT INTO judged SELECT load_no, line, false, thing_hash, true, 'duplicate', NULL FROM pair"
        " WHERE thing_hash NOT IN (FROM shared)"
    )
    con.execute("DROP TABLE pair")


def _share_across_periods(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Add to `shared` the tickets that two number periods key differently though they are one weighing."""
    table = storage.table_of(contract)
    names = (*contract.key, *(contract.same_across_periods or contract.same))
    across = f"hash({_listed(contract, names)}) AS across_hash, {_thing(contract)} AS thing_hash"
    number = f'"{contract.key[-1]}"'
    con.execute(
        "CREATE OR REPLACE TEMP TABLE across AS"
        f" SELECT {across}, load_no, line, false AS is_standing FROM incoming WHERE {number} IS NOT NULL"
        f" UNION ALL SELECT {across}, load_no, line, true FROM {table}"
        f" WHERE outcome <> 'superseded' AND {number} IN (SELECT {number} FROM incoming_key)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE twice AS SELECT DISTINCT thing_hash, load_no, line, is_standing FROM across"
        " WHERE across_hash IN (SELECT across_hash FROM across GROUP BY 1 HAVING count(DISTINCT thing_hash) > 1)"
    )
    con.execute("INSERT INTO shared SELECT DISTINCT thing_hash FROM twice WHERE thing_hash NOT IN (FROM shared)")
    # What was taken for a plain copy is looked at once more, beside the weighing under the other key.
    con.execute("DELETE FROM judged WHERE key_hash IN (SELECT thing_hash FROM twice)")
    con.execute(
        "INSERT INTO standing_fact SELECT load_no, line, thing_hash FROM twice WHERE is_standing AND NOT EXISTS ("
        " FROM standing_fact AS known WHERE known.load_no = twice.load_no AND known.line = twice.line)"
    )
    con.execute("DROP TABLE across; DROP TABLE twice")


def _listed(contract: Contract, names: tuple[str, ...]) -> str:
    return ", ".join(f'"{storage.stored_name(contract, name)}"' for name in names)


def _void(contract: Contract) -> str:
    return f'coalesce("{contract.void_column}", false)' if contract.void_column else "false"


def _thing(contract: Contract) -> str:
    """SQL of the hash under which two rows may be versions of one thing; NULL numbers apart (`_nameless`)."""
    return f"hash({_listed(contract, (*contract.key, *(['number_period'] if contract.has_number_period else [])))})"


def _nameless(contract: Contract) -> str:
    return f"hash({_listed(contract, tuple(contract.columns))})"


def _facts(contract: Contract, *, stored: bool) -> str:
    def listed(names: tuple[str, ...]) -> str:
        return _listed(contract, names) if stored else ", ".join(f'"{name}"' for name in names)

    own = tuple(contract.columns)
    same = contract.same or own
    period = listed(("number_period",)) if contract.has_number_period else "''"
    key = contract.key
    # A ticket without a number has no key; a quote or filing always has one.
    has_key = f'"{key[-1]}" IS NOT NULL' if contract.has_number_period else "true"
    time = f'"{contract.period}"' if contract.period and contract.identity else "NULL::TIMESTAMPTZ"
    identity = f"hash({listed(contract.identity)})" if contract.identity else "0::UBIGINT"
    named = contract.identity_if_given
    blank = " OR ".join(f"{name} IS NULL" for name in listed(named).split(", ")) if named else ""
    given = f" CASE WHEN NOT ({blank}) THEN hash({listed(named)}) END AS given_hash," if named else ""
    # 64-bit hashes: among ten million rows the chance of one false meeting is about one in a million.
    return (
        f"{has_key} AS has_key, hash({listed(key)}) AS name_hash, hash({listed(key)}, {period}) AS key_hash,"
        f" {period} AS period, hash({listed(same)}) AS same_hash, hash({listed(own)}) AS own_hash,"
        f" hash({listed(contract.same_across_periods or same)}) AS across_hash,"
        f" {identity} AS identity_hash,{given} {time} AS happened_at, {_void(contract)} AS is_void"
    )
