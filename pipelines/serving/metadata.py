"""What clients of MySQL ask about tables (SHOW ..., information_schema), as statements on the edition itself.

An edition's schemas are a client's databases. Every statement runs where people's own do: in the child process,
behind the gate; nothing is evaluated in the server.
"""

from __future__ import annotations

import re

from pipelines.literal import quoted

_TYPE = """CASE
    WHEN data_type LIKE 'DECIMAL%' THEN lower(data_type)
    WHEN data_type IN ('BIGINT', 'UINTEGER') THEN 'bigint'
    WHEN data_type IN ('INTEGER', 'USMALLINT') THEN 'int'
    WHEN data_type IN ('SMALLINT', 'UTINYINT') THEN 'smallint'
    WHEN data_type = 'TINYINT' THEN 'tinyint'
    WHEN data_type = 'BOOLEAN' THEN 'tinyint(1)'
    WHEN data_type IN ('HUGEINT', 'UBIGINT', 'UHUGEINT') THEN 'decimal(39,0)'
    WHEN data_type IN ('FLOAT', 'DOUBLE') THEN 'double'
    WHEN data_type = 'DATE' THEN 'date'
    WHEN data_type = 'TIME' THEN 'time'
    WHEN data_type = 'TIMESTAMP' THEN 'datetime'
    WHEN data_type = 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp'
    ELSE 'text' END"""
# Views of ours in place of DuckDB's: its own columns, and those that clients of MySQL look for.
_VIEWS = {
    "schemata": "SELECT * REPLACE ('def' AS catalog_name, 'utf8mb4' AS default_character_set_name),"
    " 'utf8mb4_general_ci' AS default_collation_name FROM information_schema.schemata",
    "tables": "SELECT * REPLACE ('def' AS table_catalog), 'DuckDB' AS engine, 10 AS version, NULL::VARCHAR AS"
    " row_format, NULL::BIGINT AS table_rows, NULL::BIGINT AS avg_row_length, NULL::BIGINT AS data_length,"
    " NULL::BIGINT AS max_data_length, NULL::BIGINT AS index_length, NULL::BIGINT AS data_free, NULL::BIGINT AS"
    " auto_increment, NULL::TIMESTAMP AS create_time, NULL::TIMESTAMP AS update_time, NULL::TIMESTAMP AS check_time,"
    " 'utf8mb4_general_ci' AS table_collation, NULL::BIGINT AS checksum, '' AS create_options"
    " FROM information_schema.tables",
    "columns": f"SELECT * REPLACE ('def' AS table_catalog, regexp_replace({_TYPE}, '\\(.*', '') AS data_type),"
    f" data_type AS duckdb_type, {_TYPE} AS column_type, '' AS column_key, '' AS extra, 'select' AS privileges,"
    " NULL::INTEGER AS srs_id FROM information_schema.columns",
    "views": "SELECT 'def' AS table_catalog, schema_name AS table_schema, view_name AS table_name, sql AS"
    " view_definition, 'NONE' AS check_option, 'NO' AS is_updatable, '' AS definer, 'INVOKER' AS security_type,"
    " 'utf8mb4' AS character_set_client, 'utf8mb4_general_ci' AS collation_connection FROM duckdb_views()"
    " WHERE NOT internal",
    "character_sets": "SELECT 'utf8mb4' AS character_set_name, 'utf8mb4_general_ci' AS default_collate_name,"
    " 'UTF-8 Unicode' AS description, 4 AS maxlen",
    "collations": "SELECT 'utf8mb4_general_ci' AS collation_name, 'utf8mb4' AS character_set_name, 45 AS id,"
    " 'Yes' AS is_default, 'Yes' AS is_compiled, 1 AS sortlen",
    "engines": "SELECT 'DuckDB' AS engine, 'DEFAULT' AS support, 'read-only editions' AS comment, 'NO' AS"
    " transactions, 'NO' AS xa, 'NO' AS savepoints",
}
# What an edition does not have, with the columns that clients read.
_NOTHING = {
    "statistics": "table_catalog table_schema table_name non_unique index_schema index_name seq_in_index column_name"
    " collation cardinality sub_part packed nullable index_type comment index_comment is_visible expression",
    "key_column_usage": "constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name"
    " column_name ordinal_position position_in_unique_constraint referenced_table_schema referenced_table_name"
    " referenced_column_name",
    "table_constraints": "constraint_catalog constraint_schema constraint_name table_schema table_name"
    " constraint_type enforced",
    "referential_constraints": "constraint_catalog constraint_schema constraint_name unique_constraint_catalog"
    " unique_constraint_schema unique_constraint_name match_option update_rule delete_rule table_name"
    " referenced_table_name",
    "check_constraints": "constraint_catalog constraint_schema constraint_name check_clause",
    "routines": "specific_name routine_catalog routine_schema routine_name routine_type data_type dtd_identifier"
    " routine_definition routine_comment definer created last_altered sql_mode security_type",
    "parameters": "specific_catalog specific_schema specific_name ordinal_position parameter_mode parameter_name"
    " data_type dtd_identifier routine_type",
    "triggers": "trigger_catalog trigger_schema trigger_name event_manipulation event_object_schema"
    " event_object_table action_order action_statement action_timing definer",
    "events": "event_catalog event_schema event_name definer event_definition event_type status event_comment",
    "partitions": "table_catalog table_schema table_name partition_name subpartition_name",
    "user_privileges": "grantee table_catalog privilege_type is_grantable",
    "schema_privileges": "grantee table_catalog table_schema privilege_type is_grantable",
    "table_privileges": "grantee table_catalog table_schema table_name privilege_type is_grantable",
    "column_privileges": "grantee table_catalog table_schema table_name column_name privilege_type is_grantable",
    "plugins": "plugin_name plugin_version plugin_status plugin_type plugin_library plugin_license",
    "processlist": "id user host db command time state info",
}
_NAMED = re.compile(r'"?\binformation_schema\b"?\s*\.\s*"?(\w+)"?', re.IGNORECASE)
_IDENTIFIER = r"""(?:`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\w.]+)"""
_OF = rf"(?:\s+(?:FROM|IN)\s+(?P<of>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?))?"
_IN = rf"(?:\s+(?:FROM|IN)\s+(?P<schema>{_IDENTIFIER}))?"
_LIKE = r"(?:\s+LIKE\s+'(?P<like>(?:[^']|'')*)'|\s+WHERE\b.*)?"
_DATABASES = re.compile(rf"SHOW\s+(?:DATABASES|SCHEMAS){_LIKE}", re.IGNORECASE | re.DOTALL)
_TABLES = re.compile(rf"SHOW\s+(?P<full>(?:EXTENDED\s+)?FULL\s+)?TABLES{_IN}{_LIKE}", re.IGNORECASE | re.DOTALL)
_STATUS = re.compile(rf"SHOW\s+TABLE\s+STATUS{_IN}{_LIKE}", re.IGNORECASE | re.DOTALL)
_COLUMNS = re.compile(
    rf"SHOW\s+(?P<full>(?:EXTENDED\s+)?FULL\s+)?(?:COLUMNS|FIELDS){_OF}{_IN}{_LIKE}", re.IGNORECASE | re.DOTALL
)
_CREATE = re.compile(
    rf"SHOW\s+CREATE\s+(?:TABLE|VIEW)\s+(?P<of>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?)", re.IGNORECASE
)


def views(sql: str) -> str:
    """Return the statement with our views where it names those of information_schema; other names are left."""

    def view(match: re.Match[str]) -> str:
        name = match[1].lower()
        if name in _VIEWS:
            return f"({_VIEWS[name]})"
        if name in _NOTHING:
            return "(SELECT " + ", ".join(f"NULL::VARCHAR AS {c}" for c in _NOTHING[name].split()) + " WHERE false)"
        return match[0]

    return _NAMED.sub(view, sql)


def listing(sql: str, database: str | None) -> str | None:
    """Return the statement that answers a SHOW of databases, tables or columns, None where it is none of those.

    Args:
        sql: the statement, without comments and semicolon.
        database: the schema chosen by USE, None before.
    """
    if found := _DATABASES.fullmatch(sql):
        where = _like("schema_name", found)
        return (
            'SELECT DISTINCT schema_name AS "Database" FROM duckdb_tables() WHERE NOT internal'
            f"{where} UNION SELECT schema_name FROM duckdb_views() WHERE NOT internal{where} ORDER BY 1"
        )
    if found := _TABLES.fullmatch(sql):
        schema = _plain(found["schema"]) or database
        # Without a database the names come whole, as they are written in a query.
        name = "table_name" if schema else "table_schema || '.' || table_name"
        kind = ", table_type AS Table_type" if found["full"] else ""
        return (
            f'SELECT {name} AS "Tables_in_{_label(schema or "edition")}"{kind} FROM information_schema.tables'
            f" WHERE {_schema_is(schema)}{_like('table_name', found)} ORDER BY 1"
        )
    if found := _STATUS.fullmatch(sql):
        schema = _plain(found["schema"]) or database
        return (
            "SELECT table_name AS Name, engine AS Engine, version AS Version, row_format AS Row_format, table_rows AS"
            ' "Rows", create_time AS Create_time, update_time AS Update_time, table_collation AS Collation,'
            f" create_options AS Create_options, table_comment AS Comment FROM ({_VIEWS['tables']})"
            f" WHERE {_schema_is(schema)}{_like('table_name', found)} ORDER BY 1"
        )
    if (found := _COLUMNS.fullmatch(sql)) and found["of"]:
        schema, table = _table(found["of"], _plain(found["schema"]) or database)
        more = (
            ", 'utf8mb4_general_ci' AS Collation, privileges AS Privileges, column_comment AS Comment"
            if found["full"]
            else ""
        )
        return (
            'SELECT column_name AS Field, column_type AS Type, is_nullable AS "Null", column_key AS Key,'
            f' column_default AS "Default", extra AS Extra{more} FROM ({_VIEWS["columns"]})'
            f" WHERE {_schema_is(schema)} AND table_name = {quoted(table)}{_like('column_name', found)}"
            " ORDER BY ordinal_position"
        )
    if found := _CREATE.fullmatch(sql):
        schema, table = _table(found["of"], database)
        where = f"{_schema_is(schema, 'schema_name')} AND"
        return (
            f'SELECT table_name AS "Table", sql AS "Create Table" FROM duckdb_tables() WHERE {where} table_name ='
            f" {quoted(table)} UNION ALL SELECT view_name, sql FROM duckdb_views() WHERE {where} view_name ="
            f" {quoted(table)}"
        )
    return None


def _like(column: str, found: re.Match[str]) -> str:
    pattern = found["like"]
    return f" AND {column} LIKE '{pattern}' ESCAPE '\\'" if pattern is not None else ""


def _schema_is(schema: str | None, column: str = "table_schema") -> str:
    return f"{column} = {quoted(schema)}" if schema else f"{column} NOT IN ('information_schema', 'pg_catalog')"


def _table(name: str, schema: str | None) -> tuple[str | None, str]:
    parts = [_plain(part) or "" for part in re.findall(r"""`(?:[^`]|``)+`|"(?:[^"]|"")+"|[^.\s]+""", name)]
    return (parts[-2] if len(parts) > 1 else schema), parts[-1]


def _plain(name: str | None) -> str | None:
    if name is None:
        return None
    mark = name[0]
    return name[1:-1].replace(mark * 2, mark) if mark in '`"' else name


def _label(name: str) -> str:
    return name.replace('"', '""')
